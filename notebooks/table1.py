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
# # Table 1: what each training method adds
#
# The paper starts from a ResNet-200 of 2015 and adds one change at a time: a schedule, more epochs,
# an average of the weights, five regularizers, two changes of the architecture. Top-1 on ImageNet
# climbs from 79.0 to 83.4 %, and three quarters of that come before the architecture is touched
# (Table 1, §5.1). Two steps go *down*: 350 epochs instead of 90 overfit until regularization is
# added, and dropout hurts until weight decay is lowered. This notebook trains the eleven rows again.

# %% [markdown]
# | this page | |
# |---|---|
# | shows | recorded runs, at every scale that has any; trains nothing unless asked to |
# | needs | a few seconds on any machine |
# | first look | `papermill notebooks/table1.ipynb out.ipynb -p scale smoke`: all rows in a minute, on two CPU cores |
# | on a laptop | `papermill notebooks/table1.ipynb out.ipynb -p scale laptop`: the true 90 and 350 epochs on 1,000 images, about 35 minutes a seed on two cores |
# | the paper's own | `papermill notebooks/table1.ipynb out.ipynb -p epochs 350` on a GPU machine where `data_dir` or `RSLIB_DATA` names ImageNet |
#
# The same command again goes on where it stopped, and never trains a finished run twice.

# %% tags=["parameters"]
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Runs of each row, with seeds 1, 2 and so on
rows: list = []  # Row ids of the table below such as "cosine,ema"; empty for all eleven
dataset: str = ""  # fashion-mnist, folder or imagenet; empty for what scale and data_dir imply
data_dir: str = ""  # Folder with train/ and val/ or test/; empty for the embedded images
runs_dir: str = ""  # Checkpoints and histories; empty for runs/ of the project
device: str = "auto"  # cpu, cuda, or auto for cuda where there is one
executor: str = "local"  # local trains in processes of its own, inline in this one
reuse: bool = True  # False trains anew and compares with the stored run
max_hours: float = None  # Refuse what would take longer; None for no limit

# %%
from IPython.display import Markdown, display

from rslib import collect, params, plot, tables
from rslib.recipes.additive import TABLE_1

asked = params.from_namespace(globals())
print("trains what is missing" if asked.trains else "shows what is recorded; trains nothing")

# %% [markdown]
# ## What the paper reports
#
# Each row keeps everything of the row above it. Top-1 is in percent, Δ is the change in points that
# the row brings. The paper's numbers are means of two runs: at the usual spread between seeds, two
# runs cannot tell a Δ of 0.2 from none. The id is the row's name for `-p rows`.

# %%
tables.paper_frame(TABLE_1)

# %% [markdown]
# ## What was measured here
#
# The rows are data, in `rslib/recipes/additive.py`; what a smaller scale changes in them is one
# written rule, in `rslib/recipes/scales.py`. One call trains the rows that have no result, or loads
# what is recorded. "+ EMA of weights" needs no run of its own: every run keeps the average of its
# weights, and the row reads it from the runs of the row above. The rows below it are read from the
# average too, the three rows above it from the raw weights.
#
# While it trains, the log shows top-1 on *minival*, images held out of the training images; the tables
# show the test images, which nothing was chosen by.
#
# Where no data set is named, the images are Fashion-MNIST, embedded in the project: real photographs,
# but grey, put into three equal channels. So RandAugment's Color leaves them as they are, and at the
# magnitudes used here (10 and more) Solarize has nothing left to invert.

# %% tags=["scroll-output"]
groups = collect.collect(TABLE_1, asked)

# %% [markdown]
# Top-1 is measured on the test images with the weights of the last epoch, never the best one; n is
# the number of runs. A reduced scale can speak about the *direction* of a change at most, not its
# size; so its points stand beside the paper's changes, and never beside the paper's accuracies.

# %%
for results in groups:
    display(Markdown(tables.headline(TABLE_1, results)))
    display(tables.frame(TABLE_1, results, asked.rows))

# %% [markdown]
# ## The ladder as a figure
#
# Each of our marks is one run, each of the paper's the mean of two; a line joins the means. Where both
# have a panel, each has an axis of its own. Short runs are shown alone.

# %% mystnb={"image": {"alt": "Ladder of the eleven rows of Table 1, top-1 by row: the paper's rise from 79.0 to 83.4 percent, with dips at the longer schedule and at dropout, and beside it one panel for each set of recorded runs."}}
for results in groups or [[]]:
    plot.ladder(TABLE_1, results)

# %% [markdown]
# ## Run it yourself
#
# - `-p scale` or `-p epochs` asks for training; then `-p rows cosine,epochs` trains some rows, and
#   `-p seeds 3` three runs of each.
# - `-p data_dir /path/to/images` takes a folder with `train/<class>/` and `val/<class>/`.
# - Before training the notebook prints what it will train and for how long; `-p max_hours 2` makes
#   it refuse more than that.
# - A stopped machine loses at most ten minutes: checkpoints are in `runs/`, the same command goes on.
# - `papermill --help-notebook notebooks/table1.ipynb` explains every parameter.
