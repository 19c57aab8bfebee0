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


def table_3():
    """{row of Table 7: gigabytes on a TPUv3 core, for 32 images in bfloat16} of Table 3's four."""
    with open(paths.PAPER / "table3.csv") as file:
        memory = {(r["model"], int(r["resolution"])): r for r in csv.DictReader(file)}
    return {
        row: float(memory[row.label, row.resolution]["tpu_memory_gb"])
        for row in table_7()
        if (row.label, row.resolution) in memory
    }


@dataclass(frozen=True, kw_only=True)
class Match:
    """A ResNet-RS and the EfficientNet that it is set against."""

    ours: Published
    theirs: Published
    where: str  # who set them against each other

    def speedup(self, seconds):
        """How many times as fast ours trains; seconds: of a row, as ``lambda row: row.v100``."""
        return seconds(self.theirs) / seconds(self.ours)


def matches():
    """For each EfficientNet the fastest ResNet-RS of Table 7 that is at least as accurate.

    None is as accurate as B7. Beside them the pairs that the paper itself names: Table 3 sets B6
    and B7 against the nearest, Table 4 sets B5 against one of the same accuracy after training with
    pseudo-labels.
    """
    rows = table_7()
    named = {(row.name, row.resolution): row for row in rows}
    ours = [row for row in rows if row.family == "ResNet-RS"]
    found = []
    for rival in (row for row in rows if row.family == "EfficientNet"):
        able = [row for row in ours if row.top1 >= rival.top1]
        if able:
            fastest = min(able, key=lambda row: row.v100)
            where = "Table 3" if rival.label == "EfficientNet-B6" else "rule"
            found.append(Match(ours=fastest, theirs=rival, where=where))
    b5, b7 = named["efficientnet_b5", 456], named["efficientnet_b7", 600]
    found.append(Match(ours=named["resnet_rs_420", 320], theirs=b7, where="Table 3"))
    found.append(Match(ours=named["resnet_rs_152", 224], theirs=b5, where="Table 4"))
    return found
