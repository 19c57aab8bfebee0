"""The model card of an exported run: what it was trained on, what it reaches, its limits."""

from typing import Any

from rslib import config
from rslib.evidence.judged import in_percent, wilson
from rslib.recipes.reasons import reasons

LISTED = 50  # classes; the file's metadata has all
LIMITS = """\
- Every image gets one of the classes above, also one that shows none of them.
- The scores hold for images of the same kind: same cameras, places, labels. For others evaluate
  again: `rslib evaluate RUN --data-dir FOLDER`.
- It is one run with one seed; the intervals are over images, not over seeds.
- The probabilities were not calibrated.{smoothed}
- Its authors did not look at what the images show, nor at how fair its mistakes are."""
SMOOTHED = " Label smoothing {0:g} keeps them below 1."


def text(name: str, about: dict[str, Any], result: dict[str, Any], checked: list[str]) -> str:
    """Markdown. name: of the file; about: its metadata; result: of the run; checked: lines."""
    recipe = config.from_dict(about["recipe"])
    classes, data, side = about["classes"], about["data"], recipe.data.resolution
    shown = ", ".join(map(str, classes[:LISTED])) + (", …" if len(classes) > LISTED else "")
    environment = result["environment"]
    values = [
        f"| {what} | {value} | {why} |" for what, value, why in reasons(recipe, data["train"])
    ]
    smoothing = recipe.regularization.label_smoothing
    return "\n".join(
        [
            f"# {name}",
            "",
            f"This network says which of {len(classes):,} classes an image shows: {shown}.",
            "",
            "## Use",
            "",
            f"- Input: RGB images as floats (N, 3, {side}, {side}), for any N. Take the centre "
            "square of 0.875 of the shorter side, resize it (bicubic, with antialias), subtract "
            "the mean, divide by the deviation. The file's metadata has both, for pixels 0 to 255.",
            "- Output: logits (N, classes), classes in the order of the metadata. A softmax makes "
            "probabilities.",
            *(f"- {line}." for line in checked),
            "",
            "## Scores",
            "",
            *scores(about["scores"]),
            "",
            "## Data",
            "",
            f"`{data['name']}`: {data['train']:,} training images, {data['minival']:,} held out to "
            "watch training and to choose. SHA-256 of names, labels and contents: "
            f"{data['sha256']}.",
            "",
            "## Recipe",
            "",
            "ResNet-RS (https://arxiv.org/abs/2103.07579); the average of the weights.",
            "",
            "| | value | why |",
            "|---|---|---|",
            *values,
            "",
            "## Limits",
            "",
            LIMITS.format(smoothed=SMOOTHED.format(smoothing) if smoothing else ""),
            "",
            "## Made by",
            "",
            f"Run `{about['run']}`, ended {result['ended']}; code {environment['code']}, PyTorch "
            f"{environment.get('torch', 'unknown')}, {environment['device_name']}.",
            "",
        ]
    )


def scores(found: dict[str, Any]) -> list[str]:
    """A line for each part, and a table of the classes on test images."""
    lines = []
    for part, what in found.items():
        counts = what.get("top1", what)
        low, high = wilson(counts["correct"], counts["n"])
        share = in_percent(counts["correct"] / counts["n"])
        lines.append(
            f"- {part} images: top-1 {share} of n = {counts['n']:,} "
            f"(95 % interval over images {in_percent(low)} to {in_percent(high)})"
            + (f", balanced accuracy {in_percent(what['balanced'])}" if "balanced" in what else "")
        )
    if "test" not in found:
        return [*lines, "- No image was kept apart for a test: held-out ones may have chosen."]
    rows = sorted(found["test"]["classes"].items(), key=lambda row: _recall(row[1]))[:LISTED]
    table = [f"| {name} | {row['correct']:,} | {row['n']:,} |" for name, row in rows]
    return [
        *lines,
        "",
        "| class, the lowest first | right | test images |",
        "|---|---|---|",
        *table,
    ]


def _recall(row: dict[str, int]) -> float:
    return row["correct"] / row["n"] if row["n"] else float("inf")
