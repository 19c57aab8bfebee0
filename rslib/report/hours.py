"""Hours of training on each device as a table, and money where a device has a price."""

from collections.abc import Mapping, Sequence

from rslib.evidence.prices import in_words, rounded


def table(devices: Sequence[Mapping], networks: Mapping[str, str]) -> str:
    """Markdown: hours of training on each device, and money beside them where one has a price.

    devices: as `explorer.on_devices`; networks: {name there: label}, those of the lines.
    """
    priced = any(one["price"] for one in devices)
    lines = [["network", "machine", "hours", *(["money"] if priced else [])]]
    lines += [["---", "---", *(["---:"] * (len(lines[0]) - 2))]]
    for name, label in networks.items():
        for one in devices:
            if costs := one["networks"].get(name):
                cells = [label, f"{one['device']}, {one['variant']}", rounded(costs["hours"])]
                money = [in_words(one["price"], [costs["hours"]])] if priced else []
                lines.append([*cells, *money])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
