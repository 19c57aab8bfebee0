"""A trained run as a file for other programs, that says what it is: class names, crop, scores.

Next to the file lies a model card. ONNX is run on all images that the run is evaluated on, and has
to name the same classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rslib import machine
from rslib.config import InputError
from rslib.data.images import Images
from rslib.evidence.judged import Judged
from rslib.own import card
from rslib.tasks.classify import normalise
from rslib.weights import export as weights

if TYPE_CHECKING:
    from rslib.own.classifier import Classifier

DIFFERENT = 0.001  # share of images whose class may differ, as where two classes are as likely
Say = Callable[[str], None]


def export(run: Classifier, file: Path, report: Say = print) -> list[Path]:
    """Write a finished run and its card, `<file>.md`; returns both. report: takes what was checked.

    Where the run's images are not there any more, its test scores are left out, and report is told.
    Raises InputError for a file that cannot be written, or that computes something else.
    """
    weights.writable(file)
    beside = file.with_name(f"{file.name}.md")
    if beside.exists():
        raise InputError(f"{beside}, the model card, is there already; name another, or remove it")
    _, result = weights.finished(run.folder)
    images, judged, lines = None, None, []
    try:
        images, part = run.own_images()
    except InputError as error:
        report(f"{error}: exported without test scores")
    else:
        images = run.readable(images, report)
        judged = run.judged(images, part)
    about = about_of(run, result, judged)
    network = copy.deepcopy(run.network).cpu()
    side = run.recipe.data.resolution
    content = weights.packed(network, file.suffix, resolution=side, about=about)
    if file.suffix == ".onnx" and images is not None and judged is not None:
        lines = [checked(content, run, images, judged)]
        report(lines[0])
    weights.write(content, file)
    weights.write(card.text(file.name, about, result, lines).encode("utf-8", "replace"), beside)
    return [file, beside]


def about_of(run: Classifier, result: dict, judged: Judged | None) -> dict[str, Any]:
    """What the file says of itself, as plain data."""
    _, _, about = weights.trained(run.folder)
    held_out = result["metrics"]["minival"]["ema"]
    scores = {"held out": {name: held_out[name] for name in ("correct", "n")}}
    if judged is not None and judged.part == "test images":
        scores["test"] = judged.scores
    data = {name: result["data"][name] for name in ("name", "train", "minival", "sha256")}
    return about | {"classes": list(run.classes), "data": data, "scores": scores}


def checked(content: bytes, run: Classifier, images: Images, judged: Judged) -> str:
    """In words, that an ONNX model names the run's own classes. Raises InputError if not."""
    try:
        import onnxruntime
    except ImportError:
        return "not checked by another program: pip install onnxruntime"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = machine.cores()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def logits(pixels: torch.Tensor) -> torch.Tensor:
        (found,) = session.run(["logits"], {"images": normalise(pixels).cpu().numpy()})
        return torch.from_numpy(found)

    theirs = run.judged(images, judged.part, logits)
    different = int(np.sum(theirs.guesses != judged.guesses))
    if different > DIFFERENT * len(judged.guesses):
        raise InputError(
            f"not written: of {len(judged.guesses):,} images, ONNX names another class than the "
            f"run for {different:,}; update onnx, onnxscript and onnxruntime"
        )
    right, n = theirs.top1
    here = "as here" if right == judged.top1[0] else f"and {judged.top1[0]:,} here"
    return (
        f"ONNX Runtime {onnxruntime.__version__}: {right:,} of {n:,} {judged.part} right, {here}; "
        f"another class for {different:,} of them"
    )
