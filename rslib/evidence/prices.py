"""What an hour of a device costs: a small dated file that the user edits."""

import csv
from collections.abc import Mapping, Sequence
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


def in_words(price: Mapping | None, hours: Sequence[float]) -> str:
    """What each of these hours costs: "160, 256 on demand or 40, 64 spot (EUR, 2026-01-31)"."""
    if not price:
        return "no price"
    kinds = {"on demand": price["per_hour"], "spot": price["spot"]}
    told = [
        f"{', '.join(rounded(each * amount) for each in hours)} {kind}"
        for kind, amount in kinds.items()
        if amount is not None
    ]
    return f"{' or '.join(told)} ({price['currency']}, {price['date']})"


def rounded(value: float) -> str:
    """To three digits, as no estimate here is surer than that: "1,020,000"."""
    return f"{float(f'{value:.3g}'):,.12g}"
