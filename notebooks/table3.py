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
# The paper's claim (§7.1, Table 3): ResNet-RS-350 and ResNet-RS-420 have 3.8 and 2.9 times the
# parameters of EfficientNet-B6 {cite:p}`tan2019efficientnet` and B7 at nearly the same accuracy, and more FLOPs, but EfficientNet takes
# 2.3 and 1.8 times the memory to train, and 2.7 and 2.9 times the time on a TPU.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
device: str = ""  # cpu, cuda or auto measures this machine; empty shows what is recorded
variants: list = []  # Such as "fp32,bf16"; empty for those usual on the device
runs_dir: str = ""  # Where this machine's measurements are kept; empty for runs/ of the project

# %% tags=["remove-input"]
import inspect

from IPython.display import Code, Markdown, display

from rslib.costs import counts, measure
from rslib.recipes import pareto
from rslib.report import collect, counted, memory, pareto_plot, ratios, speed
from rslib.running import params

asked = params.from_namespace(globals(), params.Profiling)

# %% tags=["remove-input", "scroll-output"]
recorded = collect.profiled(pareto.TABLE_3, asked)

# %% tags=["remove-input"]
networks = {row: counts.count(row.name, row.resolution) for row in pareto.table_7()}
Markdown(memory.answer(recorded, networks))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "EfficientNet's costs over ResNet-RS's, for Table 3's two pairs. EfficientNet has fewer parameters and FLOPs, but more activations, and with them more memory and time. Bars are the interval of memory and the span of single steps. Steps of one process decide nothing about time: see [the speed claim](table7.ipynb#the-speed-claim).", "name": "figure-costs"}, "image": {"alt": "What EfficientNet-B6 and B7 cost over ResNet-RS-350 and 420, on a logarithmic axis. Parameters and FLOPs are left of one: EfficientNet has a quarter to 0.6 times as many. Activations, memory and step time, the paper's and those measured on a CPU, are all right of one, between 1.8 and 3.3."}}
_ = pareto_plot.ratios(recorded, networks)

# %% tags=["remove-input"]
for name, measurements in recorded.items():
    display(Markdown(f"{name}: {speed.conditions(measurements)} Files: `data/results/profile/`."))

# %% [markdown]
# ## Memory
#
# {numref}`table-memory` has EfficientNet over ResNet-RS; where one device is recorded, *here* is that device.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "EfficientNet's costs divided by ResNet-RS's, for the two pairs of Table 3: parameters, FLOPs, and memory of training, on the paper's TPU and here. Above 1, EfficientNet takes more.", "caption_before": true, "classes": "table", "name": "table-memory"}}
memory.table(recorded, networks).transpose()

# %% [markdown]
# Peaks of two batches are measured in one process, one batch twice the other. The memory of 32 images is
# on the straight line through them. The interval replaces the slope of that line by the least and the
# most bytes an activation that any network of the same family takes on the device: it says how far one
# network differs from another, not how far one process differs from the next. The verdict is "same
# direction" where the interval is above one.
#
# The paper's TPU computes in bfloat16, without fusing layers and without computing activations twice;
# `fp32` numbers take twice as much. A CPU's peak is that of the whole process, with its libraries' copies
# in other layouts. So compare ratios, not sizes.
#
# ## Why
#
# Training keeps activations for the backward pass, and parameters only as weights, gradients, momentum
# and average: four numbers of four bytes. What the paper's memory leaves after these, divided by the
# counted activations of 32 images:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Memory of training 32 images on a TPU (Table 3), the part that parameters take, and what is left divided by the counted activations.", "caption_before": true, "classes": "table", "name": "table-activations"}}
counted.memory(networks)

# %% [markdown]
# Two bytes are one bfloat16 number: each network keeps between one and two numbers for each activation,
# the layer's output and in part what BN and the activation function make of it. Three of the four are
# alike; the count does not explain why ResNet-RS-350 needs a third less than its sibling. Still it
# explains far more than parameters do, of which the networks with less memory have the most.
#
# **What would change our mind**: a GPU, where 32 images fit, with a ratio below one.
#
# ## Details

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "The four networks: memory and seconds", "code_prompt_hide": "The four networks: memory and seconds"}
memory.networks(recorded)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: the peak of memory", "code_prompt_hide": "Code: the peak of memory"}
Code(inspect.getsource(measure.peak_memory), language="python")

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: the interval", "code_prompt_hide": "Code: the interval"}
Code(
    "\n\n".join(inspect.getsource(part) for part in (memory.per_activation, memory.interval)),
    language="python",
)

# %% [markdown]
# ## Other claims that need no training
#
# **§6.1**: ResNet "maintains constant FLOPs across all block groups and multiplies the number of
# parameters by 4× every block group". Below is the block that repeats in each stage of ResNet-RS-350; in
# brackets, how many times the stage before. ResNet-RS grows deeper in the two middle stages and hardly
# in the last, where a block would cost the most parameters.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "One block of each stage of ResNet-RS-350 at 256 pixels: parameters and FLOPs, and in brackets how many times the stage before.", "caption_before": true, "classes": "table"}}
counted.blocks(counts.count_blocks("resnet_rs_350", 256))

# %% [markdown]
# **Table 4**: trained with pseudo-labels, ResNet-RS-152 reaches the accuracy of EfficientNet-B5 and is
# "4.7x faster on TPU (5.5x on GPU)". The accuracies were not run; the speed takes a training step of each.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Table 4's pair: how many times as fast ResNet-RS trains, in the paper and here. Accuracies are the paper's.", "caption_before": true, "classes": "table"}}
ratios.table(recorded, "Table 4")

# %% [markdown]
# §7.1's statements on activations and intensity are tested on
# [the page of Table 7](table7.ipynb#why-fewer-flops-can-take-longer).
#
# ## Run it yourself
#
# ```bash
# python -m rslib profile resnet_rs_350 --resolution 256      # one network: a minute
# papermill notebooks/table3.ipynb out.ipynb -p device auto   # six networks: ten minutes
# make gpu                                                    # a GPU: nine minutes
# ```
#
# The first two times are for two CPU cores; B7 takes 18 GB. The second adds this machine to the tables here and on the page of Table 7. To resume, run the same
# command again. `python -m rslib record profile` and `make render` put what was measured into the book.
#
# ## Exercises
#
# 1. ResNet-RS-350 at 320 pixels: how much memory should 32 images take? Count first, then measure.
#
# :::{dropdown} Solution
# Activations grow with the number of pixels, (320 / 256)² = 1.56 times, and parameters do not. On a TPU
# 7.3 GB are 2.6 GB for parameters and 4.7 GB for activations, so 2.6 + 1.56 × 4.7 ≈ 9.9 GB.
# :::
#
# 2. Which part of EfficientNet-B6 has the most activations? `counts.count("efficientnet_b6",
#    528).layers` lists them in order.
#
# :::{dropdown} Solution
# The expansion in the first block of the second stage, 192 channels of 264 × 264 pixels: 13.4 of 167
# million elements. It is the wide side of a block, where the image is still large.
# :::
