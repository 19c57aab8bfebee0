"""Images and clips: where they come from, how they are split, how they are shown.

`images` (opens any data set), `splits` (minival, subsets), `check` (decodes every file once),
`unreadable` (what a file is that is no image), `shared` (images that are in two parts), `loaders`
(training and evaluation batches), `randomness` (the address of every random number); `build`,
`rate` and `survey` are behind `rslib data`. Rooms: `formats/`, `augment/` and, of videos, `clips/`.

May import the ground. It takes a `config.Recipe`, but imports no recipes, models or training.
"""

from rslib.data.augment import RandAugment, eval_crop, random_flip, random_resized_crop

__all__ = ["RandAugment", "eval_crop", "random_flip", "random_resized_crop"]
