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
# The paper's claim (§5.1, Table 1): ten changes, made one after the other, take a ResNet-200
# {cite:p}`he2016resnet` from 79.0 to 83.4 % top-1 on ImageNet {cite:p}`russakovsky2015imagenet`, and three quarters of the gain come before the architecture is
# changed. Two steps lose accuracy on the way, because the methods interact: longer training overfits
# until regularization is added (−0.5), and dropout {cite:p}`srivastava2014dropout` hurts until weight
# decay is lowered (−0.3).

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Runs of each row, with seeds 1, 2 and so on
rows: list = []  # Row ids of the table below such as "cosine,ema"; empty for all eleven
dataset: str = ""  # fashion-mnist, folder, cifar10, cifar100 or imagenet; empty for what scale and data_dir imply
data_dir: str = ""  # Folder with train/ and val/ or test/; empty for the embedded images
runs_dir: str = ""  # Checkpoints and histories; empty for runs/ of the project
device: str = "auto"  # cpu, cuda, or auto for cuda where there is one
executor: str = "local"  # in processes (local), in this one (inline) or on a cluster (ray)
reuse: bool = True  # False trains again and compares with the stored run
compile: bool = False  # True times eager and compiled steps and keeps the faster
max_hours: float = None  # Refuse what would take longer; None for no limit
threads: int = 1  # CPU threads of each training process
workers: int = None  # Loader processes; None for 0 on a CPU, and up to 16 with a GPU

# %% tags=["remove-input"]
import inspect
import textwrap

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
from rslib.report import (
    block_plot,
    claims,
    collect,
    estimate,
    forest,
    in_blocks,
    plot,
    protocols,
    sheets,
    tables,
)
from rslib.running import params
from rslib.training import ema, optim

asked = params.from_namespace(globals())
recipes = {row.id: row.recipe for row in TABLE_1.rows}

# %% tags=["remove-input", "scroll-output"]
groups = collect.collect(TABLE_1, asked)
evidence = [group for group in groups if not protocols.no_evidence(group)]

# %% tags=["remove-input"]
in_blocks_runs = collect.recorded(TABLE_1_BLOCKS)
CAVEAT = (
    f"Regularized, 90 epochs fit {in_blocks.reached(TABLE_1_BLOCKS, in_blocks_runs, 'all-short')} "
    "of the training images, so they underfit (Why)."
)
Markdown(in_blocks.answer(TABLE_1_BLOCKS, in_blocks_runs, CAVEAT, also=["longer-alone"]))

# %% [markdown]
# ## What was measured
#
# The corners of the table, {90, 350 epochs} × {no, all regularization}
# ({numref}`figure-corners`), each trained in
# [blocks](../book/blocks.md): every block has a separate training subset and seed, so that a
# verdict holds for more than one subset. This experiment is {term}`confirmatory`.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Longer training with and without all regularization. Thin lines are blocks, each with its own training subset and seed; thick lines join the means. Without regularization 350 epochs bring little, with it they bring much.", "name": "figure-corners"}, "image": {"alt": "Top-1 of the four corners of Table 1, 90 and 350 epochs without and with all regularization: a thin line for each block, a thick one through the means. From 90 to 350 epochs the regularized line rises steeply and crosses the other one, which stays nearly level."}}
CORNERS = {
    "no regularization": {90: "none-short", 350: "none"},
    "all regularization": {90: "all-short", 350: "all"},
}
_ = block_plot.lines(TABLE_1_BLOCKS, in_blocks_runs, CORNERS, xlabel="epochs")

# %% tags=["remove-input"]
Markdown(tables.provenance(TABLE_1_BLOCKS, in_blocks_runs))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The claims of Table 1 in blocks: verdict, the paper's effect and ours in points, p by Holm, and the smallest effect that would have shown with a probability of 80 %.", "caption_before": true, "classes": "table"}}
for results in in_blocks_runs:
    display(in_blocks.claims(TABLE_1_BLOCKS, results))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Details: each corner, and what was measured without a claim", "code_prompt_hide": "Details: each corner, and what was measured without a claim"}
for results in in_blocks_runs:
    display(Markdown(protocols.headline(TABLE_1_BLOCKS, results)))
    display(in_blocks.frame(TABLE_1_BLOCKS, results))
    display(Markdown(in_blocks.lacking(TABLE_1_BLOCKS, results)))
    display(Markdown(in_blocks.described(TABLE_1_BLOCKS, results)))
    display(in_blocks.runs(TABLE_1_BLOCKS, results))

# %% [markdown]
# ## The eleven rows
#
# Each row keeps everything of the row above it; Δ is what the row changes, in points of top-1. The
# paper's numbers are means of two runs on ImageNet. Ours are means of three to five seeds on 1,000
# training images, with the 95 % interval over seeds ({numref}`table-rows`): a reduced scale can test the
# sign of Δ, not its size. These rows are the first experiment, with one training subset
# for each data set: it is {term}`exploratory`, on Fashion-MNIST and on CIFAR-10.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The eleven rows of Table 1, each with everything of the row above it. Top-1 of the paper in per cent, and what each row changes (Δ, in points): in the paper, means of two runs on ImageNet; here, means of three to five seeds on 1,000 images, with the 95 % interval over seeds.", "caption_before": true, "classes": "table", "name": "table-rows"}}
tables.beside(TABLE_1, groups, asked.rows)

# %% tags=["remove-input"]
Markdown(tables.provenance(TABLE_1, evidence))

# %% [markdown]
# ## Why
#
# What follows is conjecture: no run tests any of it by itself.
#
# - **The short schedule is too short.** The paper's 90 epochs are 28,000 steps; 90 epochs of 1,000
#   images in batches of 64 are 1,350. The regularized network learns more slowly, and by then has
#   not fitted its images. That alone can make the gain of 350 epochs larger with regularization (part of that effect
#   cures underfitting), and it can hide what overfitting costs.
# - **The regularization is that of a ResNet-200.** Label smoothing, stochastic depth and dropout have
#   its strengths, but the network is a seventieth of its size. The paper itself gives small networks
#   less (Appendix E).
# - **There is more or less to gain.** What a network gets right on training images and wrong on test
#   images is all that regularization can win back. That gap is several times as large on CIFAR-10 as
#   on Fashion-MNIST (the {term}`regime gates <regime gate>` in the details), so the same regularization can pay on the one
#   and cost accuracy on the other.
# - **Other parts are weaker.** Weight decay acts a twentieth as much, crops keep at least half of the
#   image rather than a twelfth, and RandAugment has magnitude 10 instead of 15. Lowering a weight
#   decay that has little effect cannot gain much.
#
# **What would change our mind**: the corners at the `gpu` scale, with ten times the images and a
# ResNet-50, where 90 epochs are enough to fit them; or the paper's own rows on ImageNet.

# %% [markdown]
# ## The ideas
#
# **Schedule.** In step $t$ of $T$ the learning rate is $\eta_t = \tfrac{\eta}{2}(1 + \cos \pi t / T)$,
# {cite:p}`loshchilov2017sgdr`, after a linear warm-up {cite:p}`goyal2017accurate`; the baseline instead divides by ten at 30, 60 and 80 of its 90 epochs.
#
# **Average of the weights.** Next to the weights $\theta_t$ an average is kept {cite:p}`polyak1992acceleration`,
# $\bar\theta_t = d_t \bar\theta_{t-1} + (1 - d_t)\,\theta_t$ with
# $d_t = \min(0.9999,\ \tfrac{1 + t}{10 + t})$; it is evaluated in the end.
#
# **Label smoothing** {cite:p}`szegedy2016rethinking`. The target is $1 - \varepsilon$ for the right class, plus $\varepsilon / K$ for
# each of all $K$ classes, $\varepsilon = 0.1$.
#
# **Stochastic depth** {cite:p}`huang2016deep`. A block's branch $F$ is dropped with probability $p$, else scaled up:
# $y = x + \tfrac{b}{1 - p} F(x)$, $b \sim \mathrm{Bernoulli}(1 - p)$. In stage $i = 2 \dots 5$,
# $p = r\, i / 5$.
#
# **Weight decay** pulls every weight towards zero by $\lambda \eta_t \theta$ a step, over a run by
# about $\lambda \sum_t \eta_t$, its {term}`exposure`. The paper's long schedule has 8.6 at the higher weight
# decay; under that a small network learns little, so reduced scales have 0.4 there, and keep the
# paper's ratio of 2.5 between the higher and the lower weight decay.
#
# **Squeeze-and-Excitation** {cite:p}`hu2018squeeze` multiplies each channel by
# $s = \sigma(W_2\, \mathrm{relu}(W_1 \bar z))$, where $\bar z$ are the means of all channels.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: the learning rate", "code_prompt_hide": "Code: the learning rate"}
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

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: the learning rates of the first three rows, for ImageNet and a batch of 4,096. Right: how many steps back the average of the weights reaches.", "name": "figure-schedules"}, "image": {"alt": "Left: learning rate by epoch. The baseline falls in three steps within 90 epochs, the two cosine schedules fall smoothly to zero at 90 and at 350 epochs. Right: the horizon of the averaged weights in steps, a straight line that stops at 10,000 near epoch 290."}}
per_epoch = 1_281_167 // 4096
rates = {}
for recipe in (recipes[id].optim for id in ("baseline", "cosine", "epochs")):
    label = f"{recipe.schedule}, {recipe.epochs} epochs"
    rates[label] = optim.rates(recipe, per_epoch)
steps = range(1, 350 * per_epoch + 1)
decays = [min(0.9999, (1 + step) / (10 + step)) for step in steps]
_ = plot.schedules(rates, decays, per_epoch)

# %% [markdown]
# The average covers the BN statistics too. Every run keeps one, so "+ EMA of weights" needs no separate
# run: it is a second reading of the row above it. A check: a weight that jumps from 0 to 1 and
# keeps that value. After $t$ steps the average still lacks the product of the factors
# $\tfrac{1 + s}{10 + s}$ of the steps $s \le t$.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: the average of the weights", "code_prompt_hide": "Code: the average of the weights"}
Code(textwrap.dedent(inspect.getsource(ema.Ema.update)), language="python")

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
# One class makes the blocks of all rows: SE and ResNet-D are arguments of it. The order at the end of
# a branch matters: last BN, SE, stochastic depth, addition. ResNet-D
# {cite:p}`he2019bag` changes the stem, three 3×3
# convolutions instead of one 7×7, and the shortcut of a stage's first block, which averages four
# pixels where the original takes one and skips three. Squeeze-and-Excitation is two 1×1 convolutions
# on the mean over all pixels; the paper's ratio of 0.25 makes the first as narrow as the block itself.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: the block", "code_prompt_hide": "Code: the block"}
Code(inspect.getsource(Bottleneck), language="python")

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: ResNet-D's shortcut", "code_prompt_hide": "Code: ResNet-D's shortcut"}
Code(inspect.getsource(shortcut), language="python")

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: Squeeze-and-Excitation", "code_prompt_hide": "Code: Squeeze-and-Excitation"}
Code(textwrap.dedent(inspect.getsource(SqueezeExcite.forward)), language="python")

# %% [markdown]
# A check against the paper: ResNet-RS-200 has 93 million parameters in Table 7, the ResNet-200 it
# started from 65 million. SE adds almost all of the difference. (On the *meta* device a network has
# shapes and no values, so this takes no time.)

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
# **RandAugment** {cite:p}`cubuk2020randaugment`. Each training image goes through two of sixteen operations, drawn for every image
# and epoch.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "The sixteen operations on one image", "code_prompt_hide": "The sixteen operations on one image", "figure": {"caption": "The sixteen operations of RandAugment on one image, and a random pair of them.\n\nEach has magnitude 10, that of the reduced scales (the paper's row has 15). The image has 28 pixels and is shown at 32; lengths in pixels are scaled from the paper's 256. Contrast and Brightness turn a bright image white. On grey images Color does nothing, and Solarize has nothing left to invert at magnitudes from 10 on (in the authors' code its threshold wraps around instead).", "name": "figure-operations"}, "image": {"alt": "Eighteen small pictures of one grey garment: the original, then one for each operation of RandAugment, such as rotated, sheared, shifted, inverted, posterized, or with a grey square cut out; the last is a random pair of operations.", "classes": "dark-light"}}
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
# ## Details of the first experiment
#
# It trained all eleven rows on one training subset of each data set: the embedded Fashion-MNIST
# {cite:p}`xiao2017fashion`, and CIFAR-10 {cite:p}`krizhevsky2009learning` re-encoded as JPEG files of quality 75. Nothing varies the
# 1,000 training images, so its verdicts hold for these and are exploratory. The rows are data, in
# `rslib/recipes/additive.py`; one written rule in `rslib/recipes/scales.py` reduces them.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "The paper's table, and the ids of its rows", "code_prompt_hide": "The paper's table, and the ids of its rows"}
tables.paper_frame(TABLE_1)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Every row: raw and averaged weights, accuracy on training images, p", "code_prompt_hide": "Every row: raw and averaged weights, accuracy on training images, p"}
for results in groups:
    display(Markdown(protocols.headline(TABLE_1, results)))
    display(tables.frame(TABLE_1, results, asked.rows))
display(
    Markdown(
        "Top-1 is measured on the test images with the weights of the last epoch, never the best one: "
        "mean and standard deviation over n runs. The first three rows are compared by the raw weights, "
        "the others by the average. The interval is for one step alone, at 95 % over other seeds, by "
        "the scatter of its two rows; p is corrected for the ten steps together. *On training "
        "images* is the mean over training images without augmentation. The last two lines are rows "
        "that no table of the paper has; claims need them."
    )
)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Every run as a mark", "code_prompt_hide": "Every run as a mark", "figure": {"caption": "Top-1 after each of the eleven changes, in the paper and here. Each mark of ours is one run, each of the paper's the mean of two. The line joins the means, and grey bars are their 95 % intervals by each row's own runs. Each panel has its own axis.", "name": "figure-ladder"}, "image": {"alt": "Ladder of the eleven rows of Table 1, top-1 by row, in panels side by side: the paper's rise from 79.0 to 83.4 percent, with dips at the longer schedule and at dropout; then one panel for each set of recorded runs, where most steps are smaller than the scatter of the runs."}}
_ = plot.ladder(TABLE_1, groups)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "What the laptop scale changes in a recipe", "code_prompt_hide": "What the laptop scale changes in a recipe"}
for results in groups:
    display(Markdown(f"**{protocols.short(results)}**"))
    display(tables.recipe(TABLE_1, TABLE_1.row("weight-decay"), results))
display(
    Markdown(
        "For the row with all regularization: every field that differs from the paper's, and all that "
        "regularizes. 0 images means all there are, a micro batch of 0 the whole batch; lengths in "
        "pixels are absolute with a reference of 0."
    )
)

# %% [markdown]
# ### Its claims
#
# What the paper says of its table was registered as fourteen {term}`contrasts <contrast>`, sums over rows, with their signs and
# numbers of runs, before the first run began (`CLAIMS` in `rslib/recipes/additive.py`). Two rows were
# added, because no interaction can be tested without them: 90 epochs with all regularization, and 350
# epochs with the lower weight decay and none.
#
# A claim has a direction only if three tests distinguish it from zero: over other seeds, with the
# deviation pooled over all rows and p corrected for all fourteen claims ({term}`Holm's correction`); over other seeds again, by the
# scatter of its own rows; over other test images. The intervals are for one claim alone, so all of them
# may exclude zero where the corrected verdict is "undecided". Claims about overfitting are judged
# only where the network can memorize its training images. A question mark stands where two runs per row,
# as the paper has them, could not distinguish its effect from zero. *Visible* is the smallest effect that would
# have shown with a probability of 80 %. Four of the contrasts are tested again in blocks, three above and one in
# [Table 2](table2.ipynb); those verdicts count.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "First experiment, one training subset: its claims as a figure", "code_prompt_hide": "First experiment, one training subset: its claims as a figure", "figure": {"caption": "The fourteen claims of Table 1 with the measured effects, in points. Thick bars are 95 % intervals over seeds, thin ones those over test images, and an orange tick is the paper's effect.", "name": "figure-claims"}, "image": {"alt": "Effect of each of the fourteen claims in points with its two intervals, a panel for each data set. Marks right of zero agree with the paper's direction; filled circles are claims that held, crosses reversed claims, hollow squares undecided claims."}}
if evidence:
    forest.of_groups(TABLE_1, evidence)
else:
    print("no evidence here, so no claim is judged")

# %% tags=["remove-input", "words", "hide-output"] mystnb={"code_prompt_show": "The claims as sums over rows", "code_prompt_hide": "The claims as sums over rows"}
claims.sums(TABLE_1)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "The claims in numbers: verdict, effect, intervals, p", "code_prompt_hide": "The claims in numbers: verdict, effect, intervals, p"}
for results in evidence:
    scatter = claims.scatter(TABLE_1, results)
    display(Markdown(f"**{protocols.short(results)}**. {scatter}"))
    display(claims.frame(TABLE_1, results))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Looked at afterwards, so without a verdict", "code_prompt_hide": "Looked at afterwards, so without a verdict"}
for results in evidence:
    display(Markdown(claims.afterwards(TABLE_1, results)))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Accuracy over the epochs", "code_prompt_hide": "Accuracy over the epochs", "figure": {"caption": "Top-1 on training images without augmentation and on {term}`minival`, of the raw weights and of their average. Lines are means over the seeds, and bands go from the lowest to the highest. Overfitting in the paper's sense would be a minival curve that falls while the training curve nears the top.", "name": "figure-epochs"}, "image": {"alt": "Curves of training and minival top-1 over the epochs for 90 and 350 epochs, each without and with all regularization, a line of panels for each data set. Without regularization training accuracy climbs to nearly 100 percent, far above minival; with it the two stay closer together."}}
titles = {
    "cosine": "90 epochs",
    "epochs": "350 epochs",
    "short-regularized": "90 epochs, regularized",
    "dropout": "350 epochs, regularized",
}
_ = plot.curves(TABLE_1, evidence, titles)

# %% [markdown]
# ## Run it yourself
#
# ```bash
# papermill notebooks/table1.ipynb out.ipynb -p scale smoke           # a minute, two CPU cores
# papermill notebooks/table1.ipynb out.ipynb -p scale laptop          # see the table below
# papermill notebooks/table1.ipynb out.ipynb -p epochs 350            # ImageNet, on a GPU machine
# python -m rslib run table1_blocks --scale laptop --seeds 8 --data-dir DATA    # the corners in blocks
# ```
#
# - This page trains nothing unless `scale` or `epochs` asks for it. Then `-p rows cosine,epochs` trains
#   some rows, and `-p seeds 3` three runs of each.
# - `-p data_dir /path/to/images` takes a folder with `train/<class>/` and `val/<class>/`; ImageNet is
#   found there or in `RSLIB_DATA`.
# - Before training the notebook prints what it will train and for how long; `-p max_hours 2` makes
#   it refuse more than that.
# - A stopped machine loses at most ten minutes: checkpoints are in `runs/`. To resume, run the same
#   command again; a finished run is never trained twice.
# - The runs behind the fourteen claims: `-p scale laptop -p seeds 3` for the ladder, and `-p seeds 5
#   -p rows cosine,short-regularized,epochs,long-lower-decay,dropout,weight-decay` for the contrasts;
#   together under three hours on two cores.
# - `papermill --help-notebook notebooks/table1.ipynb` explains every parameter.
# - Every recorded run is one JSON file in `data/results/table1/` or `data/results/blocks/`, with its
#   seed, history, machine, commit, and which test images it got right.

# %% tags=["remove-input"]
display(Markdown(estimate.of_page(TABLE_1, groups)))
display(Markdown(estimate.of_page(TABLE_1_BLOCKS, in_blocks_runs)))

# %% [markdown]
# ## Exercises
#
# 1. Which rows would change if the last three were read from the raw weights? A result holds both
#    readings: `metrics.test.raw` and `metrics.test.ema`.
#
# :::{dropdown} Solution
# None changes its sign: in "Every row" the two readings of these rows differ by less than 0.2 points.
# :::
#
# 2. Train `-p rows dropout,weight-decay` on images of your own. Does the lower weight decay help?
#
# :::{dropdown} Solution
# It should, if your network overfits with all regularization. On the two recorded data sets the gain is
# below a point and undecided. So take several seeds, and look at the interval, not at one run.
# :::
#
# 3. The paper's smallest steps are 0.2 points. From the intervals above, how many seeds would
#    distinguish such a step from zero?
#
# :::{dropdown} Solution
# A step's 95 % interval is about ±1.3 points wide on CIFAR-10 with three seeds per row. It shrinks with
# the square root of the number of runs, so ±0.2 takes (1.3 / 0.2)² ≈ 42 times as many: about 130 seeds,
# and twice that to see it with a probability of 80 %.
# :::
#
# 4. Change `LONG_EXPOSURE` in `rslib/recipes/scales.py` to the paper's 8.6 and train
#    `-p rows epochs`. What becomes of the regime gate?
#
# :::{dropdown} Solution
# Weight decay then multiplies a weight by exp(−8.6) = 0.0002 over the run, in place of exp(−0.4) = 0.67.
# The network no longer memorizes its training images, so the gate is not reached, and no claim about
# overfitting is judged.
# :::
#
# 5. Halve all strengths of the regularization in `rslib/recipes/additive.py` and train
#    `-p rows epochs,dropout`. Does regularization help now?
#
# :::{dropdown} Solution
# No run of it is recorded. At full strength all regularization together gains points on CIFAR-10 and
# loses some on Fashion-MNIST ([scorecard](../book/scorecard.md)). If it is too strong for a small
# network, half of it loses less on Fashion-MNIST. Such runs have another recipe, so no claim is judged by
# them.
# :::
