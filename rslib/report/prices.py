"""What an hour of a device costs: a small dated file that the user edits."""

import csv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from rslib import paths
from rslib.config import InputError

FILE = paths.ROOT / "data" / "prices.csv"


def read(file: Path = FILE) -> dict[str, dict]:
    """{device: {"per_hour", "currency", "date"}}; empty where none is written yet."""
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = {}
    for row in rows:
        try:
            day, price = date.fromisoformat(row["date"]), float(row["per_hour"])
            if not 0 <= price < float("inf"):
                raise ValueError(f"{price} an hour")
            found[row["device"]] = {
                "per_hour": price,
                "currency": row["currency"],
                "date": day.isoformat(),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file.name}: {row} is no price ({error}); "
                "write device,per_hour,currency,date with a date such as 2026-01-31"
            ) from error
    return found


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
