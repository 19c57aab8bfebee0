"""Kinetics' lists and files, whole and damaged. Nothing is opened, so that empty files do."""

import csv

import pytest

from rslib.config import InputError
from rslib.data.clips.kinetics import kinetics

# labels as Kinetics has them: an apostrophe, parentheses, a comma in quotes
LABELS = ("massaging person's head", "playing piano", "sticking tongue out (long)", "a, b")
ROWS = [
    (label, youtube_id, start, start + 10, split)
    for split, ids in (("train", ("-abc_DEF-12", "__x-y--z_00")), ("validate", ("--------abc",)))
    for start, label in enumerate(LABELS)
    for youtube_id in ids
]
HEADER = ("label", "youtube_id", "time_start", "time_end", "split", "is_cc")


def lay_out(root, rows=ROWS, folders=None, lacking=(), encoding="utf-8"):
    """A copy. folders: from a label to its folder, or flat; lacking: numbers of absent files."""
    for name, split in (("train", "train"), ("val", "validate")):
        (root / name).mkdir(parents=True)
        with open(root / f"{name}.csv", "w", newline="", encoding=encoding) as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows([*row, 0] for row in rows if row[-1] == split)
    for number, (label, youtube_id, start, end, split) in enumerate(rows):
        folder = (
            root / ("train" if split == "train" else "val") / (folders or (lambda _: ""))(label)
        )
        folder.mkdir(exist_ok=True)
        if number not in lacking:
            (folder / f"{youtube_id}_{start:06d}_{end:06d}.mp4").touch()
    return root


def torchvisions(label):
    return label.replace(" ", "_").replace("'", "").replace("(", "").replace(")", "")


@pytest.mark.parametrize("folders", [None, torchvisions, str])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_flat_and_in_folders(tmp_path, folders, encoding):
    said = []
    train, val, classes = kinetics(
        lay_out(tmp_path, folders=folders, encoding=encoding), said.append
    )
    assert classes == sorted(LABELS)
    assert (len(train), train.listed, len(val), val.listed) == (8, 8, 4, 4)
    assert train.names[:2] == ["-abc_DEF-12_000000_000010", "__x-y--z_00_000000_000010"]
    assert [classes[label] for label in val.labels] == list(LABELS)
    assert all(file.is_absolute() and file.exists() for file in train.files + val.files)
    assert said == [
        "train: 8 of 8 listed clips are found",
        "test: 4 of 4 listed clips are found",
    ]


def test_an_incomplete_copy_is_counted(tmp_path):
    said = []
    root = lay_out(tmp_path, lacking={0, 3, 8})
    (root / "train" / "another_000000_000010.mp4").touch()
    (root / "train" / "notes.txt").touch()
    train, val, _ = kinetics(root, said.append)
    assert (len(train), train.listed, len(val), val.listed) == (6, 8, 3, 4)
    assert said[0] == (
        "train: 6 of 8 listed clips are found; 1 files are not listed (another_000000_000010)"
    )
    assert said[1] == "test: 3 of 4 listed clips are found"


@pytest.mark.parametrize("name", ["validate", "validation"])
def test_other_names_of_the_validation_part(tmp_path, name):
    root = lay_out(tmp_path)
    (root / "annotations").mkdir()
    (root / "val.csv").rename(root / "annotations" / f"{name}.csv")
    (root / "val").rename(root / name)
    assert len(kinetics(root, lambda line: None)[1]) == 4


def test_a_class_of_which_nothing_is_found(tmp_path):
    with pytest.raises(InputError, match=r"no training clip is found of 1 of 4 .*playing piano"):
        kinetics(lay_out(tmp_path, lacking={2, 3}), lambda line: None)


def test_no_file_is_found(tmp_path):
    with pytest.raises(InputError, match=r"of 8 training clips that are listed none is found"):
        kinetics(lay_out(tmp_path, lacking=range(8)), lambda line: None)


def test_unknown_labels_are_few_or_refused(tmp_path):
    strange = ("juggling", "11111111111", 0, 10, "validate")
    with pytest.raises(InputError, match=r"1 of 5 clips of the test list .*\(juggling\)"):
        kinetics(lay_out(tmp_path / "few", [*ROWS, strange]), lambda line: None)
    more = [("a, b", f"{k:011d}", 0, 10, "validate") for k in range(100)]
    said = []
    _, val, _ = kinetics(lay_out(tmp_path / "many", [*ROWS, strange, *more]), said.append)
    assert len(val) == 104 and "left out are 1 of unknown labels (juggling)" in said[1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a label,-id", "line 10"),
        ("a label,-id,ten,20,train,0", "line 10"),
        ("a label,-id,20,10,train,0", "line 10"),
        ("a label,-id,nan,10,train,0", "line 10"),
        (",-id,0,10,train,0", "line 10"),
        ('"a label,-id,0,10,train,0', "cannot be read"),
    ],
)
def test_damaged_lines_are_named(tmp_path, line, told):
    root = lay_out(tmp_path)
    with open(root / "train.csv", "a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=rf"train\.csv.*{told}"):
        kinetics(root, lambda line: None)


def test_lists_that_are_missing_or_others(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        kinetics(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"lacks train\.csv"):
        kinetics(tmp_path)
    root = lay_out(tmp_path / "other")
    (root / "val.csv").write_text("name,start\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"val\.csv has no column label"):
        kinetics(root)
