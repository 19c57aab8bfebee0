"""The scaling explorer's numbers: the committed page against counts, results and the paper."""

import csv
import hashlib
import json
import re
from statistics import median

import pytest

from rslib import paths
from rslib.config import InputError, evolve
from rslib.costs import counts
from rslib.evidence import devices, prices
from rslib.paths import ROOT
from rslib.recipes import resnet_rs, scaling
from rslib.report import explorer
from rslib.report.hours import table

PAGE = (ROOT / "book/explorer.md").read_text()
MADE = (ROOT / "book/generated/explorer.md").read_text()
DATA = json.loads(re.search(r'id="explorer-data">\n(.*?)</script>', MADE, re.DOTALL)[1])
STATIC = ROOT / "book/_static"
SCRIPTS = "".join((STATIC / name).read_text() for name in ("explorer.js", "pareto.js"))


def lines(name):
    with open(paths.PAPER / name) as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("family", "depth", "width", "resolution"),
    [("resnet_rs", 152, 1.0, 256), ("resnet_rs", 50, 2.0, 128), ("resnet", 270, 0.25, 448)],
)
def test_a_configuration_has_its_counts(family, depth, width, resolution):
    recipe = scaling.appendix_e(depth, width, resolution)
    if family == "resnet_rs":
        recipe = evolve(resnet_rs.recipe(depth, resolution), {"model.width": width})
    alone = counts.count_recipe(recipe)
    found = DATA["configurations"][family][f"{width:g}"][str(depth)]
    assert found["parameters"] == alone.parameters
    assert found["flops"][DATA["resolutions"].index(resolution)] == alone.flops


def test_the_choices_are_all_that_the_paper_scales():
    assert {*DATA["grid"]["depths"], 152, 270, 420} == {
        int(depth) for depth in DATA["configurations"]["resnet_rs"]["1"]
    }
    ours = [row for row in lines("table7.csv") if row["model"].startswith("ResNet-RS")]
    assert {128, 160, 224, 320, 448, *(int(row["resolution"]) for row in ours)} == set(
        DATA["resolutions"]
    )


def test_regularization_is_the_papers():
    for row in lines("table8.csv"):
        found = DATA["regularization"]["table_8"][row["depth"]][row["resolution"]]
        assert found["dropout"] == float(row["dropout_rate"])
        assert found["stochastic_depth"] == float(row["stochastic_depth_rate"])
        assert found["randaugment"] == float(row["randaugment_magnitude"])
    appendix = DATA["regularization"]["appendix_e"]
    for row in lines("table12.csv"):
        of_width = appendix[f"{float(row['filter_scaling']):g}"]
        assert {one["dropout"] for one in of_width.values()} == {float(row["dropout_rate"])}
    assert [appendix["1"][side]["randaugment"] for side in ("160", "320", "448")] == [10, 15, 20]
    assert appendix["0.25"]["448"]["stochastic_depth"] == 0
    assert appendix["0.5"]["224"]["stochastic_depth"] == 0.2


def test_what_the_paper_printed_is_kept():
    v100, tpu = DATA["devices"][:2]
    for row in lines("table7.csv"):
        name = f"{row['model'].lower().replace('-', '_')}@{row['resolution']}"
        point = DATA["points"][name]
        assert point["top1"] == float(row["top1"]) and point["printed"]["top1"] == row["top1"]
        assert v100["networks"][name]["seconds"] == float(row["v100_latency_s"])
        assert f"{row['v100_latency_s']} s" in v100["networks"][name]["step"]
        assert tpu["networks"][name]["seconds"] == float(row["tpu_latency_ms"]) / 1000
    assert len(DATA["points"]) == len(lines("table7.csv"))
    memory = [one["gigabytes_of_32"] for one in tpu["networks"].values() if len(one) == 6]
    assert sorted(memory) == sorted(float(row["tpu_memory_gb"]) for row in lines("table3.csv"))


def test_what_was_measured_is_that_of_the_recorded_files_and_no_more():
    shown = {}
    for device in DATA["devices"][2:]:
        for name, costs in device["networks"].items():
            shown[device["device"], device["variant"], name] = costs["seconds"]
    recorded = {}
    for file in (paths.RESULTS / "profile").glob("*.json"):
        held = json.loads(file.read_text())["measurements"]
        for one in held:
            name = f"{one['model']}@{one['resolution']}"
            if one["fits"] and name in DATA["points"]:
                seconds = median(one["block_seconds"]) * 128 / one["images"]
                recorded[devices.name(held), one["variant"], name] = pytest.approx(seconds)
    assert shown == recorded and recorded


def test_hours_are_350_epochs_of_the_images_that_train():
    v100, tpu = (one["networks"]["resnet_rs_200@256"] for one in DATA["devices"][:2])
    images = 350 * 1_256_145
    assert v100["hours"] == pytest.approx(images * 2.86 / 128 / 3600)
    assert tpu["hours"] == pytest.approx(images * 0.570 / 1024 / 3600)  # eight cores at once
    assert v100["in_words"] == "2,729 hours (113.7 days)"
    assert "350 epochs of 1,256,145 images" in PAGE


def test_the_solutions_have_the_pages_numbers():
    """Of this page's first exercise, and of Figure 3's."""
    sides, resnet = DATA["resolutions"], DATA["configurations"]["resnet"]
    once, twice, deep = resnet["1"]["101"], resnet["2"]["101"], resnet["1"]["200"]
    at_160, at_320, at_224 = (sides.index(side) for side in (160, 320, 224))
    assert twice["flops"][at_160] / once["flops"][at_160] == pytest.approx(4, rel=0.02)
    assert once["flops"][at_320] / once["flops"][at_160] == pytest.approx(4, rel=0.02)
    assert 3.8 < twice["parameters"] / once["parameters"] < 4
    said = re.sub(r"\n# ", " ", (ROOT / "notebooks/figure3.py").read_text())
    for network, text in ((twice, "{:.0f} million parameters"), (deep, "{:.1f} million and")):
        assert text.format(network["parameters"] / 1e6) in said
        assert f"{network['flops'][at_224] / 1e9:.1f} billion" in said


def test_a_price_goes_with_its_device(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text("device,per_hour,currency,date\nV100 (paper),2.5,EUR,2026-01-31\n")
    found = explorer.on_devices({}, prices.read(file))
    assert found[0]["price"] == {
        "per_hour": 2.5,
        "spot": None,
        "currency": "EUR",
        "date": "2026-01-31",
    }
    assert found[1]["price"] is None


def test_hours_become_money_where_there_is_a_price():
    lines = {"resnet_rs_200@256": "RS-200"}
    found = explorer.on_devices({}, {})
    assert "| RS-200 | V100 (paper), fp32 | 2,730 |\n" in table(found, lines)
    euros = {"per_hour": 2.5, "spot": 1.0, "currency": "EUR", "date": "2026-01-31"}
    shown = table([found[0] | {"price": euros}, found[1]], lines)
    assert (
        "| 2,730 | 6,820 on demand or 2,730 spot (EUR, 2026-01-31) |\n" in shown
        and shown.count("no price") == 1
    )


def test_the_months_in_prose_are_the_hours_of_the_table():
    v100 = explorer.on_devices({}, {})[0]
    assert v100["device"] == "V100 (paper)"
    months = v100["networks"]["resnet_rs_200@256"]["hours"] / (365.25 / 12 * 24)
    pages = [paths.ROOT / "README.md", *(paths.ROOT / "book").glob("*.md")]
    said = [
        int(number)
        for page in pages
        for number in re.findall(r"(\d+) months (?:per|on)", page.read_text(encoding="utf-8"))
    ]
    assert len(said) == 4 and set(said) == {round(months)}


def test_the_prices_that_the_page_shows_can_be_read(tmp_path):
    (example,) = re.findall(r"^```text\n(device,.+?)^```", PAGE, re.DOTALL | re.MULTILINE)
    head = example.splitlines()[0]
    assert prices.FILE.read_text(encoding="utf-8").splitlines()[0] == head
    (tmp_path / "prices.csv").write_text(example, encoding="utf-8")
    found = explorer.on_devices({}, prices.read(tmp_path / "prices.csv"))
    assert [one["price"]["spot"] for one in found] == [0.6, None]
    assert all(one["price"]["currency"] == "EUR" for one in found)


@pytest.mark.parametrize("line", ["V100 (paper),2.5,EUR,soon", "V100 (paper),-1,EUR,2026-01-31"])
def test_what_is_no_price_is_refused(line, tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text(f"device,per_hour,currency,date\n{line}\n")
    with pytest.raises(InputError, match="is no price"):
        prices.read(file)


def test_a_price_of_an_unknown_device_is_refused():
    with pytest.raises(InputError, match=r"no device 'H100' is recorded; .*V100 \(paper\)"):
        explorer.on_devices({}, {"H100": {"per_hour": 2.0, "currency": "EUR", "date": ""}})


def test_the_file_of_prices_can_be_read():
    explorer.on_devices(devices.recorded(), prices.read())


def test_the_scripts_find_what_they_write_to():
    ids = set(re.findall(r'\bid="([\w-]+)"|^:name: (strengths)$', PAGE + MADE, re.MULTILINE))
    ids = {id for pair in ids for id in pair}
    assert set(re.findall(r'byId\("([\w-]+)"\)', SCRIPTS)) <= ids
    (listed,) = re.findall(r"const METHODS = (\[[^\]]+\]);", SCRIPTS)
    lines = PAGE.partition(":name: strengths\n")[2].partition(":::")[0].splitlines()[3:]
    methods = [line.split("|")[1].strip().lower().replace(" ", "_") for line in lines]
    assert methods == json.loads(listed) == list(DATA["regularization"]["table_8"]["50"]["160"])
    labels = re.findall(r"<label[^>]*>", PAGE)
    assert len(labels) == PAGE.count("<select") + PAGE.count("<input")


def test_plot_is_what_the_registry_has_with_its_licence():
    *_, plot, d3 = (STATIC / "plot/VERSIONS").read_text().splitlines()
    for line in (plot, d3):
        file, package, version, _, digest = line.split()
        content = (STATIC / "plot" / file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
        assert f"v{version}".encode() in content[:200]
        licence = STATIC / "plot" / f"LICENSE-{package.rpartition('/')[2]}"
        assert "Permission to use, copy, modify" in licence.read_text()


def test_only_this_page_loads_scripts_and_few():
    loaded = re.findall(r'(?:src|href)="\.\./_static/([^"]+)"', PAGE)
    assert sum((STATIC / name).stat().st_size for name in loaded) + len(MADE) < 600_000
    others = [page for page in (ROOT / "book").glob("*.md") if page.name != "explorer.md"]
    assert not any("<script" in page.read_text() for page in others)
    assert "://" not in SCRIPTS and "fetch(" not in SCRIPTS  # from file:// and without a network
