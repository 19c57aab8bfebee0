"""`python -m rslib data`: what it says of images on disk, and of those that are not right."""

import pytest
from pictures import picture, to_pillow
from PIL import Image
from test_tfrecord import write

from rslib.__main__ import main
from rslib.config import InputError
from rslib.data import images, survey
from rslib.tasks.classify import Classify


@pytest.fixture
def tree(tmp_path):
    """Two classes; a CMYK file, a PNG that is named .jpg, and a truncated file among them."""
    root = tmp_path / "tree"
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            for i in range(3):
                shown = to_pillow(picture(20, 24, seed=i))
                shown.save(root / part / name / f"{i}.jpg")
    Image.open(root / "train/cat/0.jpg").convert("CMYK").save(root / "train/cat/0.jpg")
    to_pillow(picture(20, 24)).save(root / "train/cat/1.jpg", format="PNG")
    whole = (root / "val/dog/2.jpg").read_bytes()
    (root / "val/dog/2.jpg").write_bytes(whole[: len(whole) // 2])
    return root


def test_it_says_what_is_there_and_what_is_odd(tree):
    said = []
    assert survey.survey(images.folder(tree), report=said.append) == 1
    assert said[0] == "2 classes: cat, dog"
    assert said[1] == "training: 6 images, 3 to 3 of each class"
    assert (
        "4 JPEG RGB" in said[2] and "1 JPEG CMYK" in said[2] and "1 PNG RGB named .jpg" in said[2]
    )
    assert said[-2].startswith("  cannot be read: val/dog/2.jpg (")
    assert said[-1].startswith("5 of 6 test images are training images too, as val/cat/0.jpg = ")


def test_a_sample_is_balanced(tree):
    said = []
    survey.survey(images.folder(tree), 2, said.append)
    assert "  2 decoded: " in said[2]


def test_shards_are_compared_with_their_checksums(tmp_path, capsys, monkeypatch):
    write(tmp_path, "tpu")
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (12, 12))
    assert main(["data", "check", "imagenet", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.count("the checksums of 2 shards are right") == 2 and "12 JPEG RGB" in told
    monkeypatch.setattr(images, "IMAGENET_COUNTS", (1_281_167, 50_000))
    assert main(["data", "check", "imagenet", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "this ImageNet has 12 + 12 images; published are 1281167 + 50000: this is not" in told
    assert images.imagenet_counts(1_281_167, 50_000).endswith("as many images as were published")
    file = tmp_path / "validation-00001-of-00002"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert main(["data", "check", "imagenet", str(tmp_path)]) == 1
    assert "wrong checksum of the record at byte" in capsys.readouterr().err


def test_what_is_not_all_of_imagenet_is_told_after_all_that_was_found(tree, capsys):
    assert main(["data", "check", "imagenet", str(tree)]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "1 images cannot be read"
    assert (
        told.err.startswith("rslib: this ImageNet has 6 + 6 images") and told.err.count("\n") == 1
    )


def test_the_shell_ends_with_1_where_an_image_can_not_be_read(tree, capsys):
    assert main(["data", "check", "folder", str(tree)]) == 1
    assert "1 images cannot be read" in capsys.readouterr().out


def test_what_the_shell_builds_can_be_checked(tree, tmp_path, capsys):
    (tree / "val/dog/2.jpg").unlink()
    out = tmp_path / "out"
    assert main(["data", "build", "folder", str(tree), "--to", str(out), "--side", "16"]) == 0
    assert main(["data", "check", "folder", str(out)]) == 0
    assert "6 JPEG RGB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("dataset", "remedy"),
    [
        ("folder", "dataset folder and data_dir {}"),
        ("imagenet", "dataset imagenet, and data_dir or RSLIB_DATA {}"),
    ],
)
def test_it_says_how_to_train_on_what_was_built(dataset, remedy, tree, tmp_path, capsys):
    (tree / "val/dog/2.jpg").unlink()
    out = str(tmp_path / "out")
    assert main(["data", "build", dataset, str(tree), "--to", out, "--side", "16"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"2 shards in {out}; train on them with {remedy.format(out)}"
    main(["data", "check", dataset, out])
    assert "6 JPEG RGB" in capsys.readouterr().out


def test_tars_are_compared_with_what_was_built(tree, tmp_path, capsys):
    (tree / "val/dog/2.jpg").unlink()
    out = tmp_path / "out"
    main(["data", "build", "folder", str(tree), "--to", str(out), "--side", "16"])
    assert main(["data", "check", "folder", str(out)]) == 0
    assert capsys.readouterr().out.count("the checksums of 1 shards are right") == 2
    file = out / "val-00000-of-00001.tar"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # behind the last image: all can be read
    file.write_bytes(content)
    assert main(["data", "check", "folder", str(out)]) == 1
    told = capsys.readouterr().err.strip()
    assert told == f"rslib: {file} has not the SHA-256 in manifest.json; build again"
    assert main(["data", "build", "folder", str(tree), "--to", str(out), "--side", "16"]) == 0
    assert main(["data", "check", "folder", str(out)]) == 0


def test_a_rate_is_told_for_each_step(tree, capsys):
    for number in range(70):
        name = "train/cat/{}.jpg".format
        (tree / name(f"more{number}")).write_bytes((tree / name(2)).read_bytes())
    assert main(["data", "bench", "folder", str(tree), "--side", "16", "--workers", "1"]) == 0
    first, *steps, last = capsys.readouterr().out.splitlines()
    assert first == "76 of 76 training images, on one core:"
    rates = [float(step.split()[0].replace(",", "")) for step in steps]
    assert len(rates) == 4 and rates[0] > rates[1] > rates[2] > 0 and "by 1 workers" in steps[3]
    assert last.startswith("an epoch of 76 images: 0.0 minutes")


def test_four_classes_are_no_imagenet(tree, capsys):
    (tree / "val/dog/2.jpg").unlink()
    assert main(["data", "check", "folder", str(tree)]) == 0
    assert main(["data", "check", "imagenet", str(tree)]) == 1
    told = capsys.readouterr().err.strip()
    assert "has 6 + 5 images" in told and told.endswith("or check it as dataset folder")


@pytest.mark.parametrize(("name", "wrong"), [("none", "does not exist"), ("file", "is no folder")])
@pytest.mark.parametrize("dataset", ["", "imagenet", "cifar10"])
def test_an_environment_that_names_no_folder_is_refused(
    name, wrong, dataset, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RSLIB_DATA", str(tmp_path / name))
    with pytest.raises(InputError, match=rf"RSLIB_DATA is .*{name}, which {wrong}; correct it, or"):
        images.source(Classify.choose_dataset("laptop", dataset, ""))
    with pytest.raises(InputError, match="RSLIB_DATA is"):
        Classify.papers_data("", "")
    assert Classify.choose_dataset("laptop", "", str(tmp_path)) == "folder"
    assert Classify.choose_dataset("laptop", "fashion-mnist", "") == "fashion-mnist"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "folder", "/no/such"], "data_dir /no/such does not exist"),
        (["check", "mnist"], "no dataset 'mnist'"),
        (["check", "fashion-mnist", "--sample", "few"], "sample is few; give a whole number"),
        (["build", "fashion-mnist", "--to", "x", "--side", "big"], "big; give whole pixels"),
        (["build", "fashion-mnist", "--to", "x", "--side", "nan"], "--side is nan; give whole"),
        (["build", "fashion-mnist", "--to", "", "--side", "9"], "--to is empty; name a folder"),
        (
            ["build", "fashion-mnist", "--to", "~nosuchuser/x", "--side", "9"],
            "~nosuchuser/x: no home of",
        ),
        (["bench", "fashion-mnist", "--side", "0"], "0; give whole pixels"),
        (["bench", "fashion-mnist", "--workers", "-1"], "workers is -1; give a whole number"),
        (["bench", "fashion-mnist", "--sample", "9"], "9 images do not fill one batch of 64"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys):
    assert main(["data", *words]) == 1
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and message in told[0]
