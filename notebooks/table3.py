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
# # Table 3: more parameters, less memory
#
# Two pairs of networks of nearly the same accuracy. In each the ResNet-RS has three to four times
# the parameters of the EfficientNet, and more FLOPs, and yet the paper trains it in less memory and in
# less time (§7.1). What has to be kept for the way back are activations, not parameters, and of
# those EfficientNet has more. As on [the page of Table 7](table7.ipynb) nothing has to be trained to
# test that: one training step tells.

# %% [markdown]
# | this page | |
# |---|---|
# | shows | what was counted, and every device that is recorded; measures nothing unless asked to |
# | needs | half a minute on any machine |
# | this machine | `papermill notebooks/table3.ipynb out.ipynb -p device auto`: its six networks |
#
# The same command again goes on where it stopped. What it measures, the page of Table 7 shows too.

# %% tags=["parameters"]
device: str = ""  # cpu, cuda or auto measures this machine; empty shows what is recorded
variants: list = []  # Such as "fp32,bf16"; empty for those usual on the device
runs_dir: str = ""  # Where this machine's measurements are kept; empty for runs/ of the project

# %% tags=["hide-input"]
import inspect

from IPython.display import Code, Markdown, display

from rslib.costs import counts, measure
from rslib.recipes import pareto
from rslib.report import collect, counted, speed
from rslib.running import params

asked = params.from_namespace(globals(), params.Profiling)

# %% [markdown]
# ## What the paper reports, and what is behind it
#
# Memory is that of 32 images on a TPUv3 core, in bfloat16, without fusing layers and without
# computing activations again on the way back. Weights, gradients, momentum and the average of the
# weights are four numbers of four bytes for each parameter. What the paper's memory leaves after
# these is divided by the activations, counted here as on the page of Table 7: what convolutions and
# linear layers put out, for 32 images.

# %%
networks = {row: counts.count(row.name, row.resolution) for row in pareto.table_3()}
counted.memory(networks)

# %% [markdown]
# Two bytes are one bfloat16 number: each network keeps between one and two numbers for each
# activation, the layer's output and in part what BN and the activation function make of it. Three of
# four are alike; why ResNet-RS-350 needs a third less than its sibling, the count does not tell. Still
# it explains far more than parameters do, of which the networks with less memory have the most.
#
# ## Measured
#
# Peaks of two batches, one twice the other, are measured in one process; the memory of 32 images is
# on the straight line through them, which reaches far where only small batches were measured: on a CPU
# from two and four images to 32. The TPU's are in bfloat16, `fp32` numbers take twice as much. And a CPU's
# peak is that of the whole process: its libraries keep copies of their own in other layouts, and the
# allocator what it was given. So look at ratios there, not at sizes.
# The function that measures:

# %% tags=["remove-input"]
Code(inspect.getsource(measure.peak_memory), language="python")

# %% tags=["scroll-output"]
recorded = collect.profiled(pareto.TABLE_3, asked)

# %%
speed.table_3(recorded)

# %% [markdown]
# How many times the memory of ResNet-RS EfficientNet takes; the paper states 2.3 and 1.8.

# %%
speed.memory_ratios(recorded)

# %% [markdown]
# ## Other claims that need no training
#
# **§6.1**: ResNet "maintains constant FLOPs across all block groups and multiplies the number of
# parameters by 4× every block group". Here is the block that repeats in each stage of ResNet-RS-350; in
# brackets, how many times the stage before. ResNet-RS grows deeper in the two middle stages, hardly in
# the last, where a block would be dearest.

# %%
counted.blocks(counts.count_blocks("resnet_rs_350", 256))

# %% [markdown]
# **§7.1**: EfficientNets have the larger activations, and do less with each number that they move
# (their *operational intensity* is lower). Counted over the [pairs of Table 7's page](table7.ipynb):

# %% tags=["remove-input"]
pairs = {row: counts.count(row.name, row.resolution) for row in pareto.table_7()}
display(Markdown(counted.said(pairs)))

# %% [markdown]
# **Table 4**: trained with pseudo-labels, ResNet-RS-152 meets EfficientNet-B5 and is "4.7x faster on TPU
# (5.5x on GPU)". What pseudo-labels do to accuracy was not run; the speed takes one training step of
# each.

# %%
speed.speedups(recorded, "Table 4")

# %% [markdown]
# ## Run it yourself
#
# - `-p device auto` measures the networks of Tables 3 and 4 on this machine and adds it to the tables.
# - `python -m rslib profile resnet_rs_350 --resolution 256` measures one of them.
# - `python -m rslib record profile` and `make render` put what was measured into the book.
#
# ## Exercises
#
# 1. ResNet-RS-350 at 320 pixels: how much memory should 32 images take? Count first, then measure.
# 2. Which part of EfficientNet-B6 has the most activations? `counts.count("efficientnet_b6",
#    528).layers` lists them in order.
