"""A trained run as what it is for: the class of new images, with its probability."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from rslib import machine, paths
from rslib.config import InputError, Recipe
from rslib.data import own
from rslib.data.augment import eval_crop
from rslib.data.check import check, decode
from rslib.data.images import Images
from rslib.data.loaders import eval_batches
from rslib.data.survey import bar
from rslib.data.unreadable import UnreadableImage
from rslib.evidence.judged import Judged
from rslib.models.loading import not_finite
from rslib.tasks.classify import normalise
from rslib.weights import about, export

BATCH = 64
Say = Callable[[str], None]


class Prediction(NamedTuple):
    """Of one file. classes: the likeliest first, with their probabilities; none where error says
    why the file cannot be read."""

    file: str
    classes: list[str]
    probabilities: list[float]
    error: str = ""


@dataclass(frozen=True)
class Classifier:
    """A finished run, by the average of its weights. folder: the run's."""

    folder: Path
    network: nn.Module
    classes: list[str]
    recipe: Recipe
    device: str = "cpu"

    def predict(
        self, files: str | Path | Iterable[str | Path], *, top: int = 5, watched: bool = False
    ) -> list[Prediction]:
        """A Prediction for each file; folders stand for all images in them.

        Images are cropped as in evaluation. A file that cannot be read gets an error in place of
        classes. watched: show a progress bar on a terminal. Raises InputError where there is no
        such file or folder.
        """
        given = [files] if isinstance(files, str | Path) else list(files)
        found = [file for path in given for file in _expanded(Path(path))]
        parts = [found[k : k + BATCH] for k in range(0, len(found), BATCH)]
        predicted: list[Prediction] = []
        hidden = None if watched else True  # None: shown where somebody watches a terminal
        with ThreadPoolExecutor(machine.cores()) as pool:
            for part in bar(parts, unit="batch", disable=hidden):
                predicted += self._predicted(part, list(pool.map(self._crop, part)), top)
        return predicted

    def evaluate(self, images: Images | None = None, part: str = "", report: Say = print) -> Judged:
        """What it says of labelled images; None: of its own test images, else the held-out ones."""
        if images is None:
            images, part = self.own_images(report)
        read, _ = check({"test": images}, self.classes, None, None, report)
        images = read["test"]
        logits = [
            self.logits(pixels)
            for pixels, _ in eval_batches(
                images, self.recipe.data, device=torch.device(self.device)
            )
        ]
        if not logits:
            raise InputError(f"no images to evaluate on ({part})")
        chances, guesses = torch.cat(logits).softmax(1).max(1)
        names = list(images.names)
        return Judged(names, images.labels, guesses.numpy(), chances.numpy(), self.classes, part)

    def own_images(self, report: Say = print) -> tuple[Images, str]:
        """(its test images, or the held-out ones where it has none; which, in words)."""
        root = Path(about.of(self.folder)["images"])
        if not root.is_dir():
            raise InputError(f"the images of this run are not in {root} any more; give --data-dir")
        listing = own.of_csv(self.folder / about.SPLIT, root)
        if listing.test is not None:
            return listing.test, "test images"
        if listing.valid is None:
            raise InputError(f"{self.folder / about.SPLIT} has no images to evaluate on")
        return listing.valid, "held-out images"

    @torch.no_grad()
    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 (N, 3, S, S) -> float32 (N, classes), on the CPU. Raises InputError for NaN."""
        found = self.network(normalise(pixels.to(self.device))).float().cpu()
        if not found.isfinite().all():
            raise InputError(f"{self.folder}: the network puts out NaN or Inf; train it again")
        return found

    def shown(self, images: Images, positions: Sequence[int]) -> list[np.ndarray]:
        """Images as the network sees them: uint8 (3, S, S)."""
        side = self.recipe.data.resolution
        return [eval_crop(images.image(int(at)), side).numpy() for at in positions]

    def _crop(self, file: Path) -> torch.Tensor | str:
        try:
            return eval_crop(decode(file), self.recipe.data.resolution)
        except UnreadableImage as error:
            return error.reason

    def _predicted(self, files: list[Path], crops: list, top: int) -> list[Prediction]:
        whole = [crop for crop in crops if not isinstance(crop, str)]
        rows = iter(())
        if whole:
            chances = self.logits(torch.stack(whole)).softmax(1)
            rows = zip(
                *(found.tolist() for found in chances.topk(min(top, len(self.classes)))),
                strict=True,
            )
        predicted = []
        for file, crop in zip(files, crops, strict=True):
            if isinstance(crop, str):
                predicted.append(Prediction(str(file), [], [], crop))
            else:
                best, labels = next(rows)
                predicted.append(Prediction(str(file), [self.classes[k] for k in labels], best))
        return predicted


def load(run: str | Path, *, device: str = "auto") -> Classifier:
    """The Classifier of a finished run of `rslib train`. run: its folder.

    Raises InputError where there is none, where it has not ended, and for weights that hold NaN.
    """
    run_dir = paths.expanded(run)
    known = about.of(run_dir)
    on = machine.choose_device(device)
    network, _, said = export.trained(run_dir)
    if fault := not_finite(network.state_dict()):
        raise InputError(f"{run_dir}: {fault}; such weights compute nothing, train again")
    return Classifier(run_dir, network.eval().to(on), known["classes"], about.recipe_of(said), on)


def _expanded(path: Path) -> list[Path]:
    path = paths.expanded(path)
    if path.is_dir():
        return own.files_in(path, lambda line: None)
    if not os.path.lexists(path):
        raise InputError(f"no file {path}; name an image, or a folder of some")
    return [path]
