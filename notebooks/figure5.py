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
# # Figure 5: EfficientNet at lower resolutions
#
# The paper's claim (§7.2, Figure 5): EfficientNet {cite:p}`tan2019efficientnet` at lower resolutions,
# which the paper calls EfficientNet-RS, shows "a marked improvement" of accuracy for its training time,
# and ResNet-RS is still ahead. It prints neither the resolutions nor the accuracies.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Runs of each row, with seeds 1, 2 and so on
rows: list = []  # Row ids such as "b0-slow,b1-slow"; empty for all four
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

from IPython.display import Code, Markdown, display

from rslib.costs import counts
from rslib.evidence import devices
from rslib.recipes import efficientnet_rs
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.recipes.scales import at_scale
from rslib.report import claims, collect, estimate, pareto_plot, protocols, rescaled, speed
from rslib.running import params

asked = params.from_namespace(globals())
networks = efficientnet_rs.slow_networks()

# %% tags=["remove-input", "scroll-output"]
groups = collect.collect(FIGURE_5, asked)
recorded = {
    name: held
    for name, held in devices.recorded().items()
    if any(speed.find(held, network, v) for network in networks for v in speed.variants(held))
}

# %% tags=["remove-input"]
Markdown(rescaled.answer(recorded, groups))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Figure 5, as far as it can be measured. The lines have published accuracies. A bar is at the measured time of an EfficientNet-RS, and rises from EfficientNet's line to the accuracy that the same network has at its own resolution. If its accuracy, which was not run, is within the bar, the lower resolution is a gain. A long bar is easy to meet, a short one hard. B0 has none: no published EfficientNet is as fast.", "name": "figure-rescaled"}, "image": {"alt": "Published top-1 over measured training time on a CPU, with a line for ResNet-RS and one for EfficientNet. At the time of each EfficientNet-RS from B1 to B7 a vertical bar rises from EfficientNet's line to the accuracy of the same network at its own resolution, 0.4 to 1.4 points; from B4 on the bars are far left of their networks."}}
_ = pareto_plot.rescaled_curves(recorded)

# %% tags=["remove-input"]
for name, measurements in recorded.items():
    display(Markdown(f"{name}: {speed.conditions(measurements)} Files: `data/results/profile/`."))

# %% [markdown]
# ## What it costs, and what it may lose
#
# Seconds for 128 images in training steps, as in [Table 7](table7.ipynb). At its new time a network is
# above EfficientNet's own line as long as it *loses* fewer points of its published accuracy than the
# table says. The last column is the same for ResNet-RS's line; it is negative where the network would
# have to gain. Both are empty where a line does not reach. They are computed from medians of one process;
# the brackets show how far single steps differ, and some differ much.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Seconds for 128 images at EfficientNet's own resolution and at the lower one, and how many points of accuracy a network may lose for that.", "caption_before": true, "classes": "table"}}
for name, measurements in recorded.items():
    for variant in speed.variants(measurements):
        display(rescaled.costs(measurements, variant).rename_axis(columns=f"{name}, {variant}"))

# %% [markdown]
# ## Why
#
# Compound scaling grows width, depth and resolution together, up to 600 pixels, where ResNet-RS goes from
# 160 to 320. Time grows at least with the square of the resolution, while accuracy probably gains less
# and less from it. So the networks with the highest resolutions have the most time to win.
#
# **What would change our mind**: the eight networks trained on ImageNet at these resolutions; any of them
# that loses more than its bar.
#
# ## The resolutions
#
# EfficientNet-RS's resolutions here grow half as fast as EfficientNet's: the geometric mean of 192 pixels
# and the network's own, to the nearest multiple of 32, by which the network divides it. One thing is known
# of the paper's choice: its rule for RandAugment has three magnitudes, so some of its resolutions are on
# either side of 224 and of 320 pixels, and so are some of these.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: resolution and RandAugment's magnitude", "code_prompt_hide": "Code: resolution and RandAugment's magnitude"}
Code(
    inspect.getsource(efficientnet_rs.slow_resolution)
    + "\n\n"
    + inspect.getsource(efficientnet_rs.magnitude),
    language="python",
)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "All resolutions, with magnitudes and FLOPs", "code_prompt_hide": "All resolutions, with magnitudes and FLOPs"}
counted = {
    (network.name, pixels): counts.count(network.name, pixels)
    for network in networks
    for pixels in (network.published.resolution, network.resolution)
}
rescaled.resolutions(counted)

# %% [markdown]
# ## A note on small trained networks
#
# B0 and B1 were trained at the scale `laptop`, each at its own resolution and at the lower one. They are
# far from fitting their training images, and another seed changes the result by points: in so few steps,
# at EfficientNet's rate, they do not finish learning. So these runs, {term}`exploratory` as all share one training subset, decide nothing, and their two claims
# are not on the [scorecard](../book/scorecard.md). A small image in a small network is not a large one in
# a large one, either.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "The runs", "code_prompt_hide": "The runs"}
for results in groups:
    display(Markdown(protocols.headline(FIGURE_5, results)))
    display(rescaled.trained(results, asked.rows))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "How they were trained", "code_prompt_hide": "How they were trained"}
Markdown(
    "The recipe is EfficientNet's own: RMSProp, a rate that falls by 3 % every 2.4 epochs, dropout and "
    "stochastic depth of 0.2, with RandAugment in place of AutoAugment. At reduced scales its magnitude "
    "is 10 throughout, so that only the resolution differs. (At paper scale it follows §7.2's rule, which "
    "gives B1 less at its lower resolution: there two things differ.) The width, the number of images, "
    "and all resolutions by a factor of eight are reduced; batch, rate and crops follow the scale "
    "(`rslib/recipes/scales.py`). Weight decay, unchanged at 1e-5, does next to nothing in so few steps."
)

# %% tags=["remove-input", "hide-output", "words"] mystnb={"code_prompt_show": "The claims as sums over rows", "code_prompt_hide": "The claims as sums over rows"}
display(
    Markdown(
        '"Improves the Pareto efficiency" was registered before the first run as two sums over these rows. '
        "Compound scaling's line goes through B0 and B1 at their own resolutions, over the logarithm of "
        "FLOPs, and a network at a lower resolution is above it or below it. All rows are read by the "
        "average of the weights."
    )
)
display(claims.sums(FIGURE_5))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Where the networks are on the line", "code_prompt_hide": "Where the networks are on the line"}
at = {
    scale: {
        row.id: counts.count_recipe(at_scale(row, scale).recipe, classes).flops
        for row in FIGURE_5.rows
    }
    for scale, classes in (("paper", 1000), ("laptop", 10), ("gpu", 10))
}
display(rescaled.places(at))
display(
    Markdown(
        "On that line B0 is 0 and B1 is 1. The sums take places by FLOPs at the paper's scale, in quarters; "
        "B0's is beyond the line's end. At a reduced scale the places differ. Where one is larger, the sum "
        "compares the network with too low a point of the line, which makes the claim easier if B1 is "
        "better than B0."
    )
)

# %% tags=["remove-input", "hide-output", "words"] mystnb={"code_prompt_show": "The claims in numbers", "code_prompt_hide": "The claims in numbers"}
for results in groups:
    if not protocols.no_evidence(results):
        display(Markdown(f"**{protocols.short(results)}**"))
        display(claims.frame(FIGURE_5, results))
display(
    Markdown(
        "A verdict has the same conditions as in [Table 1](table1.ipynb): an interval over seeds, "
        "{term}`Holm's correction`, and an interval over test images, all of which exclude zero."
    )
)

# %% [markdown]
# ## Run it yourself
#
# ```bash
# python -m rslib profile efficientnet_b3 --resolution 240       # one network: a minute
# python -m rslib profile figure5                                # all eight: ten minutes
# papermill notebooks/figure5.ipynb out.ipynb -p scale laptop \
#   -p seeds 3                                                   # the runs: see the table below
# papermill notebooks/figure5.ipynb out.ipynb -p epochs 350      # ImageNet, on a GPU
# ```
#
# - Times are for two CPU cores. The second needs `python -m rslib profile table7` as well. To resume, run the same command again. The last one has our resolutions,
#   and has not been run yet.
# - `python -m rslib record profile` records what was measured, `make render` shows it.
# - `-p rows b0-compound,b0-slow` trains some rows, `-p data_dir /path/to/images` takes other images.

# %% tags=["remove-input"]
Markdown(estimate.of_page(FIGURE_5, groups))

# %% [markdown]
# ## Exercises
#
# 1. Which networks can lose the most? What does that say of compound scaling at large sizes?
#
# :::{dropdown} Solution
# B2, B4 and B5 can lose the most, 1.3 to 1.4 points. B5 and B6 gain most time, more than a factor of
# four; but the line is flat there, so that a large gain in time is few points on it.
# :::
#
# 2. Choose resolutions that grow as slowly as ResNet-RS's, from 160 to 320. Which bars grow?
#
# :::{dropdown} Solution
# All of them, because every resolution becomes lower than here. Time falls about with the square of the
# resolution: B0 at 160 pixels takes 0.69 of its time here, B7 at 320 pixels 0.83. The bars grow most where
# EfficientNet's line is steep, at the small networks. A longer bar is no gain yet, because a lower
# resolution loses more accuracy too.
# :::
#
# 3. Is EfficientNet-B3 at 256 pixels likelier to be within its bar than B1 at 224? What would you
#    have to run to know?
#
# :::{dropdown} Solution
# By its bar B3 may lose 0.7 points and B1 0.4, but B3 gives up 27 % of its pixels and B1 13 %: the bars do
# not answer this. It takes both networks at both resolutions on ImageNet, with more than one seed, because
# seeds alone differ by tenths of a point.
# :::
