"""Tables 3 and 7: what the paper measured of ResNet-RS and EfficientNet, as data."""

import csv
from dataclasses import dataclass

from rslib import paths
from rslib.config import InputError
from rslib.recipes import Study


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
    with open(paths.PAPER / "table7.csv", encoding="utf-8") as file:
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


def only_resolution(model):
    """The one side in pixels at which Table 7 has the network, whose weights are of one too.

    Raises InputError where it has several or none.
    """
    sides = [row.resolution for row in table_7() if row.name == model]
    if len(sides) != 1:
        listed = " and ".join(map(str, sides)) or "no resolution"
        raise InputError(f"Table 7 has {model} at {listed}; give --resolution")
    return sides[0]


def table_3():
    """{row of Table 7: gigabytes on a TPUv3 core, for 32 images in bfloat16} of Table 3's four."""
    with open(paths.PAPER / "table3.csv", encoding="utf-8") as file:
        memory = {(r["model"], int(r["resolution"])): r for r in csv.DictReader(file)}
    return {
        row: float(memory[row.label, row.resolution]["tpu_memory_gb"])
        for row in table_7()
        if (row.label, row.resolution) in memory
    }


@dataclass(frozen=True, kw_only=True)
class Match:
    """A ResNet-RS and the EfficientNet that it is set against.

    v100, tpu: the speed-ups that the paper prints; None where the pair is not the paper's.
    """

    ours: Published
    theirs: Published
    where: str  # the paper's table, or "here"
    v100: float | None = None
    tpu: float | None = None
    top1: tuple = ()  # where it is not Table 7's

    def speedup(self, seconds):
        """How many times as fast ours trains; seconds: of a row, as ``lambda row: row.v100``."""
        return seconds(self.theirs) / seconds(self.ours)

    def accuracies(self):
        return self.top1 or (self.ours.top1, self.theirs.top1)


STATED = (  # as printed: (depth, resolution), EfficientNet, table, V100, TPU
    ((101, 160), "B2", "Table 7", 2.1, 1.8),
    ((152, 224), "B4", "Table 7", 2.7, 2.2),
    ((152, 256), "B4", "Table 7", 2.3, 1.7),
    ((270, 256), "B5", "Table 7", 2.2, 1.9),
    ((350, 256), "B6", "Tables 3, 7", 3.3, 2.7),
    ((420, 320), "B7", "Table 3", 2.8, 2.9),
    ((152, 224), "B5", "Table 4", 5.5, 4.7),
)
PSEUDO_LABELLED = (86.2, 86.1)  # top-1 of Table 4's two, after training with pseudo-labels


def matches():
    """Every pair for which the paper prints a speed-up; and for the EfficientNets that it leaves
    out, the fastest ResNet-RS that is at least as accurate, by top-1 and V100 of Table 7."""
    rows = table_7()
    ours = {
        (int(row.label.rpartition("-")[2]), row.resolution): row
        for row in rows
        if "RS" in row.label
    }
    rivals = {row.label[-2:]: row for row in rows if row.family == "EfficientNet"}
    found = [
        Match(
            ours=ours[size],
            theirs=rivals[rival],
            where=where,
            v100=v100,
            tpu=tpu,
            top1=PSEUDO_LABELLED if where == "Table 4" else (),
        )
        for size, rival, where, v100, tpu in STATED
    ]
    left_out = [row for name, row in rivals.items() if name not in {pair[1] for pair in STATED}]
    for rival in left_out:
        able = [row for row in ours.values() if row.top1 >= rival.top1]
        found.append(Match(ours=min(able, key=lambda row: row.v100), theirs=rival, where="here"))
    order = list(rivals.values())
    return sorted(found, key=lambda match: (match.where == "Table 4", order.index(match.theirs)))


def table_3_and_4():
    """The networks whose memory Table 3 prints, and the pair of Table 4."""
    pair = next(match for match in matches() if match.where == "Table 4")
    return [*table_3(), pair.ours, pair.theirs]


TABLE_3 = Study(
    name="table3",
    title="Table 3: more parameters, less memory",
    networks=tuple(table_3_and_4()),
)
TABLE_7 = Study(
    name="table7",
    title="Table 7: ResNet-RS trains faster",
    networks=tuple(table_7()),
)
