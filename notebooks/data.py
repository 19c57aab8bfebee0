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
# Which images a network can be trained on here, where to get them, how to look at them first, and
# what training does to them.

# %% [markdown]
# | this page | |
# |---|---|
# | shows | the embedded images and eight photographs; needs no download |
# | needs | half a minute on any machine |
# | your images | `papermill notebooks/data.ipynb out.ipynb -p dataset folder -p data_dir /path/to/images`: checked, and shown in place of the photographs |

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
# | dataset | what | images, training + test |
# |---|---|---|
# | fashion-mnist | grey clothes of 28 px in 10 classes {cite:p}`xiao2017fashion`; embedded | 4,000 of 60,000 + 10,000 |
# | cifar10, cifar100 | animals and things of 32 px in 10 or 100 classes {cite:p}`krizhevsky2009learning` | 50,000 + 10,000 |
# | imagenet | photographs, often 500 × 375 px, in 1,000 classes; ILSVRC 2012 {cite:p}`russakovsky2015imagenet` | 1,281,167 + 50,000 |
# | folder | your own, of any size, in 2 classes or more | 3,000 at `laptop` + any |
#
# Where to get them, and on what terms:
#
# - **Fashion-MNIST** needs nothing: it is in the repository, 6 MB, under the MIT licence. [The whole
#   set](https://github.com/zalandoresearch/fashion-mnist) is not needed here.
# - **CIFAR** is at [its authors' page](https://www.cs.toronto.edu/~kriz/cifar.html), two archives of about
#   170 MB ("python version"). The page names no licence; it asks to cite the authors' report.
# - **ImageNet** is at [image-net.org](https://image-net.org/download.php), for non-commercial research and
#   education alone: one registers, agrees to the terms, and gets three archives of ILSVRC 2012, of
#   138 GB, 6.3 GB and 2.5 MB. A copy from elsewhere is under the same terms. No other images give the
#   paper's numbers.
#
# These are the MD5s of the published archives, as torchvision has them and `md5sum -c` reads them.
# `rslib` opens CIFAR only where they are right. ImageNet's archives are unpacked by hand, so compare
# them by hand.

# %% tags=["hide-input"]
for reader in cifar.READERS.values():
    print(f"{reader.tgz_md5}  {reader.filename}")
for archive, md5 in ARCHIVE_META.values():
    print(f"{md5}  {archive}")

# %% [markdown]
# ## How to lay it out
#
# | dataset | in `data_dir` |
# |---|---|
# | folder | `train/<class>/*` and `val/<class>/*`, or `test/`; or the tars below |
# | cifar10, cifar100 | the published `.tar.gz`, or what is in it |
# | imagenet | one of the four layouts below |
#
# ImageNet's classes are in the order of their wnids (`n01440764` …) in all four:
#
# 1. **folders**: `train/<wnid>/*` and `val/<wnid>/*`;
# 2. **flat validation**: `train/<wnid>/*`, and the 50,000 files of `val/` (or `validation/`, `valid/`) as they come out of their archive,
#    with `ILSVRC2012_devkit_t12.tar.gz`, which has their classes, beside it;
# 3. **TFRecord shards**: `train-00000-of-01024` …, `validation-00000-of-00128` …, in the keys of Google's
#    scripts or of TFDS; read without TensorFlow;
# 4. **tars** of smaller JPEGs, as `python -m rslib data build` writes them.
#
# From the archives to the second:
#
# ```bash
# mkdir train val
# tar -xf ILSVRC2012_img_val.tar -C val
# tar -xf ILSVRC2012_img_train.tar -C train
# for t in train/*.tar; do mkdir "${t%.tar}" && tar -xf "$t" -C "${t%.tar}" && rm "$t"; done
# python -m rslib data check imagenet .
# ```
#
# `RSLIB_DATA` names the folder of ImageNet or CIFAR once for all commands; `-p data_dir`, or
# `--data-dir`, any folder for one.

# %% [markdown]
# ## What is read, passed over, refused
#
# Whatever is passed over is told in one line for each part, before training too; what is refused, in one
# line that names it and the remedy.
#
# | what lies there | what becomes of it |
# |---|---|
# | `.jpg` `.jpeg` `.jpe` `.jfif` `.jif` `.png` `.bmp` `.webp` `.tif` `.tiff` `.ppm` `.pgm`, in any case | read; what it is, its first bytes say |
# | other suffixes, or none; files beside the class folders; links to folders | passed over |
# | hidden files and folders; `@eaDir`, `#recycle`, `lost+found`, `__MACOSX` and others that systems keep | passed over, and never a class |
# | folders that are called as images are, `a.jpg/` | passed over |
# | named pipes, sockets, devices, links to nowhere | never opened; count as unreadable |
# | half files, pages of HTML, Git LFS pointers, more pixels than Pillow's limit, 16-bit grey PNGs (convert them to 8 bits) | unreadable: left out, and refused where they are more than one in a thousand |
# | `test/`, `val/`, `validation/`, `valid/`, in any case | tested on is the first that has the classes of `train/` |
# | class names in two forms of Unicode | one class; refused where both lie in one part |
# | classes in one part alone, or without an image | refused |
# | a class with less than an even share for minival | gives half of its images, rounded down |
# | the same image to train on and to test on | told, and kept |
# | tars: members of the suffixes above, `.cls`, `.txt`; folders and `./` before names | read |
# | tars: `._*`, hidden and other members; labels without an image | passed over |
# | tars: absolute names, `..`, links, devices, holes | the tar is refused |
# | ImageNet with more than one image in a thousand missing | told, and refused by `data check` and where all is asked for |

# %% [markdown]
# ## Look at it first
#
# `python -m rslib data check DATASET DATA_DIR` decodes what is there and says what it found. Here it is
# for the embedded images:

# %%
listing = images.source("fashion-mnist")
unreadable = survey.survey(listing)

# %% [markdown]
# And for a folder. It is made of [eight photographs](https://scikit-image.org/docs/stable/api/skimage.data.html)
# that scikit-image ships, all in the public domain or CC0, and four more that were spoilt on purpose:
# printer's colours (CMYK), a PNG under a wrong name, a camera held sideways, and half a file.
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
# CMYK, grey, palettes and transparency become RGB, and a file is what its content says, not its name. A
# turn that EXIF asks for is counted and not made: TensorFlow, by which the paper's images were
# read, makes none. What can not be read is named; training leaves it out, and refuses to begin where
# it is more than one image in a thousand. Of shards the checksums are compared too.

# %% tags=["hide-input"]
if asked.dataset:
    own = images.source(asked.dataset, asked.data_dir)
    unreadable = survey.survey(own, asked.sample)

# %% [markdown]
# ## What is trained on, held out, and tested on
#
# Tables show the test images, which no choice was made by. What one may look at while training is
# *minival*, held out of the training images. For ImageNet the paper takes the first 20 of 1,024 shards
# of Google's scripts, 25,022 images:
#
# - where ImageNet lies in 1,024 shards, so does `rslib`;
# - where a list of their file names, `minival.txt`, is in the folder, it takes these;
# - else it takes as many, balanced over the classes, by a hash of their names: always the same of the
#   same files, but not the paper's, and other ones where another layout names the images otherwise.
#
# Shards that were written in the order of classes have about the first 20 classes in their first 20
# files. With these held out, nothing would be left to learn of those classes, and nothing to look at
# of the other 980. So shards whose first 20 lack more than a tenth of the classes are refused.
#
# The embedded images at the scale `laptop`. The hash covers the content of every image that takes part,
# and is written into each result:

# %%
recipe = at_scale(TABLE_1.row("weight-decay"), "laptop").recipe
for name, what in images.open_images(recipe.data, listing).manifest.items():
    print(f"{name:8} {what}")

# %% [markdown]
# ## What the embedded images can show
#
# They let everything be run anywhere, and show in which *direction* a change goes where few images are
# seen often. They give none of the paper's numbers, and hardly ask
# some of its questions:
#
# - Clothes in grey, upright and in the middle: there is little that crops or turns could teach, and
#   nothing for Color to do.
# - 4,000 images to train on, of which a run takes 1,000 or 2,000.
# - They end at 28 pixels. A larger input would show the same pixels again, so scaling the resolution,
#   one of the paper's two ways to scale, cannot be tested on them.
#
# What was changed to be able to use them stands in [deviations](../book/deviations.md) and
# [scales](../book/method.md#scales).
#
# One image of each class, and below it the same one after the two operations of RandAugment, at
# the magnitude of that scale:

# %% mystnb={"image": {"alt": "Twenty small grey pictures of clothes in pairs: one of each of the ten classes of Fashion-MNIST, and below each the same one turned, shifted, inverted, cut, or made brighter.", "classes": "dark-light"}}
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
# Each training image goes through two of sixteen operations, drawn again each time
# {cite:p}`cubuk2020randaugment`. How much each does is one number, the magnitude M. The paper
# takes 10 for images of 160 pixels and 15 for all above (Table 8); elsewhere in the paper 20
# occurs too, see [C18](../book/deviations.md#c18-magnitude-of-randaugment). Here are all sixteen on
# photographs of 160 pixels: first the photograph as evaluation shows it, under the name of
# the operation, then the operation at 5, 10, 15 and 20. What chance decides is
# held fixed: turns and shifts have one sign, the square of Cutout one place.

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
# **Six replace values**: each value of a pixel becomes another one, the same everywhere. AutoContrast,
# Equalize and Invert know no magnitude. Posterize keeps *more* bits as M grows, and Solarize inverts
# fewer values. In the authors' code Solarize's threshold wraps around instead, see
# [C13](../book/deviations.md#c13-threshold-of-solarize).

# %% mystnb={"image": {"alt": "Six lines of five photographs of a cup of coffee. AutoContrast, Equalize and Invert look alike at all magnitudes. Posterize has few colours at 5 and is unchanged at 20; Solarize is inverted in its bright parts at 5 and unchanged from 10 on; SolarizeAdd has dark parts made brighter, more with each magnitude.", "classes": "dark-light"}} tags=["remove-input"]
VALUES = ["AutoContrast", "Equalize", "Invert", "Posterize", "Solarize", "SolarizeAdd"]
_ = sheets.sheet(rows(VALUES, photos[3]))

# %% [markdown]
# **Four strengthen**, by the factor 0.1 + 0.18 M. At 5 it is 1, which leaves the image as it is; so at
# the paper's magnitudes colour, contrast, brightness and sharpness are always raised, never lowered.

# %% mystnb={"image": {"alt": "Four lines of five photographs of an astronaut in orange. At 5 all are unchanged; from 10 to 20 Color makes colours garish, Contrast leaves black, white and pure colours, Brightness washes out nearly everything, Sharpness exaggerates edges and grain.", "classes": "dark-light"}} tags=["remove-input"]
STRENGTH = ["Color", "Contrast", "Brightness", "Sharpness"]
_ = sheets.sheet(rows(STRENGTH, photos[0]))

# %% [markdown]
# **Six move or cover**, and fill with grey. Rotate turns by 3 M degrees. Translate shifts by 10 M pixels and
# Cutout's square has sides of 8 M pixels *whatever the size of the image*: at 160 pixels and M = 10
# a shift takes 100 of them away, at 256 pixels and M = 15 it takes 150. At 20 nothing is left here. Reduced
# scales shrink these lengths with the image, see [C11](../book/deviations.md#c11-how-far-translate-shifts).

# %% mystnb={"image": {"alt": "Six lines of five photographs of a cat. Rotate and Shear turn and slant it more with each magnitude; TranslateX and TranslateY push it out to a strip and then out of sight; Cutout covers it with a growing grey square.", "classes": "dark-light"}} tags=["remove-input"]
PLACE = ["Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "Cutout"]
_ = sheets.sheet(rows(PLACE, photos[2]))

# %% [markdown]
# What was said of magnitudes, computed: by how much each operation changes a value of 0 … 255, in the
# mean over all pixels of the eight photographs.

# %%
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
# ## What a network is shown in training
#
# A random crop of at least 0.08 of the image, brought to the network's side; mirrored or not; then two
# operations. This is the view that training reads, at the paper's M = 10 for 160 pixels. The first
# line of each pair is without RandAugment. Chance has an address, (seed, epoch, image), so both lines have
# the same crops, and every restart would.

# %% mystnb={"image": {"alt": "Eight random crops of one photograph of an astronaut in two lines of four, some mirrored: a face, an arm, a helmet; below each the same crop after two random operations, such as inverted, slanted, or shifted so that grey shows.", "classes": "dark-light"}}
data = Data(resolution=SIDE)
plain = TrainView(shown, data, None)
augmented = TrainView(shown, data, RandAugment(10))
lines = []
for seeds in (range(1, 5), range(5, 9)):
    lines.append([(f"seed {seed}", plain[seed, 0, 0][0]) for seed in seeds])
    lines.append([("", augmented[seed, 0, 0][0]) for seed in seeds])
_ = sheets.sheet(lines)

# %% [markdown]
# ## What it is shown in evaluation
#
# The authors take the centre square of 0.875 of the shorter side, of every image whatever its size. Only
# the embedded images and CIFAR, which are stored at a network's size, are shown whole at that size. timm, for its weights of ResNet-RS,
# takes 0.91, 0.94 or all of it, by depth. The whole image stands before them; `python -m rslib
# evaluate` has both, because numbers belong to their crop.

# %% mystnb={"image": {"alt": "Two lines of four: a whole photograph, then three square crops of its middle, each slightly wider than the one before: the authors' and timm's two.", "classes": "dark-light"}}
lines = []
for k in (3, 0):
    image = shown.image(k)
    line = [("whole", image), ("official", eval_crop(image, SIDE))]
    for share in (TIMM_CROP[50], 1.0):
        line.append((f"timm, {share:g}", timm_crop(image, SIDE, share)))
    lines.append(line)
_ = sheets.sheet(lines)

# %% [markdown]
# How much of the whole image these squares show:

# %%
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
# - `python -m rslib data check fashion-mnist`, or any other data set of the table above, with its folder.
# - `python -m rslib data bench folder /path/to/images` says how many images a second there are to be had.
# - `python -m rslib data build imagenet /data/imagenet --to /data/256 --side 256` writes smaller
#   images once, where decoding is what training waits for.
# - `-p dataset` and `-p data_dir` show this page with your own images.
#
# ## Exercises
#
# 1. Two operations are drawn, with replacement. How often do both leave a photograph as it is, at M = 10?
#    And at M = 20?
# 2. Which operations would not change the label of a digit, a traffic sign, an X-ray?
# 3. `OPERATIONS["Solarize"](pixels, 15, wrap=True)` is the authors' code at M = 15. What does it do at 10 and
#    at 20?
