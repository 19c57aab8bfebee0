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
# # Table 6: the recipe on video
#
# The paper's claim (§7.5, Table 6): on Kinetics-400 {cite:p}`kay2017kinetics` training methods alone raise a 3D ResNet-50 from
# 73.4 to 77.4 %, and Squeeze-and-Excitation
# {cite:p}`hu2018squeeze` and ResNet-D {cite:p}`he2019bag` raise it to 78.2 %. The clips embedded here differ in motion alone,
# while most videos of Kinetics can be told apart by their appearance.

# %% tags=["parameters", "hide-input"] mystnb={"code_prompt_show": "The parameters of this notebook", "code_prompt_hide": "The parameters of this notebook"}
scale: str = "auto"  # smoke, laptop, gpu or paper; auto takes what machine and data allow
epochs: int = None  # Long schedule, the paper has 350; naming it, or scale, asks for training
seeds: int = 1  # Blocks: run k of each row trains on clip subset k with seed k
rows: list = []  # Row ids such as "baseline,resnet-d"; empty for all
dataset: str = ""  # clips or kinetics-400; empty for what scale and data_dir imply
data_dir: str = ""  # Folder of Kinetics-400, train.csv and val.csv beside train/ and val/; empty for embedded clips
runs_dir: str = ""  # Checkpoints, histories and built clips; empty for runs/ of the project
device: str = "auto"  # cpu, cuda, or auto for cuda where there is one
executor: str = "local"  # in processes (local), in this one (inline) or on a cluster (ray)
reuse: bool = True  # False trains again and compares with the stored run
compile: bool = False  # True times eager and compiled steps and keeps the faster
max_hours: float = None  # Refuse what would take longer; None for no limit
threads: int = 1  # CPU threads of each training process
workers: int = None  # Loader processes; None for 0 on a CPU, and up to 16 with a GPU

# %% tags=["remove-input"]
import inspect
import math
import textwrap

import pandas as pd
import torch
from IPython.display import Code, Markdown, display
from matplotlib_inline.backend_inline import set_matplotlib_formats

from rslib import models
from rslib.data.clips import Show, crops, drawing, motions
from rslib.data.randomness import generator
from rslib.models.resnet3d import stem
from rslib.recipes.video import TABLE_6
from rslib.recipes.video_scales import SCALES, at_scale
from rslib.report import claims, collect, forest, in_blocks, plot, sheets, tables, took
from rslib.running import needs, params
from rslib.tasks.video import Video, saved_bytes

asked = params.from_namespace(globals())

# %% tags=["remove-input", "scroll-output"]
groups = collect.collect(TABLE_6, asked)
judged = [g for g in groups if not tables.no_evidence(g) and g[0]["scale"] != "paper"]

# %% tags=["remove-input"]
on_clips = [g for g in judged if g[0]["data"]["name"] == "clips"]
CAVEAT = ""
if on_clips or not judged:
    CAVEAT = "Classes: synthetic motion."
if in_blocks.visible(TABLE_6, judged):
    CAVEAT = f"Runs first guess, for varying times (*Why*). {CAVEAT}"
Markdown(in_blocks.answer(TABLE_6, groups, CAVEAT))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The claims of Table 6 with the measured effects, in points. Bars are 95 % intervals, upright ticks are blocks, and the paper's direction is right of zero.", "name": "figure-claims-of-table-6"}, "image": {"alt": "A forest plot of the claims of Table 6: an interval, a mark and one tick for each block, to the right of zero in the paper's direction. Both intervals are wide and contain zero."}}
if judged:
    forest.of_groups(TABLE_6, judged)

# %% tags=["remove-input"]
Markdown(tables.provenance(TABLE_6, judged))

# %% [markdown]
# ## The rows
#
# Top-1 in percent, mean ± standard deviation over blocks. Rows before "Increase training epochs" have 80 epochs here,
# the others 140.

# %% tags=["remove-input"]
Markdown("\n\n".join(tables.headline(TABLE_6, results) for results in groups))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Top-1 of the rows of Table 6 in per cent, with the standard deviation over blocks; on training clips, on one frame and on shuffled frames.", "caption_before": true, "classes": "table"}}
for results in groups:
    display(in_blocks.frame(TABLE_6, results))

# %% [markdown]
# Every trained network is tested twice more. *One frame* repeats the middle frame of each clip, so that
# nothing moves; guessing is right in one clip of eight. *Shuffled frames* have the clip's own frames in
# an order drawn by a seed, the same for all networks.

# %% tags=["remove-input"]
if on_clips:
    display(
        Markdown(
            f"On one frame the baseline reaches {in_blocks.reached(TABLE_6, on_clips, 'baseline', 'one-frame')}, "
            "which is guessing. Shuffled frames still move, so some motions can be recognized without their order: "
            f"{in_blocks.reached(TABLE_6, on_clips, 'baseline', 'shuffled')} are no sign of appearance."
        )
    )

# %% [markdown]
# The paper's own numbers, top-1 in percent on the validation clips of Kinetics-400:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Table 6 of the paper: top-1 on Kinetics-400 in per cent, and what each row changes (Δ, in points).", "caption_before": true, "classes": "table", "name": "table-paper-video"}}
tables.paper_frame(TABLE_6.at("paper")).drop(columns=["id"])

# %% [markdown]
# ## Why
#
# In the recorded runs, the loss soon reaches a plateau, where it is that of guessing, ln 8 = 2.08
# ({numref}`figure-plateau`). A motion shows only in several frames together, so no single feature lowers the loss at
# first. The runs leave the plateau at different epochs, and some not at all before the learning rate falls to zero.

# %% tags=["remove-input"]
if on_clips:
    base, methods, network = (
        in_blocks.reached(TABLE_6, on_clips, id)
        for id in ("baseline", "scale-jittering", "resnet-d")
    )
    display(
        Markdown(
            "So these effects mostly measure how long the plateau is, not how well a trained network generalizes: "
            f"accuracy on training clips falls as well, from {base} of the baseline to {methods} with all methods "
            f"and {network} with the architecture. Probably dropout, stochastic depth, smaller crops and the deeper "
            "stem make the plateau longer, because they add noise while there is little to learn from. No run tests "
            "this explanation. Blocks differ by as much as their plateaus, so the intervals are wide."
        )
    )

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Training loss over the epochs, a line for each block. With label smoothing, which the last two rows have, the smallest possible loss is 0.5 and not 0.", "name": "figure-plateau"}, "image": {"alt": "Training loss over epochs for three rows of Table 6. All lines stay at the loss of guessing for many epochs and then fall steeply, at a different epoch in each block; some lines of the two regularized rows fall late or not at all."}}
TITLES = {
    "baseline": "baseline",
    "scale-jittering": "all training methods",
    "resnet-d": "+ SE and ResNet-D",
}
for results in judged:
    plot.losses(TABLE_6.at(results[0]["scale"]), results, TITLES, math.log(len(motions.MOTIONS)))

# %% [markdown]
# ## Eight motions
#
# The embedded clips show an item of Fashion-MNIST {cite:p}`xiao2017fashion` over a public-domain photograph. The class is the
# motion alone: place, size and angle at any one frame have the same distribution in every class. No
# class is left against right, because training flips clips. What leaves at one edge comes in at the
# other, and what has grown to the largest size begins again at the smallest. These are frames 0, 8, … 40 of test
# clips of 64 frames:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "One clip of each motion, six of its frames. No single frame tells the motion.", "name": "figure-motions"}, "image": {"alt": "Eight lines of six frames each, one line for each motion: bounce, down, sideways, spin, still, up, zoom in and zoom out. In each line an item of clothing moves over a photograph as the name says; no single frame tells which line it is from."}}
# pixel for pixel; photographs as PNG would be three times as large
set_matplotlib_formats("jpeg", bbox_inches=None, pil_kwargs={"quality": 80})
SHOWN = range(0, 48, 8)  # frames


def pictures(frames):
    """uint8 (T, 3, H, W) of a clip."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2)


test = {clip.motion: clip for clip in motions.clips("test", len(motions.MOTIONS))}
drawn = {motion: pictures(drawing.drawn(clip, 96)) for motion, clip in test.items()}
lines = [
    [(motion.replace("_", " ") if k == 0 else f"+ {k}", frames[k]) for k in SHOWN]
    for motion, frames in drawn.items()
]
_ = sheets.sheet(lines, side=112)
# %% [markdown]
# ## What is only inferred
#
# Some numbers are missing in the text of Appendix G. The authors' published TF2 configuration,
# which gives 78.2 %, has most of them. The rest is inferred:
#
# :::{table} What Appendix G does not state, and the values here.
#
# | value | the paper | the authors' code | here |
# |---|---|---|---|
# | dropout, label smoothing | missing | 0.5, 0.1 | as the code |
# | stochastic depth | missing: two rates, before and after scale jittering | one rate, 0.1 | **0.1 for both, inferred** |
# | smallest crop of the baseline | silent | 0.49 by default | **0.49, inferred** |
# | scale jittering | the word alone | crops from 0.08 of the area | **0.08, inferred** |
# | ResNet-D | describes the stem | the stem alone, max-pool kept | **the stem alone, inferred** |
# | clips normalized together | silent | not published | **16, chosen for memory** |
# | feature gating | silent | on by default | **none, inferred** |
# :::
#
# [Deviations](../book/deviations.md) C22 to C26 have the sources.
#
# ## Crop jitter is no zoom
#
# Every frame of a clip has the same crop. So random crops change how large things are, but never during
# a clip, and a still clip never looks like a zoom. Below, the first line is a still clip with one crop;
# the second is the same clip as it would look with another crop for every frame; the third zooms in.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Why a clip has one crop. First: a still clip under one crop. Second: the same clip with a crop for each frame, which looks like motion. Third: a clip that zooms in, under one crop.", "name": "figure-one-crop"}, "image": {"alt": "Three lines of six frames. First a still clip under one random crop: all six frames are the same. Second the same clip with a separate crop for each frame: the item jumps and changes its size. Third a clip that zooms in: under one crop the item grows, is small again in the third frame, and grows again."}}
show = Show(side=96, area=0.4)
still, zoom = drawn["still"][list(SHOWN)], drawn["zoom_in"][list(SHOWN)]


def cropped(frames, seed):
    """One training view: uint8 (T, 3, H, W) -> (T, 3, 96, 96)."""
    return crops.trained(frames, show, generator(seed)).transpose(0, 1)


each = torch.cat([cropped(frame[None], seed) for seed, frame in enumerate(still)])
named = {"one crop": cropped(still, 1), "one a frame": each, "zoom in": cropped(zoom, 1)}
_ = sheets.sheet(
    [[(name if k == 0 else "", frame) for k, frame in enumerate(v)] for name, v in named.items()],
    side=112,
)
# %% tags=["hide-input"]
for seed in range(100):
    view = cropped(still, seed)
    assert torch.equal(view, view[:1].expand_as(view))  # whatever the crop, nothing moves
print("100 random crops of the still clip: in each, all frames are equal")

# %% [markdown]
# A crop of 8 % of the area can cut away all that moves where frames are small. At reduced scales the
# smallest crop is therefore 40 %, and the baseline's 49 % becomes 77 %.
#
# ## The claims
#
# Two primary claims are tested; the third is a claim of no effect, judged by its 90 % interval. The
# methods mix longer training, less weight decay and regularization, so no interaction is claimed. The
# claims were registered in [The experiment in blocks](../book/blocks.md), with the pilot's numbers, before
# the first run on subsets 1 to 6.

# %% tags=["remove-input", "words"] mystnb={"figure": {"caption": "The claims of Table 6 as weighted sums of the rows' top-1.", "caption_before": true, "classes": "table"}}
claims.sums(TABLE_6)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The claims of Table 6: verdict, the paper's effect and ours in points, p by Holm, and the smallest effect that would have shown with a probability of 80 %.", "caption_before": true, "classes": "table"}}
for results in judged:
    display(in_blocks.claims(TABLE_6, results))

# %% tags=["remove-input"]
for results in judged:
    display(Markdown(in_blocks.lacking(TABLE_6, results)))
    display(Markdown(in_blocks.described(TABLE_6, results)))

# %% tags=["remove-input", "hide-output"] mystnb={"code_prompt_show": "Every run", "code_prompt_hide": "Every run"}
for results in judged:
    display(in_blocks.runs(TABLE_6, results))

# %% [markdown]
# ## The network
#
# A 3D ResNet is the ResNet for images with one more dimension. Only some kernels span time: that of the
# stem, and the first of each block in c4 and c5. The stem halves the frames; nothing else does.

# %% tags=["remove-input"]
Code(inspect.getsource(stem), language="python")

# %% [markdown]
# The parameters are those of the published networks, to the unit:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Parameters of three 3D networks with 400 classes, equal to the published ones.", "caption_before": true, "classes": "table"}}
PUBLISHED = {  # without the last layer, from the authors' code
    "3D ResNet-50": ({}, 31_672_128),
    "+ Squeeze-and-Excitation": ({"se_ratio": 0.25}, 41_750_784),
    "+ ResNet-D": ({"se_ratio": 0.25, "resnet_d": True}, 41_735_840),
}
HEAD = 2048 * 400 + 400  # of 400 classes
counted = {}
for name, (changes, expected) in PUBLISHED.items():
    with torch.device("meta"):
        network = models.resnet3d(50, **changes)
    counted[name] = sum(weight.numel() for weight in network.parameters())
    assert counted[name] == expected + HEAD
pd.Series(counted, name="parameters, 400 classes").map("{:,}".format).to_frame()

# %% [markdown]
# ## Testing by views
#
# A video is tested by several clips, spread evenly, and three crops of each: 30 views in the paper.
# The softmax is averaged over them, not the logits.

# %% tags=["remove-input"]
Code(textwrap.dedent(inspect.getsource(Video.predict)), language="python")

# %% [markdown]
# ## The scales
#
# Memory is what one training clip of the last row keeps for the backward pass, in float32; it is
# counted, not measured.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "What each scale trains on, and the memory of one clip.", "caption_before": true, "classes": "table"}}
described = {}
for name in SCALES:
    recipe = at_scale(TABLE_6.row("resnet-d"), name).recipe
    data, optim = recipe.data, recipe.optim
    described[name] = {
        "network": f"depth {recipe.model.depth}, width {recipe.model.width:g}",
        "frames × stride": f"{data.frames} × {data.frame_stride}",
        "px, tested": f"{data.resolution}, {data.test_resolution}",
        "clips × crops": f"{data.test_clips} × {data.test_crops}",
        "training clips": f"{data.train_images:,}" if data.train_images else "Kinetics-400",
        "epochs": f"{optim.epochs}",
        "MiB a clip": f"{saved_bytes(recipe, 400 if name == 'paper' else 8) / 2**20:,.1f}",
    }
pd.DataFrame(described)

# %% [markdown]
# ## What would change our mind
#
# A decided {term}`contrast` at the `gpu` scale, in either direction, or the paper's own rows on Kinetics-400. And if a
# network did as well on one frame or on shuffled frames, the clips would not test what they are for.
#
# ## Run it yourself
#
# ```bash
# papermill notebooks/table6.ipynb out.ipynb -p scale smoke
# papermill notebooks/table6.ipynb out.ipynb -p scale laptop -p seeds 6
# papermill notebooks/table6.ipynb out.ipynb -p scale paper -p data_dir path/to/kinetics-400
# python -m rslib run table6 --scale paper --estimate
# ```
#
# `seeds` is the number of blocks. What one block of all rows takes:

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Runs, FLOPs and time of one block at each scale. Times are those of the recorded runs; FLOPs are counted, evaluation included.", "caption_before": true, "classes": "table"}}
needed = {
    name: [needs.run_of(recipe) for recipe in needs.recipes(TABLE_6, name)] for name in SCALES
}
took.by_scale(collect.recorded(TABLE_6), needed, like=["smoke"])

# %% [markdown]
# Clips are built on the way, once, in `runs_dir`. Before training, hours, memory a clip and clips a
# second are printed, and of Kinetics how many of the listed clips are there, as every copy lacks some. A clip that
# cannot be read is replaced in training and left out in testing. How many these are is in each result, and with the
# accuracy. The last command trains nothing and needs no clips.
#
# ## Exercises
#
# 1. How many training passes of a clip does testing one video of Kinetics-400 cost?
#
# :::{dropdown} Solution
# 30 views of 256 px in place of 224: 30 · (256/224)² = 39.2 forward passes. A training pass is three
# forward passes, so 13.1.
# :::
#
# 2. Why is no class "left"?
#
# :::{dropdown} Solution
# Half of the training clips are flipped, and a flip makes right of left. The network would be taught
# both labels for one motion.
# :::
#
# 3. At the laptop scale 8 frames lie four apart. Which motions could a network tell from two
# neighbouring frames, and which not?
#
# :::{dropdown} Solution
# All but "bounce": within one swing it is "up" or "down". A bounce takes 20 to 32 frames, so the 29
# frames that a clip spans show a turn.
# :::
