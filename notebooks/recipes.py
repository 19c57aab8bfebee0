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
# # Architecture and recipes
#
# The paper: "ResNet-RS is a combination of: improved scaling strategies, improved training methodologies,
# the ResNet-D modifications and the Squeeze-Excitation module" (Appendix D). Figure 6 and Table 11 print
# the networks, Tables 8 and 10 how they are trained, Table 12 and Appendix E the rules of the scaling
# study.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
device: str = ""  # cpu, cuda or auto measures this machine; empty shows what is recorded
variants: list = []  # Such as "fp32,bf16"; empty for those usual on the device
runs_dir: str = ""  # Where this machine's measurements are kept; empty for runs/ of the project

# %% tags=["remove-input"]
import inspect

import pandas as pd
from IPython.display import Code, Markdown

from rslib import config
from rslib.costs import stages
from rslib.models.resnet import BLOCKS, SqueezeExcite, shortcut
from rslib.recipes import pareto, resnet_rs, scaling
from rslib.report import architecture, architecture_plot, cells, collect, speed
from rslib.running import params

asked = params.from_namespace(globals(), params.Profiling)
tables = architecture.tables(BLOCKS)

# %% tags=["remove-input"]
Markdown(cells.answer(tables))

# %% [markdown]
# ## Figure 6: the network
#
# The figure is drawn from a model that is built on PyTorch's *meta* device, where tensors have shapes
# but no values. Nothing in it is copied from the paper's figure.

# %% mystnb={"figure": {"caption": "The paper's Figure 6: ResNet-RS-101 for an image of 224×224 pixels, here read off the built model. Above: the stages with the size of their output, the layers of one block (kernel, channels), the number of blocks, and bars for the share of all parameters (blue, upper) and FLOPs (orange, lower). Below: the first block of c3, which halves the image, with the size of each layer's output. Batch norm and ReLU are left out. Counted by <code>rslib.costs.stages</code>; no training.", "name": "figure-6"}, "image": {"alt": "Two drawings. A table of the stem, the stages c2 to c5 and the classifier: from stage to stage the image is halved and the channels double, and c4, with most blocks, has most of the parameters and FLOPs. Below, the first block of c3: a branch of three convolutions and Squeeze-and-Excitation next to a shortcut of average pool and convolution, added at the end.", "classes": "dark-light"}}
drawn = stages.of_recipe(resnet_rs.recipe(101, 224))
_ = architecture_plot.figure(drawn)

# %% tags=["remove-input"]
Markdown(
    f"The whole network has {sum(s.parameters for s in drawn) / 1e6:.1f} million parameters and takes "
    f"{sum(s.flops for s in drawn) / 1e9:.1f} billion FLOPs for one image (two for each "
    "multiply-add, as the paper counts them)."
)

# %% [markdown]
# Two things differ from the ResNet of 2015 {cite:p}`he2016resnet`:
#
# - **ResNet-D** {cite:p}`he2019bag`. Convolutions of 3×3 replace the 7×7 convolution and the max-pool of the stem, and a
#   shortcut that halves the image takes the mean of four pixels where the original skips three of them.
#   The paper says that the stride of the max-pool moves to the next block. In the authors' code it is in
#   a fourth convolution of the stem, and so it is here: see
#   [C5](../book/deviations.md#c5-max-pool-of-the-stem).
# - **Squeeze-and-Excitation** (SE) {cite:p}`hu2018squeeze` at the end of each branch: two small layers compute a factor for each
#   channel from the means of all channels. The number after SE is the width of the layer between.
#
# Both in code:

# %% tags=["remove-input"]
Code(
    inspect.getsource(shortcut) + "\n\n" + inspect.getsource(SqueezeExcite),
    language="python",
)

# %% [markdown]
# ## Table 11: blocks in each stage
#
# Depths 300 and 400 are those of the scaling study (Appendix E). The paper names depth 26 without its
# blocks; they are timm's here, see [C20](../book/deviations.md#c20-blocks-of-resnet-26). *Layers* are
# three convolutions in each block, the first convolution, and the classifier, which is how the depths
# up to 200 got their names.

# %% mystnb={"figure": {"caption": "Table 11: the number of blocks in each stage, and the layers that they make.", "caption_before": true, "classes": "table"}}
architecture.layouts(tables["Table 11"])

# %% tags=["remove-input"]
Markdown(architecture.misnamed(tables["Table 11"]))

# %% [markdown]
# Deeper networks grow in c3 and c4, where a block has fewer parameters than in c5; [Table 3's
# page](table3.ipynb#other-claims-that-need-no-training) counts them.
#
# ## Table 8: one recipe, three strengths
#
# All eleven networks share one recipe. Three strengths grow with depth or resolution: RandAugment's
# magnitude {cite:p}`cubuk2020randaugment` (of two operations per image), the rate of stochastic depth
# {cite:p}`huang2016deep`, and the rate of dropout {cite:p}`srivastava2014dropout` before the classifier.
# Where a recipe of this book holds another value than the paper, *here* names it.

# %% mystnb={"figure": {"caption": "Table 8: the strengths of regularization for ResNet-RS. A value that is alone in its cell is the paper's and this book's.", "caption_before": true, "classes": "table"}}
cells.frame(tables["Table 8"], architecture.HEADS)

# %% [markdown]
# The rule behind it is short. It starts from the last row of [Table 1](table1.ipynb), which is
# ResNet-RS-200 at 256 pixels:

# %% tags=["remove-input"]
Code(inspect.getsource(resnet_rs.recipe), language="python")

# %% [markdown]
# A network that is built by its name alone, such as `models.named("resnet_rs_350")`, has no resolution:
# depth 350 then has the dropout of 256 pixels, also for images of 320. A network that is built from the
# recipe has the table's. The rest of the recipe, here of the smallest network:

# %% tags=["hide-cell"]
fields = config.non_default(resnet_rs.recipe(50, 160))
pd.DataFrame(
    {"value": [f"{value:g}" if type(value) is float else value for value in fields.values()]},
    index=list(fields),
)

# %% [markdown]
# The printed rate "0.1/B" is read as 0.1·B/256, see [C1](../book/deviations.md#c1-peak-learning-rate).
# The decay of the weights' average is 0.9999, the default.
#
# ### What a recipe takes
#
# Days of training, by the time of one training step: the paper's two accelerators (Table 7), and every
# device that is recorded. Reading images and evaluating come on top.

# %% tags=["scroll-output"]
recorded = collect.profiled(pareto.TABLE_7, asked)

# %% mystnb={"figure": {"caption": "Days of training for 350 epochs on ImageNet, estimated from the time of one training step; reading images and evaluating not counted.", "caption_before": true, "classes": "table", "name": "table-days"}}
speed.training_days(recorded)

# %% [markdown]
# ## Table 10: against ResNet and EfficientNet
#
# The recipes are those behind other pages: the first and the last row of [Table 1](table1.ipynb), and
# EfficientNet-B0 {cite:p}`tan2019efficientnet` of [Figure 5](figure5.ipynb).

# %% mystnb={"figure": {"caption": "Table 10: the settings of ResNet, ResNet-RS and EfficientNet. A value that is alone in its cell is the paper's and this book's.", "caption_before": true, "classes": "table"}}
cells.frame(tables["Table 10"], architecture.HEADS)

# %% [markdown]
# The table's other six rows are check marks. They are missing in the text of the paper that its numbers
# were taken from, so they are not compared. By the recipes they are:

# %% mystnb={"figure": {"caption": "The training methods of Table 10 that its check marks name, by this book's recipes.", "caption_before": true, "classes": "table"}}
architecture.marks()

# %% [markdown]
# ## Table 12 and Appendix E: the scaling study
#
# The scaling study (§6) crosses five widths, seven depths and five resolutions; [Figure
# 3](figure3.ipynb) compares three of its networks. It does not follow Table 8. Dropout depends on the
# width alone (Table 12):

# %% mystnb={"figure": {"caption": "Table 12: dropout by width in the scaling study. A value that is alone in its cell is the paper's and this book's.", "caption_before": true, "classes": "table"}}
cells.frame(tables["Table 12"], architecture.HEADS).transpose()

# %% [markdown]
# RandAugment and stochastic depth depend on width and resolution. Nothing depends on the depth, and at
# 10 and 100 epochs all of it is off. Appendix E in code:

# %% tags=["remove-input"]
Code(
    inspect.getsource(scaling.regularization) + "\n\n" + inspect.getsource(scaling.magnitude),
    language="python",
)

# %% [markdown]
# A row is a width. The columns of resolutions have RandAugment's magnitude and the rate of stochastic
# depth. FLOPs of one image go from the shallowest network at the smallest resolution to the deepest at
# the largest.

# %% mystnb={"figure": {"caption": "Appendix E by width (rows): RandAugment's magnitude and the rate of stochastic depth at each resolution, and the range of FLOPs of one image over all depths.", "caption_before": true, "classes": "table"}}
ends = [(f(scaling.DEPTHS), f(scaling.RESOLUTIONS)) for f in (min, max)]
flops = {
    width: [stages.flops_by_blocks(scaling.appendix_e(depth, width, px)) for depth, px in ends]
    for width in scaling.WIDTHS
}
architecture.grid(flops)

# %% tags=["remove-input"]
found = architecture.configurations()
Markdown(
    f"The {len(found) * len(scaling.DEPTHS)} configurations have {len(set(found.values()))} different "
    "regularizations."
)

# %% [markdown]
# Appendix E leaves two readings open, see [C18](../book/deviations.md#c18-magnitude-of-randaugment).
# "[64, 160]" is a list or a range: as a list, 128 pixels would have the largest magnitude. And
# "otherwise" gives the largest magnitude to every resolution that is not named, so that 256 pixels
# would have more than 320.
#
# ## Every cell

# %% tags=["remove-input"]
Markdown(cells.said(tables))

# %% [markdown]
# The recipes were written from these tables, so agreement is expected. The comparison finds a wrong
# digit, and a short rule that says more than its table. It would fail if the paper's tables and the
# released code disagreed here; where they do in other places, [the deviations](../book/deviations.md)
# list it.
#
# ## Run it yourself
#
# :::{table} Three ways to run this page yourself.
#
# | | |
# |---|---|
# | a minute | `python -m rslib profile resnet_rs_50 --resolution 160`: parameters, FLOPs, and a step measured |
# | twenty minutes on two cores | `papermill notebooks/recipes.ipynb out.ipynb -p device auto`: this machine in the table of days |
# | the paper's own | `papermill notebooks/table1.ipynb out.ipynb -p epochs 350 -p rows resnet-d`: ResNet-RS-200 at 256 pixels on a GPU, with ImageNet; its days are above |
# :::
#
# ## Exercises
#
# 1. How many more FLOPs does ResNet-RS-101 take at 448 pixels than at 224? Guess first.
# 2. What does Appendix E give width 1 at 256 pixels, and what does Table 8?
# 3. Draw the network without ResNet-D and SE. What changes in the figure?
#
# :::{dropdown} Solutions
# 1. Nearly four times: only SE and the classifier do not grow with the image.
#    `stages.of_recipe(resnet_rs.recipe(101, 448))` counts them.
# 2. `scaling.magnitude(1.0, 256)` is the largest magnitude, by "otherwise"; Table 8 has a smaller one.
# 3. `stages.of_recipe(scaling.appendix_e(101, 1.0, 224))` is that network: the stem has one convolution
#    and a max-pool, the shortcut a convolution with stride 2, and the branch ends with its third
#    convolution.
# :::
