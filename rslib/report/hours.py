"""Hours of training on each device as a table, and money where a device has a price."""

from collections.abc import Mapping, Sequence


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
                cells = [label, f"{one['device']}, {one['variant']}", f"{costs['hours']:,.0f}"]
                lines.append([*cells, *([_money(costs, one["price"])] if priced else [])])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _money(costs, price):
    if not price:
        return "no price"
    amount = costs["hours"] * price["per_hour"]
    return f"{amount:,.0f} {price['currency']} ({price['date']})"
