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
# The paper's claim (§1, §7.1, Table 7): EfficientNets {cite:p}`tan2019efficientnet` have fewer parameters and fewer FLOPs, and yet
# ResNet-RS reaches the same accuracy "1.7x - 2.7x faster" on TPUs and "2.1x - 3.3x" faster on GPUs.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
device: str = ""  # cpu, cuda or auto measures this machine; empty shows what is recorded
variants: list = []  # Such as "fp32,bf16"; empty for those usual on the device
runs_dir: str = ""  # Where this machine's measurements are kept; empty for runs/ of the project

# %% tags=["remove-input"]
import inspect

from IPython.display import Code, Markdown, display

from rslib.costs import counts
from rslib.evidence import released
from rslib.recipes import pareto
from rslib.report import collect, counted, pareto_plot, ratios, speed
from rslib.running import params

asked = params.from_namespace(globals(), params.Profiling)

# %% tags=["remove-input", "scroll-output"]
recorded = collect.profiled(pareto.TABLE_7, asked)

# %% tags=["remove-input"]
Markdown(ratios.answer(recorded))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Figures 1 and 4 of the paper, on every device. Each mark is a network; further left is faster. The accuracies are the published ones in every panel, only the training times differ. The paper's own figures have the TPU; its V100 is from its Table 7.", "name": "figure-pareto"}, "image": {"alt": "Published top-1 over training time, one panel for each device, with one line for ResNet-RS and one for EfficientNet. In the paper's panels, TPU and V100, the line of ResNet-RS is left of EfficientNet's wherever both reach the same accuracy. On the recorded CPU the lines cross near 83 percent: EfficientNet is faster below, ResNet-RS above."}}
_ = pareto_plot.curves(recorded)

# %% [markdown]
# The [scaling explorer](../book/explorer.md) shows the numbers of each mark, and accuracy over FLOPs,
# parameters and memory.

# %% tags=["remove-input"]
for name, measurements in recorded.items():
    display(Markdown(f"{name}: {speed.conditions(measurements)} Files: `data/results/profile/`."))

# %% [markdown]
# ## The speed claim
#
# How many times as fast ResNet-RS trains, pair by pair ({numref}`table-speed`). Where one device is recorded, *here* is that
# device. In brackets after a measured ratio is its span
# between the shortest and the longest steps. The paper prints no ratio for B0, B1 and B3; for these the
# table has the fastest ResNet-RS that is at least as accurate, and in brackets what the paper's
# latencies give. The last row is Table 4's pair, whose accuracies come from pseudo-labels.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How many times as fast ResNet-RS trains as an EfficientNet of about the same accuracy: printed for the paper's V100 and TPU, and measured here with the span of single steps in brackets. Accuracies are the paper's, ResNet-RS first.", "caption_before": true, "classes": "table", "name": "table-speed"}}
ratios.table(recorded)

# %% [markdown]
# A verdict takes ten steps and two processes of each network: the steps of one process show how steady
# it was, not how another hour would differ. In float32 the printed V100 ratio counts, in bfloat16 the
# TPU's. *Reproduced (magnitude)* is a lead, the ratio less one, within a factor of 1.25 of the printed
# one; *larger* and *direction* are larger and smaller leads. On a CPU only the direction is judged,
# because the paper says nothing of CPUs.
#
# ## Why fewer FLOPs can take longer
#
# A layer takes at least as long as its arithmetic, and at least as long as the memory it moves:
#
# $$ t \ge \sum_\ell \max\left(\frac{F_\ell}{\text{FLOP/s}},\ \frac{M_\ell}{\text{bytes/s}}\right). $$
#
# What decides is *operational intensity*: FLOPs for each number that is read or written. EfficientNet's
# depthwise convolutions have little of it: each output takes nine or 25 multiplications, where a dense
# 3×3 convolution of 256 channels takes 2,304. They also work on the wide side of a block, where
# ResNet's 3×3 convolution works on the narrow one.

# %% tags=["remove-input"]
networks = {row: counts.count(row.name, row.resolution) for row in pareto.table_7()}
Markdown("§7.1 says this of activations and intensity. By count: " + counted.said(networks))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "EfficientNet's counts divided by ResNet-RS's, pair by pair", "code_prompt_hide": "EfficientNet's counts divided by ResNet-RS's, pair by pair"}
counted.compared(networks)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Code: operational intensity", "code_prompt_hide": "Code: operational intensity"}
Code(inspect.getsource(counted.intensity), language="python")

# %% [markdown]
# **What would change our mind**: a GPU on which EfficientNet's line is left of ResNet-RS's. On a CPU
# the lines cross, probably because arithmetic is slow there compared with memory, so that fewer FLOPs
# pay more than on the paper's accelerators.
#
# ## Details
#
# FLOPs are those of one image forward, two for each multiplication with its addition. Parameters and
# FLOPs are counted on PyTorch's *meta* device, where tensors have shapes and no values. *Activations*
# are the elements that convolutions and linear layers put out for one image; training keeps them for
# the backward pass. Counted and printed FLOPs differ by more than rounding for ResNet-RS-152 at 192
# pixels, and for some EfficientNets, whose numbers seem to be those of the EfficientNet paper.

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Table 7 as the paper prints it", "code_prompt_hide": "Table 7 as the paper prints it"}
display(speed.published(released.recorded()))
display(
    Markdown(
        "Latencies are those of training steps (Appendix H): on one V100 in float32, for 128 images; on "
        "eight TPUv3 cores in bfloat16, for 1,024. Top-1 is that of ImageNet's validation images. What "
        "released weights reach here is shown next to it once it is recorded (`rslib evaluate`)."
    )
)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Counted: parameters, FLOPs, activations, intensity", "code_prompt_hide": "Counted: parameters, FLOPs, activations, intensity"}
counted.table(networks)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Measured: every network on every recorded device", "code_prompt_hide": "Measured: every network on every recorded device"}
for name, measurements in recorded.items():
    display(Markdown(f"**{name}**"))
    display(speed.measured(measurements))
display(
    Markdown(
        "A training step is forward, loss, backward, SGD with momentum and the average of the weights. A "
        "batch has 128 images on a GPU and four on a CPU, and is halved until it fits; times are for 128 "
        "images, as medians of steps with the shortest and the longest. *MiB an image* is what a further "
        "image adds to the peak of memory. *Load before* is the machine's average over the last minute. "
        "Images lie in memory with their channels last, except in the variant `fp32-nchw`."
    )
)

# %% [markdown]
# **Table 9** has top-1 on ImageNet's test split for two networks: 82.7 instead of 82.8 % for
# ResNet-RS-152 at 224 pixels, and 83.7 instead of 83.8 % for ResNet-RS-270. It was not run again,
# because it takes the trained weights, and the test labels are not public.
#
# ## Run it yourself
#
# ```bash
# python -m rslib profile resnet_rs_50 --resolution 160       # one network: half a minute
# papermill notebooks/table7.ipynb out.ipynb -p device auto   # all nineteen: 20 minutes
# make gpu                                                    # a GPU: nine minutes
# ```
#
# - The first two times are for two CPU cores. The third measures each network in several processes, as
#   far as its time goes.
# - The second adds this machine to every table and figure of the page. On a CPU its largest network,
#   B7, takes 18 GB. To resume, run the same command again; nothing is measured twice.
# - `-p variants fp32,bf16` chooses; `fp32-compiled` and `bf16-compiled` go through `torch.compile`.
# - `python -m rslib record profile` copies what was measured to `data/results/profile/`, and
#   `make render` shows it here.
# - The machine should do nothing else meanwhile.
#
# ## Exercises
#
# 1. On which device do FLOPs predict the order of the networks best?
#
# :::{dropdown} Solution
# On the CPU. There EfficientNet-B0 to B3, which have the fewest FLOPs, are the fastest networks of their
# accuracy; on the TPU and the V100 each of them is slower than a ResNet-RS with several times its FLOPs.
# :::
#
# 2. Which EfficientNet has the largest share of its least possible time in layers that are bound by
#    memory? `counts.count("efficientnet_b4", 380).layers` has what you need.
#
# :::{dropdown} Solution
# B0: about half of it on the recorded CPU, and more on a V100, 15.7 TFLOP/s and 900 GB/s by its data sheet.
# The share falls with size, to a fifth for B7 on the CPU, because larger networks have wider layers. For
# ResNet-RS-50 it is below one per cent.
# :::
#
# 3. Measure ResNet-RS-50 at 160 pixels with `--variants fp32,fp32-compiled`. What does it gain from
#    compiling, and what does EfficientNet-B1?
#
# :::{dropdown} Solution
# About 9 % for ResNet-RS-50 on the recorded CPU, by the two ratios to timm in
# [How fast is it](../book/speed.md). EfficientNet-B1 was not measured compiled. More of its time goes into
# layers that are bound by memory, and a compiler can join those, so expect more.
# :::
