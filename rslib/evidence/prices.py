"""What an hour of a device costs: a small dated file that the user edits."""

import csv
from datetime import date
from pathlib import Path

from rslib import paths
from rslib.config import InputError

FILE = paths.ROOT / "data" / "prices.csv"


def read(file: Path = FILE) -> dict[str, dict]:
    """{device: {"per_hour", "spot", "currency", "date"}}; empty where none is written yet.

    spot: the price of an hour that may be taken away, None where there is none.
    """
    if not file.exists():  # an installed copy has none
        return {}
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = {}
    for row in rows:
        try:
            day, price = date.fromisoformat(row["date"]), float(row["per_hour"])
            spot = float(row["spot_per_hour"]) if row.get("spot_per_hour") else None
            for each in (price, spot or 0.0):
                if not 0 <= each < float("inf"):
                    raise ValueError(f"{each} an hour")
            found[row["device"]] = {
                "per_hour": price,
                "spot": spot,
                "currency": row["currency"],
                "date": day.isoformat(),
            }
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file.name}: {row} is no price ({error}); "
                "write device,per_hour,spot_per_hour,currency,date with a date such as 2026-01-31"
            ) from error
    return found
