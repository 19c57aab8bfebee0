# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags,mystnb,-all
#     notebook_metadata_filter: kernelspec,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Data
#
# This page shows which images a network can be trained on, where to get them, how to check them, and
# what training does to them.

# %% [markdown]
# :::{table} What this page shows, and how long it takes.
#
# | this page | |
# |---|---|
# | shows | the embedded images and eight photographs; needs no download |
# | takes | half a minute on any machine |
# | your images | `papermill notebooks/data.ipynb out.ipynb -p dataset folder -p data_dir /path/to/images` checks them, and shows them in place of the photographs |
# :::

# %% tags=["parameters"]
dataset: str = ""  # folder, cifar10, cifar100 or imagenet; empty for eight photographs
data_dir: str = ""  # Where that data set lies
sample: int = 1000  # How many images of each part are decoded; 0 for all

# %% tags=["hide-input"]
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import display
from matplotlib_inline.backend_inline import set_matplotlib_formats
from PIL import ExifTags, Image
from torchvision.datasets.imagenet import ARCHIVE_META

from rslib import paths
from rslib.config import Data
from rslib.data import check, images, survey
from rslib.data.augment import OPERATIONS, Draw, RandAugment, eval_crop
from rslib.data.formats import cifar
from rslib.data.loaders import TrainView
from rslib.data.randomness import generator
from rslib.recipes.additive import TABLE_1
from rslib.recipes.scales import at_scale
from rslib.report import sheets
from rslib.running import params
from rslib.weights.evaluate import TIMM_CROP, timm_crop

asked = params.from_namespace(globals(), params.Looking)
# photographs are large as PNG; without a box that cuts the margins, pixels stay pixels
set_matplotlib_formats("jpeg", bbox_inches=None, pil_kwargs={"quality": 80})

# %% [markdown]
# ## The data sets
#
# :::{table} The data sets: what their images show, and how many there are.
#
# | dataset | what | images, training + test |
# |---|---|---|
# | fashion-mnist | grey clothes of 28 px in 10 classes {cite:p}`xiao2017fashion`; embedded | 4,000 of 60,000 + 10,000 |
# | cifar10, cifar100 | animals and things of 32 px in 10 or 100 classes {cite:p}`krizhevsky2009learning` | 50,000 + 10,000 |
# | imagenet | photographs, often 500 × 375 px, in 1,000 classes; ILSVRC 2012 {cite:p}`russakovsky2015imagenet` | 1,281,167 + 50,000 |
# | folder | your own images, of any size, in 2 classes or more | 3,000 at `laptop` + any |
# :::
#
# Sources and terms:
#
# - **Fashion-MNIST** needs no download. A part of it is in the repository, 6 MB, under the MIT licence. [The whole
#   set](https://github.com/zalandoresearch/fashion-mnist) is not needed.
# - **CIFAR** is on [its authors' page](https://www.cs.toronto.edu/~kriz/cifar.html) as two archives of about
#   170 MB ("python version"). The page names no licence; it asks you to cite the authors' report.
# - **ImageNet** is at [image-net.org](https://image-net.org/download.php), for non-commercial research and
#   education only. Register, agree to the terms, and download three archives of ILSVRC 2012, of
#   138 GB, 6.3 GB and 2.5 MB. A copy from elsewhere is under the same terms. No other images give the
#   paper's numbers.
#
# These are the MD5 sums of the published archives, from torchvision, in the format of `md5sum -c`.
# `rslib` opens CIFAR only if they match. You unpack ImageNet's archives yourself, so compare
# their sums yourself.

# %% tags=["hide-input"]
for reader in cifar.READERS.values():
    print(f"{reader.tgz_md5}  {reader.filename}")
for archive, md5 in ARCHIVE_META.values():
    print(f"{md5}  {archive}")

# %% [markdown]
# ## Layouts
#
# :::{table} How each data set is stored in `data_dir`.
#
# | dataset | in `data_dir` |
# |---|---|
# | folder | `train/<class>/*` and `val/<class>/*`, or `test/`; or the tars below |
# | cifar10, cifar100 | the published `.tar.gz`, or its contents |
# | imagenet | one of the four layouts below |
# :::
#
# ImageNet's classes are in the order of their wnids (`n01440764` …) in all four:
#
# 1. **folders**: `train/<wnid>/*` and `val/<wnid>/*`;
# 2. **flat validation**: `train/<wnid>/*`, and the 50,000 files of `val/` (or `validation/`, `valid/`) as in their archive,
#    next to `ILSVRC2012_devkit_t12.tar.gz`, which has their classes;
# 3. **TFRecord shards**: `train-00000-of-01024` …, `validation-00000-of-00128` …, with the keys of Google's
#    scripts or of TFDS (reading them needs no TensorFlow);
# 4. **tars** of smaller JPEGs, as `python -m rslib data build` writes them.
#
# In the layout of `folder`, the test images may be in `test/`, `val/`, `validation/` or `valid/`, in capitals too. If
# there are several, the first one in this order that has the classes of `train/` is used, and a line states which.
#
# These commands make layout 2 from the archives:
#
# ```bash
# mkdir train val
# tar -xf ILSVRC2012_img_val.tar -C val
# tar -xf ILSVRC2012_img_train.tar -C train
# for t in train/*.tar; do mkdir "${t%.tar}" && tar -xf "$t" -C "${t%.tar}" && rm "$t"; done
# python -m rslib data check imagenet .
# ```
#
# The variable `RSLIB_DATA` names the folder of ImageNet or CIFAR for all commands. `-p data_dir` or
# `--data-dir` names any folder for one command.

# %% [markdown]
# ## What is read, skipped or refused
#
# Every file is decoded once before training. One line per part counts the skipped files, also before training. An
# error names what is refused, and the remedy.
#
# :::{table} What can be in a folder of images, and what happens to it.
#
# | what is in the folder | what happens |
# |---|---|
# | `.jpg` `.jpeg` `.jpe` `.jfif` `.jif` `.png` `.bmp` `.webp` `.tif` `.tiff` `.ppm` `.pgm`, in any case | read; the first bytes determine the format |
# | other suffixes, or none; files next to the class folders; links to folders | skipped |
# | hidden files and folders; `@eaDir`, `#recycle`, `lost+found`, `__MACOSX` and other system folders | skipped, and never a class |
# | folders with the name of an image, `a.jpg/` | skipped |
# | named pipes, sockets, devices, links to nowhere | never opened; counted as unreadable |
# | half files, pages of HTML, Git LFS pointers, more pixels than Pillow's limit, grey images of more than 16 bits (convert them to 8) | unreadable: left out; refused if they are more than one in a thousand |
# | class names in two forms of Unicode | one class; refused if both are in one part |
# | classes in one part only, or without an image | refused |
# | a class with less than an even share for {term}`minival` | gives half of its images, rounded down |
# | the same image in the training and test images | reported, and kept |
# | tars: members of the suffixes above, `.cls`, `.txt`; folders and `./` before names | read |
# | tars: `._*`, hidden and other members; labels without an image | skipped |
# | tars: absolute names, `..`, links, devices, holes | the tar is refused |
# | ImageNet with more than one image in a thousand missing | reported; refused by `data check`, and if a run needs all images |
# :::

# %% [markdown]
# ## Check the data
#
# Three commands look at data without training:
#
# ```bash
# python -m rslib data check folder /path/to/images
# python -m rslib data bench folder /path/to/images --side 160
# python -m rslib data build imagenet /data/imagenet --to /data/256 --side 256
# ```
#
# `data check` counts images and classes, and decodes all of them (with `--sample 1000`, fewer). It names the
# unreadable ones, and counts the odd ones: other colours, a file type that differs from its name, EXIF that
# is damaged or asks for a rotation. It reports what is skipped: hidden files, links to folders, and suffixes such as
# `.gif`. It compares shards with their checksums, and the number of images of ImageNet with the published number.
#
# `data bench` measures how many images per second one core reads, decodes and augments, and all loader processes
# together. If this is less than the GPU takes, the GPU waits.
#
# `data build` writes the images again as tars of smaller JPEGs, for `-p data_dir /data/256`. It decodes all images
# first. Unreadable ones are named and left out; if they are more than one in a thousand, the command refuses before it
# writes anything. If it is stopped, run the same command again to resume. When it is complete, the same command
# rewrites only the tars whose SHA-256 has changed. Tars keep the names of the images, so minival is the same
# if names decide it, and `minival.txt` is copied. Tars of ImageNet are found through `RSLIB_DATA` and count as
# ImageNet. Results, and the line above each table, then state the resolution and quality of the JPEGs.
#
# This is the output of `data check` for the embedded images:

# %%
listing = images.source("fashion-mnist")
unreadable = survey.survey(listing)

# %% [markdown]
# The next output is for a folder of [eight photographs](https://scikit-image.org/docs/stable/api/skimage.data.html)
# from scikit-image, all in the public domain or CC0, and four files that were damaged on purpose:
# printer's colours (CMYK), a PNG with a wrong name, a photograph taken sideways, and half a file.
# ImageNet has files of the first two kinds, and grey ones (L).

# %% tags=["hide-input"]
photographs = sorted((paths.ROOT / "data" / "photos").glob("*.jpg"))
made = tempfile.TemporaryDirectory()
for file in photographs:
    with Image.open(file) as image:
        kind = "grey" if image.mode == "L" else "colour"
    folder = Path(made.name) / ("train" if file.stem < "g" else "val") / kind
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder)
colour = Path(made.name) / "train" / "colour"
with Image.open(colour / "coffee.jpg") as image:
    image.convert("CMYK").save(colour / "printed.jpg")
    image.save(colour / "misnamed.jpg", format="PNG")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image.save(Path(made.name) / "val" / "colour" / "sideways.jpg", exif=exif)
_ = (colour / "half.jpg").write_bytes((colour / "coffee.jpg").read_bytes()[:20_000])

# %%
unreadable = survey.survey(images.source("folder", made.name))

# %% [markdown]
# CMYK, grey, palettes and transparency become RGB. The content of a file determines its type, not its name.
# EXIF rotations are counted but not applied, because TensorFlow, which read the paper's images, applies none.
# Unreadable files are named. Training leaves them out, and refuses to begin if they are more than one image in a
# thousand.

# %% tags=["hide-input"]
if asked.dataset:
    own = images.source(asked.dataset, asked.data_dir)
    unreadable = survey.survey(own, asked.sample)

# %% [markdown]
# ## Training images, minival and test images
#
# Tables show the accuracy on test images, which are never used to make a choice. *Minival* is held out of the
# training images, for looking at while training. For ImageNet, the paper's minival is the first 20 of 1,024 shards
# of Google's scripts, 25,022 images. `rslib` takes
#
# - the first 20 shards, if ImageNet is stored in 1,024 shards. TFDS's shards hold other images, and results then
#   say "(TFDS)";
# - otherwise the images in `minival.txt`, if this file is in the folder. It has one file name per line; lines that
#   begin with `#` are skipped;
# - otherwise the same number of images, balanced over the classes and chosen by a hash of their names. The same files
#   always give the same images. They are not the paper's, and they differ between layouts with different file names.
#
# Every result states which rule was used. Shards that were written in the order of classes have about the first 20
# classes in their first 20 files. If these were held out, no images of those classes would be left for training, and
# minival would have none of the other 980. Therefore shards are refused if the first 20 lack more than a tenth of
# the classes.
#
# This is the split of the embedded images at the scale `laptop`. The hash covers the content of every image that is
# used, and is written into each result:

# %%
recipe = at_scale(TABLE_1.row("weight-decay"), "laptop").recipe
for name, what in images.open_images(recipe.data, listing).manifest.items():
    print(f"{name:8} {what}")

# %% [markdown]
# ## What the embedded images can show
#
# With the embedded images, everything runs anywhere. They show the *direction* of a change when a network sees few
# images many times. They give none of the paper's numbers, and some of its questions hardly apply to them:
#
# - They are grey clothes, upright and centred. Crops and rotations can teach little, and Color has no effect.
# - There are 4,000 training images, of which a run uses 1,000 or 2,000.
# - They have 28 pixels. A larger input would show the same pixels again, so scaling the resolution,
#   one of the paper's two ways to scale, cannot be tested on them.
#
# [Deviations](../book/deviations.md) and [scales](../book/method.md#scales) list the changes that were made for
# them.
#
# The figure shows one image of each class, and below it the same image after two operations of RandAugment, at
# the magnitude of that scale:

# %% mystnb={"figure": {"caption": "One image of each class of Fashion-MNIST, and below each what RandAugment makes of it.", "name": "figure-classes"}, "image": {"alt": "Twenty small grey pictures of clothes in pairs: one of each of the ten classes of Fashion-MNIST, and below each the same one turned, shifted, inverted, cut, or made brighter.", "classes": "dark-light"}}
train, _, classes = listing
firsts = [train.image(np.argmax(train.labels == label)) for label in range(len(classes))]
magnitude = recipe.regularization.randaugment
randaugment = RandAugment(magnitude, reference_side=recipe.data.pixel_reference)
lines = []
for labels in (range(5), range(5, 10)):
    lines.append([(classes[label], firsts[label]) for label in labels])
    # the address of a random choice: seed, epoch, image
    lines.append([("", randaugment(firsts[k], generator(3, 0, k))) for k in labels])
print(f"magnitude {magnitude:g}, lengths in pixels × {32 / recipe.data.pixel_reference:g}")
_ = sheets.sheet(lines)

# %% [markdown]
# ## RandAugment, one operation at a time
#
# Each training image goes through two of sixteen operations, which are drawn again each time
# {cite:p}`cubuk2020randaugment`. One number, the magnitude M, sets the strength of all operations. The paper
# uses 10 for images of 160 pixels and 15 above (Table 8); it also uses 20 elsewhere, see
# [C18](../book/deviations.md#c18-magnitude-of-randaugment). The figures show all sixteen operations on
# photographs of 160 pixels. Each line has the photograph as in evaluation, then the operation at magnitudes
# 5, 10, 15 and 20. Random choices are fixed: rotations and shifts have one sign, and Cutout's square has one place.

# %% tags=["hide-input"]
if asked.dataset:
    spread = np.unique(np.linspace(0, len(own[0]) - 1, 80, dtype=int))
    good = [k for k in spread if survey.kind_of(own[0].items[k]) != "unreadable"]
    shown = own[0].take([good[k * len(good) // 8] for k in range(8)])
else:
    names = [file.stem for file in photographs]
    shown = images.Images(names, np.arange(8), [check.decode(file) for file in photographs])
SIDE = 160
photos = [eval_crop(shown.image(k), SIDE) for k in range(8)]
fixed = Draw(sign=1, y=0.35, x=0.65)


def rows(names, photo):
    """A line for each operation: the photograph, then the operation at four magnitudes."""
    lines = []
    for name in names:
        line = [(name, photo)]
        for magnitude in (5, 10, 15, 20):
            line.append((f"M = {magnitude}", OPERATIONS[name](photo.numpy(), magnitude, fixed)))
        lines.append(line)
    return lines


# %% [markdown]
# **Six operations replace values**: each pixel value becomes another one, by the same rule everywhere. AutoContrast,
# Equalize and Invert do not depend on the magnitude. As M grows, Posterize keeps *more* bits, and Solarize inverts
# fewer values. In the authors' code, Solarize's threshold wraps around instead, see
# [C13](../book/deviations.md#c13-threshold-of-solarize).

# %% mystnb={"figure": {"caption": "Six operations that change values, at magnitudes from 5 to 20.", "name": "figure-values"}, "image": {"alt": "Six lines of five photographs of a cup of coffee. AutoContrast, Equalize and Invert look alike at all magnitudes. Posterize has few colours at 5 and is unchanged at 20; Solarize is inverted in its bright parts at 5 and unchanged from 10 on; SolarizeAdd has dark parts made brighter, more with each magnitude.", "classes": "dark-light"}} tags=["remove-input"]
VALUES = ["AutoContrast", "Equalize", "Invert", "Posterize", "Solarize", "SolarizeAdd"]
_ = sheets.sheet(rows(VALUES, photos[3]))

# %% [markdown]
# **Four operations strengthen** a property by the factor 0.1 + 0.18 M. At M = 5 the factor is 1, which does not change
# the image. At the paper's magnitudes, colour, contrast, brightness and sharpness are always raised, never lowered.

# %% mystnb={"figure": {"caption": "Four operations that strengthen a property, at magnitudes from 5 to 20.", "name": "figure-strength"}, "image": {"alt": "Four lines of five photographs of an astronaut in orange. At 5 all are unchanged; from 10 to 20 Color makes colours garish, Contrast leaves black, white and pure colours, Brightness washes out nearly everything, Sharpness exaggerates edges and grain.", "classes": "dark-light"}} tags=["remove-input"]
STRENGTH = ["Color", "Contrast", "Brightness", "Sharpness"]
_ = sheets.sheet(rows(STRENGTH, photos[0]))

# %% [markdown]
# **Six operations move or cover** the image, and fill with grey. Rotate rotates by 3 M degrees. Translate shifts by
# 10 M pixels, and the edges of Cutout's square have 8 M pixels, *whatever the size of the image*. At 160 pixels and
# M = 10, a shift removes 100 of them; at 256 pixels and M = 15 it removes 150. At M = 20 nothing of these photographs
# is left. Reduced scales shrink these lengths with the image, see [C11](../book/deviations.md#c11-how-far-translate-shifts).

# %% mystnb={"figure": {"caption": "Six operations that move or cover the image, at magnitudes from 5 to 20.", "name": "figure-place"}, "image": {"alt": "Six lines of five photographs of a cat. Rotate and Shear turn and slant it more with each magnitude; TranslateX and TranslateY push it out to a strip and then out of sight; Cutout covers it with a growing grey square.", "classes": "dark-light"}} tags=["remove-input"]
PLACE = ["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "Cutout"]
_ = sheets.sheet(rows(PLACE, photos[2]))

# %% [markdown]
# This table shows the effect of the magnitude: by how much each operation changes a value of 0 … 255, as the
# mean over all pixels of the eight photographs.

# %% mystnb={"figure": {"caption": "By how much each operation changes a value of 0 … 255 at four magnitudes: means over all pixels of eight photographs.", "caption_before": true, "classes": "table", "name": "table-changes"}}
changes = {
    name: {
        f"M = {magnitude}": np.mean(
            [abs(apply(p.numpy(), magnitude, fixed).astype(int) - p.numpy()) for p in photos]
        )
        for magnitude in (5, 10, 15, 20)
    }
    for name, apply in OPERATIONS.items()
}
changes = pd.DataFrame(changes).T
changes.round(1)

# %%
alike = changes.nunique(axis=1) == 1
weaker = changes["M = 20"] < changes["M = 5"]
print("does not depend on M:", *changes.index[alike])
print("weaker with M:       ", *changes.index[weaker])
for magnitude in changes:
    print(f"nothing at {magnitude}:".ljust(21), *changes.index[changes[magnitude] == 0])

# %% [markdown]
# ## What a network sees in training
#
# Training takes a random crop of at least 0.08 of the image, resizes it to the network's resolution, mirrors it or
# not, and applies two operations. The figure uses the training code itself, at the paper's M = 10 for 160 pixels. The
# first line of each pair is without RandAugment. Every random choice depends only on (seed, epoch, image), so both
# lines have the same crops, and a restart has them too.

# %% mystnb={"figure": {"caption": "Eight training views of one photograph: a random crop, and below it the same crop after RandAugment.", "name": "figure-views"}, "image": {"alt": "Eight random crops of one photograph of an astronaut in two lines of four, some mirrored: a face, an arm, a helmet; below each the same crop after two random operations, such as inverted, slanted, or shifted so that grey shows.", "classes": "dark-light"}}
data = Data(resolution=SIDE)
plain = TrainView(shown, data, None)
augmented = TrainView(shown, data, RandAugment(10))
lines = []
for seeds in (range(1, 5), range(5, 9)):
    lines.append([(f"seed {seed}", plain[seed, 0, 0][0]) for seed in seeds])
    lines.append([("", augmented[seed, 0, 0][0]) for seed in seeds])
_ = sheets.sheet(lines)

# %% [markdown]
# ## What a network sees in evaluation
#
# The authors use the centre square of 0.875 of the shorter side of every image, whatever its size. Only
# the embedded images and CIFAR, which are stored at a network's resolution, are not cropped at that resolution. For
# its weights of ResNet-RS, timm uses 0.91, 0.94 or all of the shorter side, by depth. Accuracies depend on the crop, so
# `python -m rslib evaluate` offers both. Each line of the figure begins with the whole image.

# %% mystnb={"figure": {"caption": "What a network sees in evaluation: the whole photograph, the authors' crop, and timm's two.", "name": "figure-crops"}, "image": {"alt": "Two lines of four pictures. A whole photograph, then three square crops of its middle, the authors' and timm's two, each slightly wider than the one before.", "classes": "dark-light"}}
lines = []
for k in (3, 0):
    image = shown.image(k)
    line = [("whole", image), ("official", eval_crop(image, SIDE))]
    for share in (TIMM_CROP[50], 1.0):
        line.append((f"timm, {share:g}", timm_crop(image, SIDE, share)))
    lines.append(line)
_ = sheets.sheet(lines)

# %% [markdown]
# This table shows how much of the whole image these squares contain:

# %% mystnb={"figure": {"caption": "How much of a photograph the authors' crop and timm's two contain.", "caption_before": true, "classes": "table", "name": "table-crops"}}
seen = {}
for k in range(8):
    height, width = shown.image(k).shape[1:]
    squares = {"official": 0.875, **{f"timm, {s:g}": s for s in (TIMM_CROP[50], 1.0)}}
    least = min(height, width)
    seen[shown.names[k]] = {"size": f"{width}×{height}"} | {
        name: f"{(share * least) ** 2 / (height * width):.0%}" for name, share in squares.items()
    }
display(pd.DataFrame(seen).T)

# %% [markdown]
# ## Run it yourself
#
# - `python -m rslib data check fashion-mnist` needs no download.
# - `papermill notebooks/data.ipynb out.ipynb -p dataset folder -p data_dir /path/to/images` shows this page with
#   your own images.
#
# ## The first start on a large set
#
# The first start on ImageNet lists and decodes all 1.28 million images, which takes as long as an
# epoch of decoding (`data bench` measures this). A later start takes about a second from shards, and about five
# from folders, where the size and time of each file are read; from a cold disk it takes longer. Loader processes do
# not copy the names and places of the images. `bench/start_up.py` measures all
# of this, and `bench/README.md` has the results.
#
# What was found in a large set is remembered in `runs/`, by the names, sizes and times of its files, not
# by their place. A refusal, or a file that could not be opened, is not remembered: the next start tries
# again.
#
# ## Exercises
#
# 1. Two operations are drawn, with replacement. How often do both leave a photograph unchanged at M = 10, and at
#    M = 20?
#
# :::{dropdown} Solution
# At M = 10 only Solarize changes nothing, so (1/16)² = 1 image in 256. At M = 20 Posterize changes nothing either,
# so (2/16)² = 1 in 64.
# :::
#
# 2. Which operations would not change the label of a digit, a traffic sign, an X-ray?
#
# :::{dropdown} Solution
# Digit: those that replace or strengthen values. Rotate goes to 60 degrees at M = 20, and makes a 6 nearly a 9.
# Traffic sign: Brightness, Contrast, Sharpness, and small shifts; its colours and the direction of an arrow have a
# meaning. X-ray: small shifts, shears and rotations; its brightness is the measurement itself.
# :::
#
# 3. `OPERATIONS["Solarize"](pixels, 15, wrap=True)` is the authors' code at M = 15. What does it do at M = 10 and
#    at M = 20?
#
# :::{dropdown} Solution
# It inverts the whole image: the thresholds 256 and 512 wrap around to 0. At M = 15 the threshold 384 becomes 128,
# so the brighter half of all values is inverted.
# :::
