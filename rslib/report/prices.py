"""What an hour of a device costs: a small dated file that the user edits."""

import csv
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
