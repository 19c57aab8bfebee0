"""Class names in their order, as a file, a run or a folder of images has them."""

from pathlib import Path

from rslib.config import InputError
from rslib.data.formats import folders, parts
from rslib.weights import about


def named_by(source: Path) -> list[str]:
    """The classes of a run or of its .safetensors export, of a folder with a folder for each class
    (or with `train/`), or of a text file with a name in each line. Raises InputError."""
    if source.is_dir():
        if (source / about.NAME).is_file():
            return about.of(source)["classes"]
        (train,) = parts.folders_of(source, ("train",))[:1] or ("",)
        names = folders.classes_of(source / train)
    elif source.suffix == ".safetensors":
        return about.of_export(source)["classes"]
    else:
        names = lines_of(source)
    if len(names) < 2 or len(set(names)) < len(names):
        twice = next((name for name in names if names.count(name) > 1), "")
        fault = f"names {twice!r} twice" if twice else f"names {len(names)} classes"
        raise InputError(f"{source} {fault}; give two classes or more, each once")
    return names


def lines_of(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{file} cannot be read as UTF-8 text ({error}); save it so") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
