"""Error over FLOPs on a grid of networks: a line on logarithmic axes, and a break in it.

Figure 2, §6. Arrays hold one value for each cell: flops, of one forward pass of one image; error,
in percent, above 0. Slopes are of log10 error over log10 FLOPs; deviations are of log10 error.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy import stats as scipy_stats

from rslib.config import InputError
from rslib.evidence.blocks import POWER
from rslib.evidence.stats import Estimate

SIDE = 4  # cells at least on each side of a break, the one at the break counted on both
LEAST = 2 * SIDE  # cells that a fit needs
STUDIES, SEED = 10_000, 2  # simulated without a break


class Hinge(NamedTuple):
    """Two lines that meet: the best fit with one break."""

    at: float  # FLOPs
    level: float  # log10 error at the break
    below: float  # slopes
    above: float
    f: float  # sup-F: what the break explains, over what is left by n − 3 degrees of freedom

    def error(self, flops: ArrayLike) -> np.ndarray:
        """Fitted error in percent; any shape."""
        x = np.log10(flops) - np.log10(self.at)
        return 10 ** (self.level + np.where(x < 0, self.below, self.above) * x)


def logs(flops: ArrayLike, error: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(log10 FLOPs, log10 error), each (cells,). Raises InputError where no line fits."""
    x, y = np.asarray(flops, dtype=float), np.asarray(error, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise InputError(f"{x.shape} FLOPs and {y.shape} errors: a fit needs one of each a cell")
    if len(x) < LEAST:
        missing = LEAST - len(x)
        raise InputError(
            f"{len(x)} cells have an error, a fit needs {LEAST}: {missing} are missing"
        )
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise InputError("FLOPs and errors must be finite and above 0: they have no logarithm")
    if np.ptp(x) == 0:
        raise InputError("all cells have the same FLOPs: a slope needs two values")
    return np.log10(x), np.log10(y)


def residuals(flops: ArrayLike, error: ArrayLike) -> np.ndarray:
    """log10 error above the line, (cells,)."""
    x, y = logs(flops, error)
    return y - np.polyval(np.polyfit(x, y, 1), x)


def slope(flops: ArrayLike, error: ArrayLike) -> Estimate:
    """By least squares; its error from the scatter of cells around the line, n − 2 degrees."""
    x, y = logs(flops, error)
    fit = scipy_stats.linregress(x, y)
    return Estimate(float(fit.slope), float(fit.stderr), len(x) - 2)


def _breaks(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(breaks (k,), a line's base (n, 2), what each hinge adds to it (k, n)), of unit length."""
    inner = np.unique(np.sort(x)[SIDE - 1 : len(x) - SIDE + 1])
    inner = inner[(inner > x.min()) & (inner < x.max())]
    if not len(inner):
        raise InputError(
            f"no break has {SIDE} cells on each side: cells of other FLOPs are missing"
        )
    base, _ = np.linalg.qr(np.stack([np.ones_like(x), x], axis=1))
    hinges = np.maximum(0, x - inner[:, None])
    hinges = hinges - hinges @ base @ base.T
    return inner, base, hinges / np.linalg.norm(hinges, axis=1, keepdims=True)


def _f(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """F of every break against the line, (breaks, studies); y: (n, studies)."""
    _, base, hinges = _breaks(x)
    left = y - base @ (base.T @ y)
    total, drop = (left**2).sum(axis=0), (hinges @ left) ** 2
    return drop / np.maximum(total - drop, 1e-12 * total) * (len(x) - 3)


def hinge(flops: ArrayLike, error: ArrayLike) -> Hinge:
    """The best fit with one break, at the FLOPs of a cell that has `SIDE` cells on each side."""
    x, y = logs(flops, error)
    found = _f(x, y[:, None])[:, 0]
    at = _breaks(x)[0][found.argmax()]
    columns = np.stack([np.ones_like(x), x - at, np.maximum(0, x - at)], axis=1)
    level, below, change = np.linalg.lstsq(columns, y, rcond=None)[0]
    return Hinge(10**at, float(level), float(below), float(below + change), float(found.max()))


def null(flops: ArrayLike, studies: int = STUDIES, seed: int = SEED) -> np.ndarray:
    """sup-F of simulated studies without a break, (studies,).

    Normal scatter of any size around any line, for sup-F depends on neither.
    """
    x, _ = logs(flops, np.ones(np.shape(flops)))
    return _f(x, np.random.default_rng(seed).normal(size=(len(x), studies))).max(axis=0)


def break_p(flops: ArrayLike, error: ArrayLike, studies: int = STUDIES, seed: int = SEED) -> float:
    """p of the line having no break, which was searched for: an ordinary F would be too small."""
    reached = (null(flops, studies, seed) >= hinge(flops, error).f).sum()
    return float((1 + reached) / (1 + studies))


def visible_break(flops: ArrayLike, deviation: float, level: float, seed: int = SEED) -> float:
    """The smallest change of slope at the middle break that is told from none, with `POWER`."""
    x, _ = logs(flops, np.ones(np.shape(flops)))
    noise = deviation * np.random.default_rng(seed + 1).normal(size=(len(x), 1000))
    inner = _breaks(x)[0]
    bend = np.maximum(0, x - inner[len(inner) // 2])[:, None]
    limit = np.quantile(null(flops, seed=seed), 1 - level)
    lacking = lambda size: POWER - (_f(x, size * bend + noise).max(axis=0) > limit).mean()  # noqa: E731
    return float(optimize.brentq(lacking, 0, 1000 * deviation, xtol=1e-4)) if deviation else 0.0


def second_difference(errors: ArrayLike) -> Estimate:
    """Error at the first − 2 × at the second + at the third of equal steps; above 0: diminishing.

    errors: (networks, 3), in percent. In points; its error from the scatter over networks.
    """
    found = np.asarray(errors, dtype=float)
    if found.ndim != 2 or found.shape[1] != 3 or len(found) < 2:
        raise InputError(f"errors are {found.shape}: two networks or more at three resolutions")
    bends = found @ [1, -2, 1]
    return Estimate(
        float(bends.mean()), float(bends.std(ddof=1) / len(bends) ** 0.5), len(bends) - 1
    )
