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
# # Table 7: what accuracy costs
#
# Eleven ResNet-RS and eight EfficientNets, and for each what it costs: parameters, FLOPs, the time
# of a training step on two accelerators. EfficientNets have fewer parameters and fewer FLOPs at the
# same accuracy, and yet the paper trains ResNet-RS "1.7x - 2.7x faster" on TPUs and "2.1x - 3.3x"
# on GPUs (§1, §7.1, Figures 1 and 4). No network has to be trained to test that: one step of each
# is enough. The accuracies on this page are those that the paper published; everything else is
# counted or measured here.

# %% [markdown]
# | this page | |
# |---|---|
# | shows | what was counted, and every device that is recorded; measures nothing unless asked to |
# | needs | a minute on any machine |
# | this machine | `papermill notebooks/table7.ipynb out.ipynb -p device auto`: twenty minutes on two CPU cores; no GPU was measured yet |
# | one network | `python -m rslib profile resnet_rs_50 --resolution 160` |
#
# The same command again goes on where it stopped, and measures nothing twice.

# %% tags=["parameters"]
device: str = ""  # cpu, cuda or auto measures this machine; empty shows what is recorded
variants: list = []  # Such as "fp32,bf16"; empty for those usual on the device
runs_dir: str = ""  # Where this machine's measurements are kept; empty for runs/ of the project

# %% tags=["hide-input"]
import inspect

from IPython.display import Code, Markdown, display

from rslib.costs import counts
from rslib.evidence import released
from rslib.recipes import pareto
from rslib.report import collect, counted, pareto_plot, speed
from rslib.running import params

asked = params.from_namespace(globals(), params.Profiling)

# %% [markdown]
# ## What the paper reports
#
# Latencies are those of training steps (Appendix H): on one V100 in float32, seconds for 128 images;
# on eight TPUv3 cores in bfloat16, milliseconds for 1,024. FLOPs are of one image forward, two for
# each multiplication with its addition. Top-1 is in percent of ImageNet's validation images; beside
# it stands what released weights reach here, where that is recorded (`python -m rslib evaluate`).

# %%
speed.published(released.recorded())

# %% [markdown]
# ## Counted
#
# Parameters and FLOPs can be counted without a single image. The networks are built on PyTorch's
# *meta* device, where tensors have shapes and no values, and each convolution and linear layer
# reports what it does. *Activations* are the elements that those layers put out for one image;
# training keeps them for the way back.

# %%
networks = {row: counts.count(row.name, row.resolution) for row in pareto.table_7()}
counted.table(networks)

# %% [markdown]
# Where printed and counted FLOPs differ by more than rounding: ResNet-RS-152 at 192 pixels, which the
# paper prints as 18; and some EfficientNets, whose figures the paper seems to have taken over from
# the EfficientNet paper {cite:p}`tan2019efficientnet`.
#
# ## Why fewer FLOPs can take longer
#
# A layer takes at least as long as its arithmetic, and at least as long as the memory it moves:
#
# $$ t \ge \sum_\ell \max\left(\frac{F_\ell}{\text{FLOP/s}},\ \frac{M_\ell}{\text{bytes/s}}\right). $$
#
# What decides is *operational intensity*: FLOPs for each number read or written. EfficientNet's
# depthwise convolutions have little of it: each output takes nine or 25 multiplications, where a dense
# 3×3 convolution of 256 channels takes 2,304. And they work on the wide side of a block, where ResNet
# has its 3×3 convolution on the narrow one. It is counted as

# %% tags=["remove-input"]
Code(inspect.getsource(counted.intensity), language="python")

# %% [markdown]
# §7.1 says that EfficientNets have the larger activations and the lower intensity. Here are, for the
# pairs of [the speed claim](#the-speed-claim), EfficientNet's counts divided by ResNet-RS's.

# %%
counted.compared(networks)

# %% tags=["remove-input"]
Markdown(counted.said(networks))

# %% [markdown]
# ## Measured
#
# A training step is forward, loss, backward, SGD with momentum and the average of the weights. As in
# Appendix H a batch has 128 images and is halved until it fits, and times are for 128 images; on a CPU
# it begins with four. A time is the median of several steps or blocks of steps, with the shortest and
# the longest: they tell how steady one process was, not how another day or machine would differ.
# *MiB an image* is what a further image adds to the peak of memory. Images lie in memory with their
# channels last, but for the variant `fp32-nchw`. Devices that are recorded:

# %% tags=["scroll-output"]
recorded = collect.profiled(pareto.TABLE_7, asked)

# %%
for name, measurements in recorded.items():
    display(Markdown(f"**{name}**. {speed.conditions(measurements)}"))
    display(speed.measured(measurements))

# %% [markdown]
# ## The speed claim
#
# How many times as fast ResNet-RS trains. The paper prints this for seven pairs, and its ranges, "1.7x -
# 2.7x" and "2.1x - 3.3x", are those of Table 7's five. It sets nothing against B0, B1 and B3. For
# these the table takes the fastest ResNet-RS that is at least as accurate, with what the paper's own
# latencies give in brackets: there the lead is smaller. (Table 4's pair was trained with
# pseudo-labels too, so its accuracies are others.)
#
# For a measured pair of the paper's the table says what becomes of the claim, the ratio, and its span
# between the shortest and longest steps. In float32 the V100's figure counts, in bfloat16 the TPU's.
# *Reproduced (magnitude)* is a lead, the ratio less one, within a factor of 1.25 of the printed one;
# *larger* and *direction* are larger and smaller leads. The paper says nothing of CPUs: there only
# the direction is judged. Every recorded device has a column.
#
# This verdict is a weaker one than those on accuracy: it compares the steps of one process with those of
# another, three to fifty of each, and no second process was measured.

# %%
speed.speedups(recorded)

# %% [markdown]
# ## Figures 1 and 4
#
# Each mark is a network. Further left is faster. The paper's figures show the TPU; the V100 is in its
# Table 7. The accuracies are the same in every panel; only the devices differ.

# %% mystnb={"image": {"alt": "Published top-1 over training time, one panel a device, with one line for ResNet-RS and one for EfficientNet. In the paper's two panels the line of ResNet-RS lies left of EfficientNet's at every accuracy but the highest, which only EfficientNet-B7 has."}}
_ = pareto_plot.curves(recorded)

# %% [markdown]
# ## Table 9
#
# The top-1 of Table 7 is that of ImageNet's validation images. For two networks the paper has the test
# split's too: 82.7 in place of 82.8 % for ResNet-RS-152 at 224 pixels, and 83.7 in place of 83.8 % for
# ResNet-RS-270. Nothing of this was run again: it takes the trained weights, and the test labels are
# not public.

# %% [markdown]
# ## Run it yourself
#
# - `-p device auto` measures this machine and adds it to every table and figure of the page.
# - `-p variants fp32,bf16` chooses; `fp32-compiled` and `bf16-compiled` go through `torch.compile`.
# - `python -m rslib record profile` copies what was measured to `data/results/profile/`, and
#   `make render` shows it here.
# - A machine should do nothing else while it is measured. Its load before and after is in the file.
#
# ## Exercises
#
# 1. On which device do FLOPs predict the order of the networks best?
# 2. Which EfficientNet has the largest share of its least possible time in layers that are bound by
#    memory? `counts.count("efficientnet_b4", 380).layers` has what you need.
# 3. Measure ResNet-RS-50 at 160 pixels with `--variants fp32,fp32-compiled`. What does compiling gain
#    it, and what EfficientNet-B1?
