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
# # Figure 5: EfficientNet with smaller images
#
# EfficientNet {cite:p}`tan2019efficientnet` scales width, depth and image size together, so its largest
# network looks at 600 pixels. §7.2 keeps width and depth, makes the images smaller, and calls the
# result EfficientNet-RS. Figure 5 shows "a marked improvement" of accuracy for the time it takes; and
# ResNet-RS still ahead.
#
# The paper prints neither the sides that it chose nor the accuracies that it found: both are only
# marks in its figure, and no code or weights were released. So **the sides on this page are this
# book's choice**. What they cost is measured. What accuracy they reach on ImageNet has **not been run**;
# in its place the page says how much they may lose, and trains the two smallest networks at a reduced
# scale.

# %% [markdown]
# | this page | |
# |---|---|
# | shows | what was counted, every device that is recorded, and recorded runs; trains nothing unless asked to |
# | needs | a minute on any machine |
# | measure this machine | `python -m rslib profile figure5`, beside `python -m rslib profile table7` |
# | train | `papermill notebooks/figure5.ipynb out.ipynb -p scale laptop -p seeds 3`: an hour on two CPU cores |
# | ImageNet | `papermill notebooks/figure5.ipynb out.ipynb -p epochs 350` on a GPU with ImageNet; our sides, and no GPU has run it yet |

# %% tags=["parameters"]
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Runs of each row, with seeds 1, 2 and so on
rows: list = []  # Row ids such as "b0-slow,b1-slow"; empty for all four
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

from IPython.display import Code, Markdown, display

from rslib.costs import counts
from rslib.evidence import devices
from rslib.recipes import efficientnet_rs
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.recipes.scales import at_scale
from rslib.report import claims, collect, pareto_plot, rescaled, speed, tables
from rslib.running import params

asked = params.from_namespace(globals())

# %% [markdown]
# ## The sides
#
# ResNet-RS goes from 160 to 320 pixels where EfficientNet goes from 224 to 600. Here EfficientNet-RS's
# sides grow half as fast as EfficientNet's: the geometric mean of 192 pixels and the network's own
# side, to the nearest multiple of 32, by which the network divides it. They go from 192 to 352 pixels.
# One thing is known of the paper's own sides: its rule for RandAugment has three magnitudes, so some
# lie on either side of 224 and of 320, and so do these.

# %% tags=["remove-input"]
Code(
    inspect.getsource(efficientnet_rs.slow_side)
    + "\n\n"
    + inspect.getsource(efficientnet_rs.magnitude),
    language="python",
)

# %%
networks = efficientnet_rs.slow_networks()
counted = {
    (network.name, side): counts.count(network.name, side)
    for network in networks
    for side in (network.published.resolution, network.resolution)
}
rescaled.sides(counted)

# %% [markdown]
# ## What it costs, measured
#
# Seconds for 128 images in training steps, as [Table 7](table7.ipynb) has them. *May lose* is the use
# that can be made of them without a single run on ImageNet: at its new time the network beats
# EfficientNet's own line as long as it loses fewer points than that of its published accuracy. The
# last column is the same for ResNet-RS's line, and negative where the network would have to gain.
# Both are empty where a line does not reach: no EfficientNet is faster than B0. They are made of
# medians; the brackets say how far single steps lie apart, and some lie far.

# %%
recorded = {
    name: held
    for name, held in devices.recorded().items()
    if any(speed.find(held, network, v) for network in networks for v in speed.variants(held))
}
for name, measurements in recorded.items():
    for variant in speed.variants(measurements):
        display(Markdown(f"**{name}, {variant}**. {speed.conditions(measurements)}"))
        display(rescaled.costs(measurements, variant))

# %% [markdown]
# ## Figure 5, as far as it can be measured
#
# Accuracies of the two lines are the published ones. A bar stands where an EfficientNet-RS's measured
# time is. It reaches from EfficientNet's line up to the accuracy that the same network has at its own
# side: if its accuracy, which was not run, lies within the bar, the slower scaling was a gain. A long
# bar is easy to meet, a short one hard. B0 has none: no published EfficientNet is as fast.

# %% mystnb={"image": {"alt": "Published top-1 over measured training time of ResNet-RS and EfficientNet as two lines. At the time of each EfficientNet-RS stands a vertical bar from EfficientNet's line to the accuracy of the same network at its own side; from B4 on a bar lies far left of its network's mark."}}
_ = pareto_plot.rescaled_curves(recorded)

# %% [markdown]
# ## Trained at a reduced scale
#
# B0 and B1, each at its own side and at the slow one, by EfficientNet's own recipe: RMSProp, a rate that
# falls by 3 % every 2.4 epochs, dropout and stochastic depth of 0.2; with RandAugment in place of
# AutoAugment. At reduced scales its magnitude is 10 throughout, so that only the side differs. (At paper
# scale it follows §7.2's rule, which gives B1 less at its slow side: there two things differ.)
#
# Reduced are the width, the number of images, and all sides by a factor of eight; batch, rate and crops
# follow the scale, as `rslib/recipes/scales.py` has it. At the scale `laptop` weight decay, unchanged at
# 1e-5, decays next to nothing in so few steps. A small image in a small network is not a large one in a
# large one: these runs test the idea, not the figure.

# %% tags=["scroll-output"]
groups = collect.collect(FIGURE_5, asked)

# %%
for results in groups:
    display(Markdown(tables.headline(FIGURE_5, results)))
    display(rescaled.trained(results, asked.rows))

# %% [markdown]
# At the scale `laptop` these networks are far from knowing their training images, which the column *on
# training images* shows, and another seed is another result by points: in so few steps, at EfficientNet's
# rate, they have not finished learning. Three seeds then tell only large differences.
#
# ## The claims
#
# "Improves the Pareto efficiency" was written down before the first run as two sums over these rows,
# which are ours as the sides are. Compound scaling's line goes through B0 and B1 at their own sides, over
# the logarithm of FLOPs, and a slow network is above it or below it. All cells are read by the average of
# the weights.

# %%
claims.sums(FIGURE_5)

# %% [markdown]
# On that line B0 is 0 and B1 is 1. The sums take the slow networks' places by FLOPs at the paper's sides,
# in quarters; B0's is beyond the line's end. The networks that are trained at a reduced scale have places
# of their own. Where theirs is the larger, the sum holds them against too low a point of the line, which
# makes the claim easier if B1 is better than B0:

# %%
at = {
    scale: {
        row.id: counts.count_recipe(at_scale(row, scale).recipe, classes).flops
        for row in FIGURE_5.rows
    }
    for scale, classes in (("paper", 1000), ("laptop", 10), ("gpu", 10))
}
rescaled.places(at)

# %%
for results in groups:
    if not tables.no_evidence(results):
        display(Markdown(f"**{tables.short(results)}**"))
        display(claims.frame(FIGURE_5, results))

# %% [markdown]
# A verdict takes what it takes in [Table 1](table1.ipynb): an interval over seeds, Holm's correction,
# and an interval over test images, that all leave out zero.
#
# ## Run it yourself
#
# - `python -m rslib profile figure5` measures the eight networks at their slow sides on this machine,
#   `python -m rslib record profile` records them.
# - `-p rows b0-compound,b0-slow` trains some rows, `-p data_dir /path/to/images` takes other images.
# - `python -m rslib profile efficientnet_b3 --resolution 240` tries a side of your own.
#
# ## Exercises
#
# 1. Which networks can lose the most? What does that say of compound scaling at large sizes?
# 2. Choose sides that grow as slowly as ResNet-RS's, from 160 to 320. Which bars grow?
# 3. Is EfficientNet-B3 at 256 pixels likelier to lie within its bar than B1 at 224? What would you
#    have to run to know?
