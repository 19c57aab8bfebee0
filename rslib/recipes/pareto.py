"""Tables 3 and 7: what the paper measured of ResNet-RS and EfficientNet, as data."""

import csv
from dataclasses import dataclass

from rslib import paths


@dataclass(frozen=True, kw_only=True)
class Published:
    """A row of Table 7. Latencies are those of training steps (Appendix H)."""

    label: str  # the paper's wording
    name: str  # of the network here: resnet_rs_50, efficientnet_b0
    resolution: int  # pixels
    parameters: float  # millions
    flops: float  # billions, 2 × MACs of one image
    v100: float  # seconds for 128 images, float32, one V100
    tpu: float  # milliseconds for 1024 images, bfloat16, eight TPUv3 cores
    top1: float  # percent

    @property
    def family(self):
        return self.label.rpartition("-")[0]


def table_7():
    """The nineteen networks of Table 7, in the paper's order."""
    with open(paths.PAPER / "table7.csv") as file:
        return [
            Published(
                label=row["model"],
                name=row["model"].lower().replace("-", "_"),
                resolution=int(row["resolution"]),
                parameters=float(row["params_m"]),
                flops=float(row["flops_b"]),
                v100=float(row["v100_latency_s"]),
                tpu=float(row["tpu_latency_ms"]),
                top1=float(row["top1"]),
            )
            for row in csv.DictReader(file)
        ]
