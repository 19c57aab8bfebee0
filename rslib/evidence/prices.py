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


def of_session(priced: Mapping[str, dict], session: Mapping) -> tuple[dict | None, float]:
    """(the price of the machine that a process ran on, the share of it that the process took).

    session: as `rslib.machine.session`. A CPU is named with the threads of the whole machine, as
    its profile is: "Xeon, 8 threads"; of several machines the smallest counts. A GPU counts whole.
    """
    name = session["device_name"]
    if session["device"] == "cuda":
        return priced.get(name), 1.0
    threads = [key.removeprefix(f"{name}, ").removesuffix(" threads") for key in priced]
    fitting = [int(n) for n in threads if n.isdecimal() and int(n) >= session["threads"]]
    if not fitting:
        return None, 1.0
    return priced[f"{name}, {min(fitting)} threads"], session["threads"] / min(fitting)


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
