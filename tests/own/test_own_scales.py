"""Which dimension pays: equal costs, parts without overlap, honest errors, one command."""

import numpy as np
import pytest
from PIL import Image
from scipy import stats as scipy_stats

from rslib.__main__ import main
from rslib.config import InputError
from rslib.costs import count_recipe
from rslib.data import images as sets
from rslib.data import own as own_images
from rslib.evidence import gains
from rslib.own import scales
from rslib.own.asked import Asked
from rslib.recipes.dimensions import Size, larger

OF = {"bag": 40, "trouser": 40, "sneaker": 30}
TINY = ["--model", "resnet_rs_26", "--width", "0.0625", "--resolution", "32", "--epochs", "2"]
TINY += ["--batch", "8", "--seeds", "2", "--device", "cpu", "--threads", "1"]


@pytest.fixture(scope="module")
def clothes(tmp_path_factory):
    root = tmp_path_factory.mktemp("scales") / "clothes"
    train, _, classes = sets.embedded()
    for name, count in OF.items():
        (root / name).mkdir(parents=True)
        for at in np.flatnonzero(train.labels == classes.index(name))[:count]:
            picture = train.image(int(at)).permute(1, 2, 0).numpy()
            Image.fromarray(picture).save(root / name / f"{at}.png")
    return root


@pytest.fixture(scope="module")
def opened(clothes):
    return own_images.opened(own_images.listed(clothes), 0.1, 1)


@pytest.mark.parametrize("base", [Size(26, 0.25, 64), Size(50, 1.0, 160)])
def test_each_dimension_costs_about_twice_as_much(base):
    asked = Asked(folder=".")
    recipe = scales.recipe_of(asked, base, 10_000)
    flops = count_recipe(recipe).flops
    for size in larger(base).values():
        grown = scales.recipe_of(asked, size, 10_000, recipe.model.stem_stride)
        assert 1.6 < count_recipe(grown).flops / flops < 2.5
        assert grown.optim == recipe.optim  # one schedule, batch and rate for all
    with pytest.raises(InputError, match="no network is deeper"):
        larger(base._replace(depth=420))


def test_no_image_is_in_two_parts_and_classes_keep_their_shares(opened):
    parts = scales.parts(opened, 3, len(opened.train) // 3)
    names = [set(part.train.names) for part in parts]
    assert not names[0] & names[1] and not names[0] & names[2] and not names[1] & names[2]
    assert {tuple(np.bincount(part.train.labels)) for part in parts} == {(12, 9, 12)}
    assert len({part.manifest["sha256"] for part in parts}) == 3  # so that each is a run of its own
    assert all(len(part.test) == 0 for part in parts)


def asking(clothes, opened, folder, seeds=2, hours=1.0):
    sizes = {"base": Size(26, 0.0625, 32), "width": Size(26, 0.0884, 32)}
    asked = Asked(folder=clothes, epochs=10, batch=8, max_hours=hours)
    return scales.Question(asked, sizes, seeds, opened, "cpu", folder)


def test_the_most_images_that_fit_the_hours_and_the_same_ones_again(
    clothes, opened, tmp_path, monkeypatch
):
    monkeypatch.setattr(scales, "image_seconds", lambda job, device: 1.0)
    monkeypatch.setattr(scales, "LEAST_IMAGES", 5)
    said = []
    # 2 networks, 2 seeds, 10 epochs of 49 images: about 2,000 s; of 24: about 1,000
    jobs = scales.fitting(asking(clothes, opened, tmp_path), said.append)
    assert [(job.row.id, job.seed) for job in jobs[:3]] == [("base", 1), ("width", 1), ("base", 2)]
    fewer = scales.fitting(asking(clothes, opened, tmp_path, hours=0.5), said.append)
    many = [each[0].data.manifest["train"] for each in (jobs, fewer)]
    assert len(jobs) == len(fewer) == 4 and many[0] in (47, 48, 49) and many[1] in (22, 23, 24)
    monkeypatch.setattr(scales, "image_seconds", lambda job, device: 100.0)  # a busy machine
    again = scales.fitting(asking(clothes, opened, tmp_path), said.append)
    assert [job.run_id for job in again] == [job.run_id for job in jobs]
    with pytest.raises(InputError, match="hours are more than max_hours"):
        scales.fitting(asking(clothes, opened, tmp_path, hours=0.01), said.append)
    with pytest.raises(InputError, match="20 parts of fewer than 15, 5 a class"):
        scales.fitting(asking(clothes, opened, tmp_path, seeds=20), said.append)


def test_the_pooled_scatter_is_that_of_a_two_way_analysis_of_variance():
    top1 = np.random.default_rng(0).normal(size=(2, 7))
    paired = (top1[1] - top1[0]).var(ddof=1)  # of two networks it is that of the pairs
    assert gains.pooled(top1) == pytest.approx((paired, 6))


def test_intervals_cover_and_nothing_pays_too_often_where_nothing_does(monkeypatch):
    """2,000 comparisons of four networks over three seeds, with subset effects and few images."""
    monkeypatch.setattr(gains, "visible", lambda effect, level: 0.0)  # slow, and not looked at
    rng, studies, seeds, images = np.random.default_rng(1), 2000, 3, 60
    covered, shown = 0, 0
    for _ in range(studies):
        image, subset = rng.normal(0, 25, images), rng.normal(0, 3, (1, seeds, 1))
        own = rng.normal(0, 2, (4, seeds, 1)) + rng.normal(0, 10, (4, 1, images))
        right = 60 + image + subset + own + rng.normal(0, 30, (4, seeds, images))
        found = gains.judged(right, ["depth", "width", "resolution"], (1, 2, 3))
        shown += any(gain.verdict != "undecided" for gain in found)
        covered += sum(gain.effect.holds(0.0) for gain in found)
    assert covered / (3 * studies) > 0.94
    assert shown <= scipy_stats.binom.isf(1e-3, studies, 0.05)  # at most 5 %, but for chance


def test_a_large_gain_pays():
    rng = np.random.default_rng(2)
    right = rng.normal(50, 5, (4, 3, 200))
    right[2] += 20
    found = gains.judged(right, ["depth", "width", "resolution"], (1, 2, 3))
    assert [gain.verdict for gain in found] == ["undecided", gains.PAYS, "undecided"]
    assert 0 < found[1].visible < 20


def test_one_command_ends_in_a_page_and_trains_nothing_twice(clothes, tmp_path, capsys):
    words = ["scales", str(clothes), *TINY, "--runs-dir", str(tmp_path)]
    assert main(words) == 0
    page = tmp_path / "scales" / "clothes" / "scales.md"
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"the page: {page}" and any(line.startswith("8 runs, ") for line in said)
    text = page.read_text(encoding="utf-8")
    assert "| more resolution | 26 | 0.0625 | 48 |" in text and "scales.png" in text
    assert (page.parent / "scales.png").stat().st_size > 5_000
    results = sorted((tmp_path / "scales").glob("*/attempt-*/result.json"))
    assert len(results) == 8
    assert main(words) == 0 and page.read_text(encoding="utf-8") == text
    assert sorted((tmp_path / "scales").glob("*/attempt-*/result.json")) == results


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seeds", "1"], "seeds"),
        (["--model", "resnet_rs_420"], "no network is deeper than resnet_rs_420"),
        (["--max-hours", "0"], "max_hours is 0"),
        (["--seeds", "40"], "at most 20"),
    ],
)
def test_bad_options_end_in_one_line(clothes, tmp_path, options, says, capsys):
    code = main(["scales", str(clothes), *TINY, *options, "--runs-dir", str(tmp_path)])
    error = capsys.readouterr().err
    assert code == 1 and says in error and error.count("\n") == 1
    assert not list(tmp_path.glob("scales/*"))


def test_options_that_mean_nothing_here_are_refused(clothes):
    with pytest.raises(InputError, match="scales has no grid; leave it out"):
        scales.scales(clothes, grid="lr=0.1")
    with pytest.raises(InputError, match="scales has no option 'epoch'; did you mean"):
        scales.scales(clothes, epoch=3)
