"""Tables 8, 10, 11 and 12 and Appendix E, made from recipes and models. Nothing needs torch."""

import pandas as pd

from rslib.recipes import pareto, resnet_rs, scaling
from rslib.recipes.additive import TABLE_1
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.report.cells import NONE, beside, printed
from rslib.report.numerals import between

SETUPS = {  # columns of Table 10: rows of the book's tables that are trained so
    "resnet_2015": TABLE_1.rows[0],
    "resnet_rs_2021": TABLE_1.rows[-1],
    "efficientnet_2019": FIGURE_5.rows[0],
}
HEADS = {
    "resnet_2015": "ResNet",
    "resnet_rs_2021": "ResNet-RS",
    "efficientnet_2019": "EfficientNet",
    "randaugment_magnitude": "RandAugment",
    "stochastic_depth_rate": "stochastic depth",
    "dropout_rate": "dropout",
}
STAGES = ("c2", "c3", "c4", "c5")


def tables(blocks):
    """{name: cells} of all that is compared; blocks: as `rslib.models.resnet.BLOCKS`."""
    return {
        "Table 8": table_8(),
        "Table 10": table_10(),
        "Table 11": table_11(blocks),
        "Table 12": table_12(),
    }


def table_8():
    """Cells of Table 8: three strengths for each ResNet-RS that Table 7 lists ("RS-50 @160")."""
    ours = {}
    for row in pareto.table_7():
        if row.family == "ResNet-RS":
            r = resnet_rs.published(row).regularization
            ours[f"RS-{depth_of(row.label)} @{row.resolution}"] = {
                "randaugment_magnitude": r.randaugment,
                "stochastic_depth_rate": r.stochastic_depth,
                "dropout_rate": r.dropout,
            }
    paper = printed("table8.csv", lambda row: f"RS-{row['depth']} @{row['resolution']}")
    return beside(paper, ours)


def table_10():
    """Cells of Table 10 that are words or numbers; `marks` has the others."""
    settings = {
        "epochs": lambda optim: optim.epochs,
        "learning-rate decay": lambda optim: optim.schedule,
        "optimizer": lambda optim: "momentum" if optim.optimizer == "sgd" else optim.optimizer,
    }
    ours = {
        setting: {column: of(row.recipe.optim) for column, row in SETUPS.items()}
        for setting, of in settings.items()
    }
    return beside(printed("table10.csv", lambda row: row["setting"]), ours)


def marks():
    """A table of Table 10's check marks, by the recipes."""
    usual = SETUPS["resnet_2015"].recipe.optim.weight_decay
    tests = {
        "EMA of weights": lambda row: row.weights == "ema",
        "label smoothing": lambda row: row.recipe.regularization.label_smoothing,
        "stochastic depth": lambda row: row.recipe.regularization.stochastic_depth,
        "dropout on FC": lambda row: row.recipe.regularization.dropout,
        "smaller weight decay": lambda row: row.recipe.optim.weight_decay < usual,
        "stem modifications": lambda row: row.recipe.model.resnet_d,
    }
    lines = [
        {HEADS[column]: "✓" if test(row) else "–" for column, row in SETUPS.items()}
        for test in tests.values()
    ]
    return pd.DataFrame(lines, index=list(tests))


def table_11(blocks):
    """Cells of Table 11 and Appendix E's two depths; blocks: {depth: blocks of c2 to c5}."""
    ours = {
        f"ResNet-{depth}": dict(zip(STAGES, counts, strict=True))
        for depth, counts in blocks.items()
    }
    return beside(printed("table11.csv", lambda row: f"ResNet-{row['depth']}"), ours)


def layouts(cells):
    """Table 11, a row a depth. Layers: three convolutions a block, the stem's first, the last."""
    paper, here = {}, {}
    for cell in cells:
        paper.setdefault(cell.row, []).append(cell.paper)
        here.setdefault(cell.row, []).append(cell.here)
    lines = {}
    for row, counts in here.items():
        lines[row] = {
            "c2-c3-c4-c5, paper": NONE if NONE in paper[row] else "-".join(paper[row]),
            "c2-c3-c4-c5, here": "-".join(counts),
            "blocks": sum(map(int, counts)),
            "layers": 3 * sum(map(int, counts)) + 2,
        }
    return pd.DataFrame.from_dict(lines, orient="index").sort_index(key=lambda i: i.map(depth_of))


def depth_of(name):
    """350 of "ResNet-350"."""
    return int(name.rpartition("-")[2])


def misnamed(cells):
    """A sentence: the depths of Table 11 that do not have as many layers as their name says."""
    layers = layouts(cells)["layers"]
    found = [f"{name} has {n}" for name, n in layers.items() if n != depth_of(name)]
    right = f"{len(layers) - len(found)} of {len(layers)} depths"
    return f"{right} have as many layers as their name says; {', '.join(found)}."


def table_12():
    """Cells of Table 12: the dropout rate of each width of the scaling study."""
    ours = {f"{width:g}": {"dropout_rate": rate} for width, rate in scaling.DROPOUT.items()}
    paper = printed("table12.csv", lambda row: f"{float(row['filter_scaling']):g}")
    return beside(paper, ours)


def configurations():
    """{(width, resolution): regularization} of Appendix E at 350 epochs; no depth differs."""
    found = {}
    for width in scaling.WIDTHS:
        for side in scaling.RESOLUTIONS:
            recipes = [scaling.appendix_e(depth, width, side) for depth in scaling.DEPTHS]
            (found[width, side],) = {recipe.regularization for recipe in recipes}
    return found


def grid(flops):
    """Appendix E's 350-epoch rules: "RandAugment's magnitude, rate of stochastic depth" by width.

    flops: {width: (least, most)} of one image, over depths and resolutions.
    """
    found, lines = configurations(), {}
    for width in scaling.WIDTHS:
        line = {"dropout": f"{scaling.DROPOUT[width]:g}"}
        for side in scaling.RESOLUTIONS:
            r = found[width, side]
            line[f"{side} px"] = f"{r.randaugment:g}, {r.stochastic_depth:g}"
        line["FLOPs, B"] = between(*(f"{n / 1e9:.3g}" for n in flops[width]))
        lines[f"{width:g}"] = line
    return pd.DataFrame.from_dict(lines, orient="index")
