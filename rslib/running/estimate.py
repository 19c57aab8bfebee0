"""What a study will cost before it starts, by closed forms from steps that were measured. No torch.

Hours are a lower bound: neither reading images nor sending gradients is in them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

from rslib.evidence.devices import BATCH

GPUS = (1, 8, 64)
DISK = 2 * 3 * 4  # bytes a parameter: two checkpoints of weights, momentum, average, in float32


@dataclass(frozen=True)
class Run:
    """What a training run takes on any device.

    images: training passes of one image. flops: of one forward pass of one image. micro_batches:
    of a batch, which GPUs can share.
    """

    family: str
    images: float
    flops: int
    parameters: int
    micro_batches: int

    @property
    def training_flops(self) -> float:
        """Of the whole run, evaluation included: a training pass is three forward passes."""
        return 3 * self.flops * self.images

    def together(self, gpus: int) -> int:
        """How many of so many GPUs can train it together."""
        fit = range(1, min(gpus, self.micro_batches) + 1)
        return max(n for n in fit if self.micro_batches % n == 0)


@dataclass(frozen=True)
class Step:
    """A measured training step of one network. seconds: for 128 images."""

    family: str
    label: str
    flops: int
    seconds: float


def steps_of(
    networks: Mapping[str, Mapping], labels: Mapping[str, str], flops: Mapping[str, int]
) -> list[Step]:
    """The steps that a device has run, as `rslib.report.explorer` has its networks: {"name@px":
    {"seconds": …}}."""
    return [
        Step(name.partition("_")[0], labels[name], flops[name], one["seconds"])
        for name, one in networks.items()
    ]


def seconds_of(run: Run, steps: Iterable[Step]) -> float | None:
    """Seconds of a run on one device: images × seconds an image × the ratio of FLOPs.

    The step is that of the network of the same family with the nearest FLOPs. None where there is
    none.
    """
    alike = [step for step in steps if step.family == run.family]
    if not alike:
        return None
    nearest = min(alike, key=lambda step: abs(log(step.flops / run.flops)))
    return run.images * nearest.seconds / BATCH * run.flops / nearest.flops


def on_gpus(runs: Sequence[tuple[Run, float]], gpus: int) -> float:
    """Seconds that all runs take on so many GPUs at least; runs: each with its seconds on one.

    Their sum over the GPUs, and no less than the longest run on the GPUs that can share its batch.
    """
    longest = max(seconds / run.together(gpus) for run, seconds in runs)
    return max(sum(seconds for _, seconds in runs) / gpus, longest)


def all_reduce(parameters: int, gpus: int, bytes_per_second: float) -> float:
    """Seconds to average float32 gradients around a ring, without latency.

    Each GPU sends and receives 2 · (N − 1) / N times the gradients (Patarasuk and Yuan, 2009).
    """
    return 2 * (gpus - 1) / gpus * 4 * parameters / bytes_per_second
