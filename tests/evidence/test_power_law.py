"""Error over FLOPs: the line, the break in it, the scatter around it, against other software."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats as scipy_stats

from rslib.config import InputError
from rslib.evidence import power_law, scatter

RNG = np.random.default_rng
# multiply-adds of the reduced grid go as width² × depth × side², nearly
FLOPS = np.array(
    [w**2 * d * s**2 for w in (1, 2, 4) for d in (26, 50, 101) for s in (16, 24, 32)], dtype=float
)
X = np.log10(FLOPS)


def drawn(rng, *, slope=-0.1, at=None, change=0.0, deviation=0.02, studies=None):
    """Errors in percent, (cells,) or (cells, studies), along a line that may break."""
    line = 2 + slope * (X - X.min())
    if at is not None:
        line = line + change * np.maximum(0, X - at)
    if studies:
        line = line[:, None]
    return 10 ** (line + rng.normal(0, deviation, (len(X), studies) if studies else len(X)))


def test_the_slope_is_that_of_statsmodels():
    error = drawn(RNG(0))
    fit = sm.OLS(np.log10(error), sm.add_constant(X)).fit()
    found = power_law.slope(FLOPS, error)
    assert found.value == pytest.approx(fit.params[1])
    assert found.interval() == pytest.approx(tuple(fit.conf_int()[1]))
    assert found.p() == pytest.approx(fit.pvalues[1])
    assert power_law.residuals(FLOPS, error) == pytest.approx(fit.resid)


def test_the_hinge_is_the_best_of_statsmodels_fits():
    error = drawn(RNG(1), at=np.median(X), change=0.08)
    line = sm.OLS(np.log10(error), sm.add_constant(X)).fit()
    fits = {}
    for at in np.unique(np.sort(X)[3:-3]):  # four cells on each side, with the one at the break
        columns = np.stack([np.ones_like(X), X - at, np.maximum(0, X - at)], axis=1)
        fit = sm.OLS(np.log10(error), columns).fit()
        fits[at] = fit, fit.compare_f_test(line)[0]
    at = max(fits, key=lambda at: fits[at][1])
    fit, f = fits[at]
    found = power_law.hinge(FLOPS, error)
    assert np.log10(found.at) == pytest.approx(at) and found.f == pytest.approx(f)
    assert (found.level, found.below) == pytest.approx(tuple(fit.params[:2]))
    assert found.above - found.below == pytest.approx(fit.params[2])
    assert found.error(FLOPS) == pytest.approx(10**fit.fittedvalues)


def test_a_break_without_scatter_is_found_exactly():
    at = np.sort(X)[13]
    error = drawn(RNG(0), slope=-0.2, at=at, change=0.15, deviation=0.0)
    found = power_law.hinge(FLOPS, error)
    assert np.log10(found.at) == pytest.approx(at)
    assert (found.below, found.above) == pytest.approx((-0.2, -0.05))
    assert power_law.break_p(FLOPS, error, studies=2000) == pytest.approx(1 / 2001)


def test_five_of_100_studies_without_a_break_show_one():
    """An ordinary F, for a break that was searched for, would show it in more than ten."""
    errors = drawn(RNG(11), studies=500)
    limit = np.quantile(power_law.null(FLOPS), 0.95)
    reached = [power_law.hinge(FLOPS, error).f for error in errors.T]
    assert 0.03 <= np.mean(np.array(reached) > limit) <= 0.06
    ordinary = scipy_stats.f.isf(0.05, 1, len(X) - 3)
    assert np.mean(np.array(reached) > ordinary) > 0.10


def test_p_is_the_share_of_the_null_above():
    error = drawn(RNG(4), at=np.median(X), change=0.02)
    found = power_law.break_p(FLOPS, error, studies=2000)
    above = (power_law.null(FLOPS, 2000) >= power_law.hinge(FLOPS, error).f).mean()
    assert found == pytest.approx(above, abs=1e-3)
    assert found == power_law.break_p(FLOPS, 3 * error, studies=2000)  # whatever the level
    assert found == power_law.break_p(1e6 * FLOPS, error, studies=2000)


def test_the_smallest_visible_break_is_seen_in_80_of_100_studies():
    size = power_law.visible_break(FLOPS, 0.03, 0.0125)
    inner = np.unique(np.sort(X)[3:-3])
    errors = drawn(RNG(5), at=inner[len(inner) // 2], change=size, deviation=0.03, studies=600)
    limit = np.quantile(power_law.null(FLOPS), 1 - 0.0125)
    seen = [power_law.hinge(FLOPS, error).f > limit for error in errors.T]
    assert np.mean(seen) == pytest.approx(0.80, abs=0.05)
    assert power_law.visible_break(FLOPS, 0.0, 0.05) == 0


def test_the_second_difference_is_above_zero_where_returns_diminish():
    found = power_law.second_difference([[60, 50, 48], [50, 44, 42], [40, 36, 34]])
    assert found.value == pytest.approx((8 + 4 + 2) / 3)
    assert found.error == pytest.approx(np.std([8, 4, 2], ddof=1) / 3**0.5) and found.df == 2
    assert power_law.second_difference([[60, 50, 40], [30, 20, 10]]).value == 0


def test_equal_flops_are_within_a_factor_of_the_least():
    flops = [100, 300, 125, 126, 156, 157.6]
    assert list(scatter.equal_flops(flops)) == [0, 3, 0, 1, 1, 2]
    groups = scatter.equal_flops(FLOPS)
    assert all(np.ptp(X[groups == g]) <= np.log10(1.25) + 1e-12 for g in set(groups))


def test_the_spread_is_that_of_group_means_in_statsmodels():
    error, groups = drawn(RNG(6), deviation=0.05), scatter.equal_flops(FLOPS)
    columns = (groups[:, None] == np.unique(groups)).astype(float)
    fit = sm.OLS(power_law.residuals(FLOPS, error), columns).fit()
    found = scatter.spread(FLOPS, error, groups)
    assert found == pytest.approx((fit.mse_resid**0.5, fit.df_resid))


def test_pure_error_leaves_out_networks_and_blocks():
    rng = RNG(7)
    level = rng.normal(0, 1, (3, 1)) + rng.normal(0, 1, (1, 4))
    assert scatter.pure(10**level).deviation == pytest.approx(0, abs=1e-12)
    found = [scatter.pure(10 ** (level + rng.normal(0, 0.03, (3, 4)))) for _ in range(2000)]
    assert found[0].df == 6
    assert np.mean([f.deviation**2 for f in found]) ** 0.5 == pytest.approx(0.03, rel=0.03)


def test_the_spread_is_told_from_chance_as_often_as_it_is_said():
    rng, spread_df, chance_df, level = RNG(8), 14, 6, 0.05
    size = scatter.visible_ratio(spread_df, chance_df, level)

    def share(ratio):
        above = ratio * (rng.chisquare(spread_df, 4000) / spread_df) ** 0.5
        below = (rng.chisquare(chance_df, 4000) / chance_df) ** 0.5
        pairs = zip(above, below, strict=True)
        made = ((scatter.Scatter(a, spread_df), scatter.Scatter(b, chance_df)) for a, b in pairs)
        return np.mean([scatter.larger_p(a, b) < level for a, b in made])

    assert share(1) == pytest.approx(0.05, abs=0.012)
    assert share(size) == pytest.approx(0.80, abs=0.025)
    assert scatter.larger_p(scatter.Scatter(0.1, 3), scatter.Scatter(0.0, 3)) == 0


@pytest.mark.parametrize(
    ("flops", "error", "message"),
    [
        (FLOPS[:5], np.ones(5), "5 cells have an error, a fit needs 8: 3 are missing"),
        (FLOPS, np.ones(3), "one of each a cell"),
        (FLOPS, 0 * FLOPS, "above 0"),
        (FLOPS, np.nan * FLOPS, "finite"),
        (np.ones(9), np.ones(9), "the same FLOPs"),
        (np.array([1] * 8 + [2] * 3), np.ones(11), "no break has 4 cells on each side"),
    ],
)
def test_what_cannot_be_fitted_says_so_in_one_line(flops, error, message):
    with pytest.raises(InputError, match=message) as raised:
        power_law.hinge(flops, error)
    assert "\n" not in str(raised.value)


def test_what_has_no_spread_says_so():
    with pytest.raises(InputError, match="no two cells have equal FLOPs"):
        scatter.spread(10.0 ** np.arange(8), np.ones(8), np.arange(8))
    with pytest.raises(InputError, match="two networks and two blocks"):
        scatter.pure([[40, 41, 42]])
    with pytest.raises(InputError, match="three resolutions"):
        power_law.second_difference([[40, 41]])
