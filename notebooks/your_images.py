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
# # Your own images
#
# The paper recommends its revised ResNets as baselines. This page trains one on a folder of images, looks at
# what it does, exports it, and predicts new pictures. By default the folder holds eight classes of clothes,
# 60 images each (six of them held out), and all of it takes about a minute.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
folder: str = ""  # train/<class>/* (and val/, test/), or <class>/*, or a CSV of path,label; empty for eight embedded classes
model: str = None  # resnet_rs_26 to resnet_rs_420; None for resnet_rs_50
width: float = None  # Multiplies all filters; None for 1
resolution: int = None  # Pixels; None for 160
epochs: int = None  # None for 100, or 50 with weights
batch: int = None  # None for 128, less for few images
weights: str = None  # Begin with these: timm's resnetrs, ours, or a run's folder
classes_from: str = None  # Names and order of the classes: a file of lines, a run, or a folder
grid: str = ""  # Values of lr and steps to try, or "paper"; the best on held-out images is kept
valid: float = 0.1  # Share of each class that is held out where there is no val/
seed: int = 1  # Of weights, order, augmentation and split
name: str = ""  # Of the run; empty for the folder's
balance: str = ""  # sampling or weights, for uneven classes
tracker: str = ""  # tensorboard, wandb or mlflow, to see the history there too
device: str = "auto"  # cpu, cuda, or auto for cuda where there is one
runs_dir: str = ""  # Checkpoints, history and scores; empty for runs/ of the project
max_hours: float = None  # Refuse what would take longer; None for no limit
threads: int = None  # CPU threads; None for torch's own number, usually all cores
workers: int = None  # Loader processes; None for 0 on a CPU, and up to 16 with a GPU

# %% tags=["remove-input"]
import tempfile
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from IPython.display import Markdown
from matplotlib_inline.backend_inline import set_matplotlib_formats

import rslib
from rslib import paths
from rslib.data.check import decode
from rslib.data.example import eight_classes, others
from rslib.own.asked import Asked
from rslib.recipes.reasons import reasons
from rslib.report import compared, own, sheets
from rslib.report import judged as scores
from rslib.running import params

asked = params.from_namespace(globals(), Asked)
# pixel for pixel; photographs as PNG would be three times as large
set_matplotlib_formats("jpeg", bbox_inches=None, pil_kwargs={"quality": 80})

# %% tags=["remove-input", "scroll-output"]
options = asdict(asked)
source, report = options.pop("folder"), print
if not source:  # what a CPU trains in half a minute; said below, without this machine's times
    small = {"model": "resnet_rs_26", "width": 0.25, "resolution": 32, "epochs": 30, "threads": 1}
    options |= {option: value for option, value in small.items() if options[option] is None}
    source = eight_classes(paths.runs_dir(asked.runs_dir) / "eight-classes")
    report = [].append
run = rslib.train(source, **options, report=report)
listing = run.listing()
judged = run.evaluate()

# %% tags=["remove-input", "nbval-ignore-output"]
recipe, training = run.recipe, len(listing.train)
TRAINED = (
    f"ResNet-RS-{recipe.model.depth} of width {recipe.model.width:g} was trained on {training:,} images in "
    f"{len(run.classes)} classes at {recipe.data.resolution} px for {recipe.optim.epochs} epochs, one seed."
)
CAVEAT = "Another seed or other images of the same kind give another number." + (
    "" if asked.folder else " This accuracy does not predict that on your images."
)
Markdown(own.answer(judged, TRAINED, CAVEAT))

# %% [markdown]
# The same in a shell is three commands:
#
# ```bash
# python -m rslib train flowers --model resnet_rs_26 --width 0.25 --resolution 64
# python -m rslib predict runs/train/flowers-0123456789-s1 new/ --to predictions.csv
# python -m rslib export runs/train/flowers-0123456789-s1 flowers.onnx
# ```
#
# ## The images
#
# Test images take no part in training or in choosing anything. Held-out images choose between runs of a grid,
# and are watched while training. If the folder has none, one image in ten of each class is held out.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The images of each class: those that train, those that are held out, and those for the test.", "caption_before": true, "classes": "table", "name": "table-own-images"}}
parts = {"training": listing.train, "held out": listing.valid, "test": listing.test}
own.counts({name: part.labels for name, part in parts.items() if part is not None}, run.classes)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Training images of each class.", "name": "figure-own-images"}, "image": {"alt": "A contact sheet of the training images: one line for each class with its name over the first of six images. By default small grey pictures of clothes and shoes."}}
_ = own.contact_sheet(
    listing.train.labels, run.classes, lambda positions: run.shown(listing.train, positions)
)

# %% [markdown]
# ## The recipe
#
# Table 8 of the paper gives the recipe by depth and resolution; the rest follows from the number of images.

# %% tags=["remove-input", "words"] mystnb={"figure": {"caption": "The recipe of this run, each value with its reason.", "caption_before": true, "classes": "table", "name": "table-own-recipe"}}
told = reasons(recipe, training)
pd.DataFrame(told, columns=["", "value", "why"]).set_index("")

# %% [markdown]
# ## Training
#
# The average of the weights is what is evaluated and exported. It moves less than the raw weights from epoch to
# epoch; when the learning rate reaches zero, both come close.

# %% tags=["remove-input", "nbval-ignore-output"] mystnb={"figure": {"caption": "The run over its epochs. Left: the loss on training images. Right: top-1 of the raw weights and of their average.", "name": "figure-own-curve"}, "image": {"alt": "Two panels over the epochs. Left the training loss, which falls. Right the top-1 accuracy on training images and on held-out images, each for the raw weights and for their average: both rise, and end close to each other by default."}}
set_matplotlib_formats("png", bbox_inches="tight")  # no photograph
_ = own.curve(run.history)

# %% [markdown]
# ## Which classes are confused

# %% tags=["remove-input", "nbval-ignore-output"]
print("\n".join(scores.text(judged)))

# %% tags=["remove-input", "nbval-ignore-output"] mystnb={"figure": {"caption": "Which class is taken for which: the share of each true class (rows) that is named as each class (columns).", "name": "figure-own-confusion"}, "image": {"alt": "The confusion matrix: a row for each true class, a column for each predicted one, darker for a larger share of the true class. By default most images are on the diagonal; coat, pullover, shirt and T-shirt are taken for each other."}}
if scores.confusion_figure(judged) is None:
    print(f"no matrix of more than {scores.MATRIX} classes; confusion.csv has the pairs")

# %% [markdown]
# ## The surest mistakes
#
# Above each image is its class, then the predicted one. Wrong labels and unclear images are often among
# these, so look here first.

# %% tags=["remove-input", "nbval-ignore-output"] mystnb={"figure": {"caption": "The mistakes with the highest probability: above each image its class, then the predicted one.", "name": "figure-own-mistakes"}, "image": {"alt": "A sheet of the evaluated images that were taken for another class, the surest first, each with its true and its predicted class above it. By default they are mostly shirts, coats, pullovers and T-shirts."}}
set_matplotlib_formats("jpeg", bbox_inches=None, pil_kwargs={"quality": 80})
evaluated, part = run.own_images()
sheet = scores.mistakes_figure(judged, lambda positions: run.shown(evaluated, positions))
if sheet is None:
    print(f"no mistake on {len(evaluated):,} {part}")

# %% [markdown]
# ## For other programs
#
# An export names its classes, its crop, mean and deviation, and its scores. ONNX is first run on all images
# that the run is evaluated on, in batches, and has to name the same classes. A model card is written with it:

# %% tags=["remove-input", "nbval-ignore-output"]
with tempfile.TemporaryDirectory() as made:
    to = Path(made) / f"{asked.slug if asked.folder else 'clothes'}.onnx"
    file, card = run.export(to)
    written = card.read_text(encoding="utf-8")
    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")

# %% tags=["hide-output", "remove-input", "nbval-ignore-output"]
print(written)

# %% [markdown]
# ## New pictures
#
# These images took no part in training. By default the last two show a bag and a boot, whose classes the network
# does not know. It cannot say so, and names one of its classes, sometimes with a high probability.

# %% tags=["remove-input", "nbval-ignore-output"] mystnb={"figure": {"caption": "New pictures with the predicted class and its probability.", "name": "figure-own-predictions"}, "image": {"alt": "Pictures that took no part in training, each with the predicted class and its probability above it. By default four are clothes and shoes of known classes; the last two, a bag and a boot, are called something else."}}
EACH = len(evaluated) // 4 or 1
root = listing.root
new = [root / evaluated.names[at] for at in range(EACH // 2, len(evaluated), EACH)][:4]
with tempfile.TemporaryDirectory() as made:
    new += [] if asked.folder else others(Path(made))
    predicted = run.predict(new, top=3)
    seen = [decode(file) for file in new]
captions = [f"{one.classes[0][:9]} {one.probabilities[0]:.0%}" for one in predicted]
_ = sheets.sheet([list(zip(captions, seen, strict=True))], side=144)

# %% tags=["remove-input", "nbval-ignore-output", "words"] mystnb={"figure": {"caption": "The three likeliest classes of each new picture, with their probabilities.", "caption_before": true, "classes": "table", "name": "table-own-predictions"}}
rows = {
    f"{place}. {one.file.rpartition('/')[2]}": [
        f"{called} {share:.1%}"
        for called, share in zip(one.classes, one.probabilities, strict=True)
    ]
    for place, one in enumerate(predicted, 1)
}
pd.DataFrame(rows, index=["likeliest", "second", "third"][: len(predicted[0].classes)]).transpose()

# %% tags=["remove-input"]
Markdown(compared.shown())  # accuracy against other libraries, and from random weights

# %% [markdown]
# ## Run it yourself
#
# ```bash
# papermill notebooks/your_images.ipynb out.ipynb                        # a minute: eight classes
# papermill notebooks/your_images.ipynb out.ipynb -p folder flowers \
#   -p model resnet_rs_26 -p width 0.25 -p resolution 64                 # minutes on two cores
# papermill notebooks/your_images.ipynb out.ipynb -p folder flowers      # ResNet-RS-50 at 160 px, on a GPU
# ```
#
# Before it trains, it prints the hours; `-p max_hours 2` does not start what would take longer. A run that ended is not
# trained again. [How to run it](../book/running.md#train-on-your-own-images) describes what a folder may
# hold, `--weights` for fine-tuning, and uneven classes; [Use the parts](../book/api.md#train-on-your-own-images-rslib)
# has the same in Python.
#
# ## Exercises
#
# 1. By default most mistakes are between four classes. Which column of the table of classes shows this, and does
# top-1?
#
# :::{dropdown} Solution
# Precision: by default it is lowest for exactly these four, because an unclear image is mostly named one of them. Recall
# is low for some of them only. Top-1 is the mean over all images, where easy classes hide hard ones.
# :::
#
# 2. Your folder has 900 images of one class and 100 of another, and top-1 is 91 %. Is that good?
#
# :::{dropdown} Solution
# Naming the large class for every image scores 90 %. Look at balanced accuracy, and try `balance`.
# :::
