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
# # Figure 2: error follows a power law in FLOPs, until it does not
#
# The paper's claim (§6, Figure 2): among smaller models error falls as a power of FLOPs; for larger
# ones the trend breaks, resolution brings diminishing returns, and models of equal FLOPs differ much.
# It prints no numbers.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Blocks: run k of each row trains on subset 7 + k with seed k
rows: list = []  # Row ids such as "grid-wide-26-32,wide-350"; empty for all of the scale
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

from rslib.evidence import power_law as fits
from rslib.recipes.grid import FIGURE_2
from rslib.report import collect, estimate, power_law, protocols, tables
from rslib.running import params

asked = params.from_namespace(globals())

# %% tags=["remove-input", "scroll-output"]
groups = collect.collect(FIGURE_2, asked)

# %% tags=["remove-input"]
CAVEAT = "At 1,000 images of 32 px a break may be the data's own: it is consistent with the paper's at most."
Markdown(power_law.answer(FIGURE_2, groups, CAVEAT))

# %% [markdown]
# ## What was measured

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Error over FLOPs, both on logarithmic axes. A mark is one network: its colour is the width, its shape the resolution. The fitted line and the best hinge appear when all networks are trained.", "name": "figure-power-law"}, "image": {"alt": "Error over FLOPs on logarithmic axes, one mark for each of the 27 networks, coloured by width and shaped by resolution, with the fitted line and the best hinge where all are trained."}}
judged = [g for g in groups if not protocols.no_evidence(g) and g[0]["scale"] != "paper"]
_ = power_law.figure(FIGURE_2, judged)

# %% tags=["remove-input"]
Markdown(tables.provenance(FIGURE_2, judged))

# %% tags=["remove-input"]
for results in groups:
    display(Markdown(protocols.headline(FIGURE_2, results)))
    display(power_law.frame(FIGURE_2, results))

# %% [markdown]
# FLOPs are those of one forward pass of one image, two for each multiply-add. Every network is trained
# once, on the training subset of block 1, so the claims are {term}`exploratory`. Two of them are Figure 3's.
#
# ## The claims
#
# Each claim is a statistic of the whole grid. *Visible* is the smallest effect that would have shown
# with a probability of 80 %: a slope, a change of slope, points, and a multiple of what chance does.
# [The experiment in blocks](../book/blocks.md) has the design, and what these tests can and cannot see.

# %% tags=["remove-input"]
for results in judged:
    display(power_law.laws(FIGURE_2, results))

# %% [markdown]
# The rules were registered before the first run of the grid:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The four claims of Figure 2, each with the statistic that decides it.", "caption_before": true, "classes": "table"}}
power_law.rules(FIGURE_2)

# %% [markdown]
# ## Why a line may break
#
# - **The data end.** 1,000 training images hold only so much, and a larger network cannot learn more
#   from them. The paper names this too: its own heading is "FLOPs do not accurately predict performance
#   in the bounded data regime". Here the bound is a thousand times nearer.
# - **Regularization stays.** The paper gives larger models more. This grid has one strength for all.
# - **The images end.** They have 32 pixels by nature, and the last stage of a network sees one pixel at
#   any of the three resolutions. 24 pixels cost nearly as much as 32 in the deep networks, because both
#   have the same number of pixels in the third stage.
#
# ## What would change our mind
#
# The same break at ten times the training images would not be the data's; a break that moves to larger
# FLOPs with more images would be. A spread at equal FLOPs that vanishes with more images would say the
# same of the last claim.
#
# ## The idea
#
# A power law, error = *c* · FLOPs^*s*, is a line of slope *s* on logarithmic axes. A hinge is two lines
# that meet. Its place is searched for, so the best of many hinges fits better than a line even where
# nothing breaks. The test therefore compares the best *F* (sup-*F*) with its values in simulated studies
# that have no break. For straight lines its distribution depends only on where the FLOPs lie.

# %% tags=["remove-input"]
Code(
    "\n\n".join(inspect.getsource(part) for part in (fits.hinge, fits.null, fits.break_p)),
    language="python",
)

# %% [markdown]
# ## Run it yourself
#
# ```bash
# papermill notebooks/figure2.ipynb out.ipynb -p scale smoke                # a minute
# papermill notebooks/figure2.ipynb out.ipynb -p scale laptop \
#   -p data_dir path/to/CIFAR-10                                            # about four hours on two cores
# papermill notebooks/figure2.ipynb out.ipynb -p epochs 350                 # ImageNet, 175 networks, on GPUs
# ```
#
# The smoke scale trains six of the networks, for eight epochs. The repeated cells, which tell what
# chance does, are three more blocks of three rows: `-p seeds 4` with
# `-p rows grid-narrow-26-16,grid-middle-50-24,wide-350`.

# %% tags=["remove-input"]
Markdown(estimate.of_page(FIGURE_2, groups))

# %% [markdown]
# ## Exercises
#
# 1. A study finds a slope of −0.10. By which factor must FLOPs grow to halve the error?
#
# :::{dropdown} Solution
# 2 = factor^0.10, so the factor is 2^10, about a thousand: the whole grid spans a factor of 109.
# :::
#
# 2. Why does a change of width alone not show whether FLOPs predict the error?
#
# :::{dropdown} Solution
# Along one dimension all configurations have different FLOPs. Only networks of equal FLOPs and another
# width, depth or resolution can differ from each other; their spread is the fourth claim.
# :::
