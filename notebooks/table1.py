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
# an average of the weights, four regularizers, a lower weight decay, two changes of the architecture.
# Top-1 on ImageNet climbs from 79.0 to 83.4 %, and three quarters of that come before the
# architecture is touched (Table 1, §5.1). Two steps go *down*: 350 epochs instead of 90 overfit
# until regularization is added, and dropout hurts until weight decay is lowered. The claim behind
# the table is that such methods *interact*, and that is what this page tests: it trains the rows
# again, with several seeds, and beside them two rows that the paper did not print.

# %% tags=["parameters", "hide-input"]
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Runs of each row, with seeds 1, 2 and so on
rows: list = []  # Row ids of the table below such as "cosine,ema"; empty for all eleven
dataset: str = ""  # fashion-mnist, folder, cifar10, cifar100 or imagenet; empty for what scale and data_dir imply
data_dir: str = ""  # Folder with train/ and val/ or test/; empty for the embedded images
runs_dir: str = ""  # Checkpoints and histories; empty for runs/ of the project
device: str = "auto"  # cpu, cuda, or auto for cuda where there is one
executor: str = "local"  # local trains in processes of its own, inline in this one
reuse: bool = True  # False trains again and compares with the stored run
compile: bool = False  # True times eager and compiled steps and keeps the faster
max_hours: float = None  # Refuse what would take longer; None for no limit
threads: int = 1  # CPU threads of each training process
workers: int = None  # Loader processes; None for 0 on a CPU, and up to 16 with a GPU

# %% tags=["hide-input"]
import inspect

import torch
from IPython.display import Code, Markdown, display

from rslib.data import augment, images
from rslib.models.resnet import (
    Bottleneck,
    SqueezeExcite,
    resnet,
    resnet_rs,
    shortcut,
)
from rslib.recipes.additive import TABLE_1
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.report import claims, collect, in_blocks, plot, sheets, tables
from rslib.running import params
from rslib.training import ema, optim

asked = params.from_namespace(globals())
recipes = {row.id: row.recipe for row in TABLE_1.rows}
print("trains what is missing" if asked.trains else "shows what is recorded")


# %% tags=["remove-input"]
in_blocks_runs = collect.recorded(TABLE_1_BLOCKS)
CAVEAT = (
    f"After 90 epochs the regularized network fits {in_blocks.fit(TABLE_1_BLOCKS, in_blocks_runs, 'all-short')} "
    "of its training images: part of what longer training brings it is a cured underfit."
)
Markdown(in_blocks.answer(TABLE_1_BLOCKS, in_blocks_runs, CAVEAT))

# %% [markdown]
# These runs take a training subset of their own in each block, so that the verdict holds for more than
# one; [The experiment in blocks](../book/blocks.md) has design, claims and error, and
# `rslib run table1_blocks` trains them. The eleven rows themselves were trained on one training subset;
# their verdicts stand under [The claims](#the-claims).

# %% tags=["remove-input"] mystnb={"image": {"alt": "Top-1 of the four corners of Table 1, 90 and 350 epochs without and with all regularization: a thin line for each block, a thick one through the means."}}
CORNERS = {
    "no regularization": {90: "none-short", 350: "none"},
    "all regularization": {90: "all-short", 350: "all"},
}
for results in in_blocks_runs:
    in_blocks.lines(TABLE_1_BLOCKS, results, CORNERS, xlabel="epochs")

# %% tags=["remove-input"]
for results in in_blocks_runs:
    display(Markdown(tables.headline(TABLE_1_BLOCKS, results)))
    display(in_blocks.frame(TABLE_1_BLOCKS, results))
    display(in_blocks.claims(TABLE_1_BLOCKS, results))
    display(Markdown(in_blocks.described(TABLE_1_BLOCKS, results)))

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

# %% [markdown]
# ## What the paper reports
#
# Each row keeps everything of the row above it. Top-1 is in percent, Δ is the change in points that
# the row brings. The paper's numbers are means of two runs: if seeds deviate by 0.1 points, which is
# assumed here, two runs cannot tell a Δ of 0.2 from none. The id is the row's name for `-p rows`.

# %%
tables.paper_frame(TABLE_1)

# %% [markdown]
# ## The ideas, as formulas
#
# **Schedule.** In step $t$ of $T$ the learning rate is $\eta_t = \tfrac{\eta}{2}(1 + \cos \pi t / T)$,
# after a linear warm-up; the baseline instead divides by ten at 30, 60 and 80 of its 90 epochs.
#
# **Average of the weights.** Beside the weights $\theta_t$ runs an average
# $\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t)\,\theta_t$ with
# $d_t = \min(0.9999,\ \tfrac{1 + t}{10 + t})$; it is what is evaluated in the end.
#
# **Label smoothing.** The network is asked for $(1 - \varepsilon)$ on the right class and
# $\varepsilon / K$ on each of all $K$ classes, $\varepsilon = 0.1$.
#
# **Stochastic depth.** A block's branch $F$ is left out with probability $p$, else scaled up:
# $y = x + \tfrac{b}{1 - p} F(x)$, $b \sim \mathrm{Bernoulli}(1 - p)$. In stage $i = 2 \dots 5$,
# $p = r\, i / 5$.
#
# **Weight decay** pulls every weight towards zero by $\lambda \eta_t \theta$ a step, over a run by
# about $\lambda \sum_t \eta_t$, its *exposure*. The paper's long schedule has 8.6 at the higher weight
# decay; under that a small network learns little, so reduced scales have 0.4 there, and keep the
# paper's ratio of 2.5 between the higher and the lower weight decay.
#
# **Squeeze-and-Excitation** multiplies each channel by
# $s = \sigma(W_2\, \mathrm{relu}(W_1 \bar z))$, where $\bar z$ are the means of all channels.

# %% [markdown]
# ## The learning rate
#
# This is the function that training uses, shown from the package itself, as all code below. The
# cosine counts from step 0, so at the end of the warm-up it stands slightly under its peak.

# %% tags=["remove-input"]
Code(inspect.getsource(optim.learning_rate), language="python")

# %% [markdown]
# A check against values known from the authors' own schedule: 109,200 steps, of which 1,560 warm up,
# and a peak of 1.6. Half-way the rate must be 0.8, and at the end nothing.

# %%
shape = {"peak": 1.6, "warmup_steps": 1560, "schedule": "cosine"}
for step in (0, 1560, 54_600, 109_199):
    rate = optim.learning_rate(step, 109_200, **shape)
    print(f"step {step:7,}: {rate:.4f}")

# %% [markdown]
# The whole curves of the first three rows, for ImageNet and a batch of 4,096: the rate on the left;
# on the right how far back the average of the weights reaches, $1 / (1 - d_t)$ steps. Because $d_t$
# grows with $t$, the average spans about a ninth of the training so far, in short runs as in long
# ones, until it reaches 10,000 steps.

# %% mystnb={"image": {"alt": "Left: learning rate by epoch. The baseline falls in three steps within 90 epochs, the two cosine schedules fall smoothly to zero at 90 and at 350 epochs. Right: the horizon of the averaged weights in steps, a straight line that stops at 10,000 near epoch 290."}}
per_epoch = 1_281_167 // 4096
rates = {}
for recipe in (recipes[id].optim for id in ("baseline", "cosine", "epochs")):
    label = f"{recipe.schedule}, {recipe.epochs} epochs"
    rates[label] = optim.rates(recipe, per_epoch)
steps = range(1, 350 * per_epoch + 1)
decays = [min(0.9999, (1 + step) / (10 + step)) for step in steps]
_ = plot.schedules(rates, decays, per_epoch)

# %% [markdown]
# ## The average of the weights
#
# The average covers the BN statistics too. Every run keeps one, so that "+ EMA of weights" needs no
# run of its own: it is a second reading of the row above it.

# %% tags=["remove-input"]
Code(inspect.getsource(ema.Ema.update), language="python")

# %% [markdown]
# A check: a weight that jumps from 0 to 1 and stays there. After $t$ steps the product of the
# factors $\tfrac{1 + s}{10 + s}$ of the steps $s \le t$ is what the average still lacks.

# %%
model = torch.nn.Linear(1, 1, bias=False)
torch.nn.init.zeros_(model.weight)
average = ema.Ema(model)
torch.nn.init.ones_(model.weight)
for step in range(1, 4):
    average.update(step)
lacking = 2 / 11 * 3 / 12 * 4 / 13
print(f"average {average.module.weight.item():.6f}")
print(f"formula {1 - lacking:.6f}")

# %% [markdown]
# ## The block
#
# One class serves all rows: the ResNet of 2015, SE and ResNet-D are arguments of it. What makes a
# block is the order at the end of its branch: last BN, SE, stochastic depth, addition.

# %% tags=["remove-input"]
Code(inspect.getsource(Bottleneck), language="python")

# %% [markdown]
# ResNet-D changes two things: the stem, three 3×3 convolutions in place of one 7×7, and the shortcut
# of a stage's first block, which averages four pixels where the original takes one and skips three.

# %% tags=["remove-input"]
Code(inspect.getsource(shortcut), language="python")

# %% [markdown]
# Squeeze-and-Excitation is two 1×1 convolutions on the mean over all pixels; the paper's ratio of
# 0.25 makes the first as narrow as the block's own.

# %% tags=["remove-input"]
Code(inspect.getsource(SqueezeExcite.forward), language="python")

# %% [markdown]
# A check against the paper: ResNet-RS-200 has 93 million parameters in Table 7, the ResNet-200 it
# started from 65 million. Almost all that comes on top is SE. (On the *meta* device a network has
# shapes and no values, so that this takes no time.)

# %%
with torch.device("meta"):
    before, after = resnet(200), resnet_rs(200)
for network in (before, after):
    count = sum(p.numel() for p in network.parameters())
    print(f"{count / 1e6:.1f} million parameters")

# %% [markdown]
# The maps of an image of 256 × 256 pixels, and the rate at which the blocks of each stage are
# dropped for $r = 0.1$: one rate a stage, as in the authors' code.

# %%
with torch.device("meta"):
    network = resnet_rs(200, stochastic_depth=0.1)
    maps = network.features(torch.zeros(1, 3, 256, 256))
for name, stage in maps.items():
    rate = getattr(network, name)[0].branch.stochastic_depth.p
    print(name, tuple(stage.shape[1:]), f"dropped at {rate:.2f}")

# %% [markdown]
# ## RandAugment
#
# Each training image goes through two of sixteen operations, drawn anew every time. Here is each of
# them at magnitude 10, that of the reduced scales (the paper's row has 15), on one embedded image:
# Fashion-MNIST, 28 pixels wide and shown at 32; lengths in pixels are scaled from the paper's 256.
# Contrast and Brightness do blow a bright image out to white. On grey images Color does nothing, and
# Solarize has nothing left to invert at magnitudes from 10 on (in the authors' code its threshold
# wraps around instead).

# %% mystnb={"image": {"alt": "Eighteen small pictures of one grey garment: the original, then one for each operation of RandAugment, such as rotated, sheared, shifted, inverted, posterized, or with a grey square cut out; the last is a random pair of operations.", "classes": "dark-light"}}
train, _, _ = images.source("fashion-mnist")
image = train.image(9)
draw = augment.Draw(scale=32 / 256)
shown = [("original", image)]
for name, operation in augment.OPERATIONS.items():
    pixels = operation(image.numpy(), 10, draw)
    shown.append((name, pixels))
pair = augment.RandAugment(10, reference_side=256)
shown.append(("a pair", pair(image, torch.Generator().manual_seed(5))))
_ = sheets.sheet([shown[start : start + 6] for start in range(0, len(shown), 6)])

# %% [markdown]
# ## Train, or load
#
# The rows are data, in `rslib/recipes/additive.py`; what a smaller scale changes in them is one
# written rule, in `rslib/recipes/scales.py`. One call trains the rows that have no result, or loads
# what is recorded.
#
# Recorded are runs on the embedded Fashion-MNIST, and on CIFAR-10 {cite:p}`krizhevsky2009learning`
# whose images were stored as JPEG files of quality 75: a folder as any other.
#
# While it trains, the log shows top-1 on *minival*, images held out of the training images; tables
# show the test images, which nothing was chosen by.

# %% tags=["scroll-output"]
groups = collect.collect(TABLE_1, asked)

# %% [markdown]
# ## The table, measured
#
# Top-1 is measured on the test images with the weights of the last epoch, never the best one: mean
# and standard deviation over n runs, for the raw weights and for their average. The first three rows
# count by the raw weights, the others by the average; so does Δ, whose sign stands beside the
# paper's: a reduced scale has sizes of its own. The interval is that of this step alone, at 95 %
# over other seeds, with the deviation pooled over all rows ("+ EMA of weights" is two readings of the
# same runs, and so is compared run by run); p is corrected for the ten steps together. *On training
# images* is the mean over training images as they are, without augmentation. The last two lines are
# the rows that no table of the paper has; the claims need them.

# %%
for results in groups:
    display(Markdown(tables.headline(TABLE_1, results)))
    display(tables.frame(TABLE_1, results, asked.rows))

# %% [markdown]
# The printed rows as a figure. Each of our marks is one run, each of the paper's the mean of two; the
# line joins the means, grey bars are their 95 % intervals by each row's own runs. The panels have
# other images, and axes of their own.

# %% mystnb={"image": {"alt": "Ladder of the eleven rows of Table 1, top-1 by row: the paper's rise from 79.0 to 83.4 percent, with dips at the longer schedule and at dropout, and beside it a panel for each set of recorded runs with every run as a mark."}}
for results in groups or [[]]:
    plot.ladder(TABLE_1, results)

# %% [markdown]
# What a row of this scale is made of, for the row with all regularization: every field that is not
# the paper's, and all that regularizes. (0 images are all there are, a micro batch of 0 is the whole
# batch, and lengths in pixels are absolute with a reference of 0.)

# %%
for results in groups:
    display(Markdown(f"**{tables.short(results)}**"))
    display(tables.recipe(TABLE_1, TABLE_1.row("weight-decay"), results))

# %% [markdown]
# ## The claims
#
# What the paper says of its table was written down as fourteen sums over rows, with their signs and
# numbers of runs, before the first run began: `CLAIMS` in `rslib/recipes/additive.py`. Two rows were
# added that the paper lacks, without which no interaction can be told: 90 epochs with all
# regularization, and 350 epochs with the lower weight decay and none. The sums, by the ids of rows:

# %%
claims.sums(TABLE_1)

# %% [markdown]
# A claim has a direction only if three tests tell it from zero: over other seeds, with the deviation
# pooled over all rows and p corrected for all fourteen claims (those without runs count as p = 1);
# over other seeds again, by the scatter of its own rows; over other test images. The intervals are
# for one claim alone, so all of them may leave out zero where the corrected verdict is
# "inconclusive". Nothing varies the 1,000 training images: the verdicts speak of these. Claims about
# overfitting are judged only where the network can memorize its training images: the regime gate above.
# That it can does not mean that it hurts. A question mark stands where two runs a row, as the paper
# has them, could not tell its effect from zero.

# %%
evidence = [group for group in groups if not tables.no_evidence(group)]
if not evidence:
    print("no evidence here, so no claim is judged below")
for results in evidence:
    scatter = claims.scatter(TABLE_1, results)
    display(Markdown(f"**{tables.short(results)}**. {scatter}"))
    display(claims.frame(TABLE_1, results))

# %% [markdown]
# In the figure, right of 0 is the paper's direction. Thick bars are the intervals over seeds by the
# claim's own rows, black ones those over test images.

# %% mystnb={"image": {"alt": "Effect of each of the fourteen claims in points with its two intervals, one figure for each set of recorded runs. Marks right of zero agree with the paper's direction; filled circles are claims that held, crosses claims that turned round, hollow squares claims that stay undecided."}}
for results in evidence:
    plot.claims(TABLE_1, results)

# %% [markdown]
# ## Training and held-out accuracy over the epochs
#
# The four rows of the first claims: top-1 on training images as they are and on minival, of the raw
# weights and of their average. Lines are means over the seeds, bands go from the lowest to the
# highest. Overfitting in the paper's sense would be a held-out curve that falls while the training
# curve nears the top.

# %% mystnb={"image": {"alt": "Curves of training and minival top-1 over the epochs for 90 and 350 epochs, each without and with all regularization, one figure for each set of recorded runs. Without regularization training accuracy climbs to nearly 100 percent, far above minival; with it the two stay closer together."}}
titles = {
    "cosine": "90 epochs",
    "epochs": "350 epochs",
    "short-regularized": "90 epochs, regularized",
    "dropout": "350 epochs, regularized",
}
for results in evidence:
    plot.curves(TABLE_1, results, titles)

# %% [markdown]
# ## What matched, and what did not

# %%
for results in evidence:
    display(Markdown(claims.summary(TABLE_1, results)))

# %% [markdown]
# No claim asks whether regularization helps as a whole; the paper takes it for granted. These sums
# were looked at when the runs were known, so they have no verdict. The first two are long schedules,
# where the paper gains; the last is the short one.

# %%
for results in evidence:
    display(Markdown(claims.afterwards(TABLE_1, results)))

# %% [markdown]
# Why would something not hold here that holds in the paper? What follows is conjecture: no run tests
# any of it by itself.
#
# - **The short schedule is too short.** The paper's 90 epochs are 28,000 steps; 90 epochs of 1,000
#   images in batches of 64 are 1,350. The column *on training images* shows how far a row is by then:
#   the regularized one, which learns more slowly, knows the fewest of its images. So 350 epochs first
#   of all finish the job. That can hide what overfitting costs, and it alone can make the gain larger
#   with regularization. The interaction does not set it apart.
# - **The regularization is that of a ResNet-200.** Label smoothing, stochastic depth and dropout have
#   its strengths, but the network is a seventieth of its size. With all of it, the long schedule fits
#   fewer of its training images than the short one without: the network is held back, and the same
#   column shows from which row on. The paper itself gives small networks less (Appendix E).
# - **There is more or less to gain.** What a network gets right on training images and wrong on test
#   images is all that regularization can win back, and the regime gates above show how much that is:
#   on CIFAR-10 several times as much as on Fashion-MNIST. So one and the same regularization can pay
#   on the one, and cost more than it brings on the other.
# - **Other parts are weaker.** Weight decay acts a twentieth as much, crops keep at least half of the
#   image rather than a twelfth, and RandAugment has magnitude 10 in place of 15. Lowering a weight decay
#   that hardly binds cannot free much.
# - **The images are others.** Small, few, and from ten classes.

# %% [markdown]
# ## Run it yourself
#
# - `-p scale` or `-p epochs` asks for training; then `-p rows cosine,epochs` trains some rows, and
#   `-p seeds 3` three runs of each.
# - The runs behind the claims: `-p scale laptop -p seeds 3` for the ladder, and `-p seeds 5 -p rows
#   cosine,short-regularized,epochs,long-lower-decay,dropout,weight-decay` for the contrasts; together
#   under three hours on two cores.
# - `-p data_dir /path/to/images` takes a folder with `train/<class>/` and `val/<class>/`.
# - Before training the notebook prints what it will train and for how long; `-p max_hours 2` makes
#   it refuse more than that.
# - A stopped machine loses at most ten minutes: checkpoints are in `runs/`, the same command goes on.
# - `papermill --help-notebook notebooks/table1.ipynb` explains every parameter.
# - Every recorded run is one JSON file in `data/results/table1/`, with its seed, history, machine,
#   commit, and which test images it got right.
#
# ## Exercises
#
# 1. Which rows would change if the last three were read from the raw weights? A result holds both
#    readings: `metrics.test.raw` and `metrics.test.ema`.
# 2. Train `-p rows dropout,weight-decay` on images of your own. Does the lower weight decay help?
# 3. The paper's smallest steps are 0.2 points. From the intervals above, how many seeds would tell
#    such a step from none?
# 4. Change `LONG_EXPOSURE` in `rslib/recipes/scales.py` to the paper's 8.6 and train
#    `-p rows epochs`. What becomes of the regime gate?
# 5. Halve all strengths of the regularization in `rslib/recipes/additive.py` and train
#    `-p rows epochs,dropout`. Does regularization help now?
