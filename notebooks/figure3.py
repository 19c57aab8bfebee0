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
# # Figure 3: deeper or wider depends on how long you train
#
# The paper's claim (§6, Figure 3): after 10 epochs width scaling is the better choice, after 350 epochs
# "depth scaling consistently outperforms width scaling by a large margin". It prints no numbers.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Blocks: run k of each row trains on subset 7 + k with seed k
rows: list = []  # Row ids such as "deep-350,wide-350"; empty for all nine
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

import pandas as pd
from IPython.display import Code, Markdown, display

from rslib.costs import count_recipe
from rslib.recipes import scaling
from rslib.recipes.scales import at_scale
from rslib.recipes.scaling import FIGURE_3
from rslib.report import block_plot, claims, collect, estimate, forest, in_blocks, protocols, tables
from rslib.running import params

asked = params.from_namespace(globals())

# %% tags=["remove-input", "scroll-output"]
groups = collect.collect(FIGURE_3, asked)

# %% tags=["remove-input"]
CAVEAT = "The networks are an eighth as wide as the paper's or less, and ten epochs are 150 steps."
Markdown(in_blocks.answer(FIGURE_3, groups, CAVEAT))

# %% [markdown]
# ## What was measured

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Top-1 over the number of epochs, for the base network, the deeper one and the wider one. Thin lines are blocks, and thick lines join the means.", "name": "figure-epochs-and-size"}, "image": {"alt": "Top-1 over 10, 100 and 350 epochs for the base network, the deeper one and the wider one, one thin line for each block and a thick one through the means; networks without recorded runs are left out. The sentence below the figure has the means at both ends."}}
SERIES = {
    name: {epochs: f"{id}-{epochs}" for epochs in scaling.EPOCHS}
    for name, id in (("base", "base"), ("deeper", "deep"), ("wider", "wide"))
}
judged = [g for g in groups if not protocols.no_evidence(g) and g[0]["scale"] != "paper"]
_ = block_plot.lines(FIGURE_3, judged, SERIES, xlabel="epochs", log=True)

# %% tags=["remove-input"]
words = block_plot.ends(FIGURE_3, judged, SERIES)
Markdown(f"{words}\n\n{tables.provenance(FIGURE_3, judged)}")

# %% tags=["remove-input"]
Markdown("\n\n".join(protocols.headline(FIGURE_3, results) for results in groups))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Top-1 of the networks of Figure 3 in per cent, with the standard deviation over blocks, and the mean on training images.", "caption_before": true, "classes": "table"}}
for results in groups:
    display(in_blocks.frame(FIGURE_3, results))

# %% [markdown]
# A training step takes the deeper and the wider network the same time: the pair was chosen from a list
# by `bench/figure3_pair.py` before any of them was trained, and then frozen. Counted at the laptop scale:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The three networks at the laptop scale; FLOPs of one image forward.", "caption_before": true, "classes": "table", "name": "table-pair"}}
counted = {}
for name in ("base", "deep", "wide"):
    recipe = at_scale(FIGURE_3.row(f"{name}-350"), "laptop", block=1).recipe
    cost = count_recipe(recipe)
    counted[name] = {
        "depth": f"{recipe.model.depth}",
        "width": f"{recipe.model.width:g}",
        "parameters, million": f"{cost.parameters / 1e6:.2f}",
        "FLOPs, million": f"{cost.flops / 1e6:.1f}",
    }
pd.DataFrame.from_dict(counted, orient="index")

# %% tags=["remove-input"]
for results in judged:
    if ratio := in_blocks.slower(FIGURE_3, results, "deep-10", "wide-10"):
        apart = abs(ratio - 1) > 0.1
        display(
            Markdown(
                f"In the recorded runs of 10 epochs, the deeper network took {ratio:.2f} times as long as the "
                f"wider one (median over blocks, by the clock{'; more than 10 % apart' if apart else ''})."
            )
        )

# %% [markdown]
# ## The claims
#
# The flip is tested first, as an interaction; its two components are tested only if it is distinguished
# from zero. *Visible* is the smallest effect that would have shown with a probability of 80 %. The experiment is
# {term}`confirmatory`; see [The experiment in blocks](../book/blocks.md) for design and error.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The claims of Figure 3: verdict, the paper's effect and ours in points, p by Holm, and the smallest effect that would have shown with a probability of 80 %.", "caption_before": true, "classes": "table"}}
for results in judged:
    display(in_blocks.claims(FIGURE_3, results))

# %% tags=["remove-input"]
for results in judged:
    display(Markdown(in_blocks.lacking(FIGURE_3, results)))
    display(Markdown(in_blocks.described(FIGURE_3, results)))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The claims of Figure 3 with the measured effects, in points. Bars are 95 % intervals, upright ticks are blocks, and the paper's direction is right of zero.", "name": "figure-claims-of-figure-3"}, "image": {"alt": "A forest plot of the claims of Figure 3: an interval, a mark and one tick for each block, to the right of zero in the paper's direction. A claim whose runs are not complete has words in place of an interval."}}
if judged:
    forest.of_groups(FIGURE_3, judged)

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Every run", "code_prompt_hide": "Every run"}
for results in judged:
    display(in_blocks.runs(FIGURE_3, results))

# %% [markdown]
# ## Regularization changes with the length
#
# Appendix E regularizes models that are trained for 350 epochs, and none that are trained for 10 or 100.
# So the paper's comparison changes two things at once. Four more rows train 10 and 100 epochs with the
# regularization of 350; they are described without a verdict.

# %% tags=["remove-input"]
Code(
    inspect.getsource(scaling.appendix_e) + "\n\n" + inspect.getsource(scaling.regularization),
    language="python",
)

# %% [markdown]
# Each claim is a {term}`contrast`, a sum of the rows' top-1 with these weights, registered before the first run:

# %% tags=["remove-input", "words"] mystnb={"figure": {"caption": "The claims of Figure 3 as weighted sums of the rows' top-1.", "caption_before": true, "classes": "table"}}
claims.sums(FIGURE_3)

# %% [markdown]
# ## What would change our mind
#
# A flip at the `gpu` scale, where the networks are twice as wide and a block has 2,500 images. A pilot
# with another pair on one training subset had depth ahead after 10 epochs and level with width at 350,
# the paper's flip reversed; the claim was registered as the paper has it all the same.
#
# ## Run it yourself
#
# ```bash
# papermill notebooks/figure3.ipynb out.ipynb -p scale smoke                # a minute
# papermill notebooks/figure3.ipynb out.ipynb -p scale laptop -p seeds 6 \
#   -p data_dir path/to/CIFAR-10                                            # see the table below
# papermill notebooks/figure3.ipynb out.ipynb -p epochs 350 -p seeds 1      # ImageNet, on GPUs
# ```

# %% tags=["remove-input"]
Markdown(estimate.of_page(FIGURE_3, groups))

# %% [markdown]
# ## Exercises
#
# 1. Which of the two networks has more parameters, and which has more FLOPs? Count the paper's two at
#    224 pixels, ResNet-200 at width 1 and ResNet-101 at width 2, in the
#    [scaling explorer](../book/explorer.md).
#
# :::{dropdown} Solution
# The wider one has more of both: 174 million parameters and 61.9 billion FLOPs, against 64.7 million and
# 30.0 billion. Doubling the width makes both almost four times as large; doubling the depth does not
# even double the parameters.
# :::
