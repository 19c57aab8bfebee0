"""A trained run as what it is for: the class of new images, with its probability."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from rslib import config, machine, models, paths
from rslib.config import InputError, Recipe
from rslib.data import own
from rslib.data.augment import eval_crop
from rslib.data.check import check, decode
from rslib.data.images import Images
from rslib.data.loaders import eval_batches
from rslib.data.survey import bar
from rslib.data.unreadable import UnreadableImage
from rslib.evidence.judged import Judged
from rslib.models import loading
from rslib.own import exported
from rslib.tasks.classify import normalise
from rslib.training import history
from rslib.weights import about, export, files

BATCH = 64
Say = Callable[[str], None]
Logits = Callable[[torch.Tensor], torch.Tensor]  # of uint8 (N, 3, S, S)


class Prediction(NamedTuple):
    """Of one file. classes: the likeliest first, with their probabilities; none where error says
    why the file cannot be read."""

    file: str
    classes: list[str]
    probabilities: list[float]
    error: str = ""


@dataclass(frozen=True)
class Classifier:
    """A finished run, by the average of its weights. folder: the run's; of an export, the file."""

    folder: Path
    network: nn.Module
    classes: list[str]
    recipe: Recipe
    device: str = "cpu"

    def predict(
        self, files: str | Path | Iterable[str | Path], *, top: int = 5, watched: bool = False
    ) -> list[Prediction]:
        """A Prediction for each file; folders stand for all images in them.

        Images are cropped as in evaluation. A file that is not there or cannot be read has an error
        in place of classes, and so has a folder without images. watched: show a progress bar on a
        terminal.
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
            images, part = self.own_images()
        return self.judged(self.readable(images, report), part)

    def readable(self, images: Images, report: Say = print) -> Images:
        """Decoded once; a few that cannot be are named and left out. Raises InputError for more."""
        read, _ = check({"test": images}, self.classes, None, None, report)
        return read["test"]

    def judged(self, images: Images, part: str, logits: Logits | None = None) -> Judged:
        """What `logits` says of readable images; None: what this network says."""
        batches = eval_batches(images, self.recipe.data, device=torch.device(self.device))
        found = [(logits or self.logits)(pixels) for pixels, _ in batches]
        if not found:
            raise InputError(f"no images to evaluate on ({part})")
        chances, guesses = torch.cat(found).softmax(1).max(1)
        names = list(images.names)
        return Judged(names, images.labels, guesses.numpy(), chances.numpy(), self.classes, part)

    def export(self, file: str | Path, report: Say = print) -> list[Path]:
        """Write it as .onnx or .safetensors, with a model card; returns both files.

        Both say classes, crop, mean, deviation and scores. ONNX is first compared with this network
        on all images that `evaluate` takes. Raises InputError.
        """
        return exported.export(self, paths.expanded(file), report)

    @property
    def history(self) -> list[dict]:
        """A line for each epoch: its loss and rate, and top-1 where it was evaluated."""
        return history.read(export.finished(self.folder)[0].parent)

    def listing(self) -> own.Listing:
        """The images that it was trained, chosen and may be tested on. Raises InputError."""
        if self.folder.is_file():
            raise InputError(f"{self.folder} is an export, which has no images; give the run")
        root = Path(about.of(self.folder)["images"])
        if not root.is_dir():
            raise InputError(f"the images of this run are not in {root} any more; give --data-dir")
        listing = own.of_csv(self.folder / about.SPLIT, root)
        return own.in_order(listing, self.classes, "the run", lambda line: None)

    def own_images(self) -> tuple[Images, str]:
        """(its test images, or the held-out ones where it has none; which, in words)."""
        listing = self.listing()
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
        if file.is_dir():
            return "a folder without images"
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
    """The Classifier of a finished run of `rslib train`. run: its folder, or a .safetensors export.

    Raises InputError where there is none, where it has not ended, and for weights that hold NaN.
    """
    place = paths.expanded(run)
    on = machine.choose_device(device)
    if place.is_file():
        said = about.of_export(place)
        recipe, classes = config.from_dict(said["recipe"]), said["classes"]
        network = loading.load(models.build(recipe, len(classes)), files.read(place))
    else:
        classes = about.of(place)["classes"]
        network, _, said = export.trained(place)
        recipe = config.from_dict(said["recipe"])
    if fault := loading.not_finite(network.state_dict()):
        raise InputError(f"{place}: {fault}; such weights compute nothing, train again")
    return Classifier(place, network.eval().to(on), classes, recipe, on)


def _expanded(path: Path) -> list[Path]:
    path = paths.expanded(path)
    inside = own.files_in(path, lambda line: None) if path.is_dir() else []
    return inside or [path]  # a folder without images is named as one that cannot be read
