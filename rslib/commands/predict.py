"""rslib predict RUN FILE…: the class of new images."""

import argparse
import os
from pathlib import Path

from rslib import commands, config, paths
from rslib.commands import number
from rslib.config import InputError
from rslib.system import output

HELP = "the class of new images, by a run that train has finished"


def options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("run", help="its folder, as train names it at its end")
    add("files", nargs="+", metavar="FILE", help="images, or folders of them")
    add("--to", help="write a CSV, such as predictions.csv, in place of lines")
    add("--top", type=number, default=5, help="classes of each image; default 5")
    commands.device(parser)


def main(options: argparse.Namespace) -> int:
    top = config.count("top", options.top, 1, shown=str)
    to = paths.expanded(options.to) if options.to else None
    if to and not to.parent.is_dir():
        raise InputError(f"no folder {to.parent}; make it first")
    paths.existing(options.run, "train one first: rslib train FOLDER")
    if not any(os.path.lexists(paths.expanded(file)) for file in options.files):
        raise InputError(f"no file {options.files[0]}; name an image, or a folder of some")

    from rslib.own import classifier  # after what needs no torch, whose import takes seconds

    run = classifier.load(options.run, device=options.device)
    found = run.predict(options.files, top=top, watched=True)
    if to:
        keep(found, to, min(top, len(run.classes)))
    else:
        for one in found:
            if one.classes:
                best = zip(one.classes, one.probabilities, strict=True)
                print(f"{one.file}  {', '.join(f'{name} {share:.1%}' for name, share in best)}")
    broken = [one for one in found if one.error]
    for one in broken:
        output.complain(f"rslib: {one.file} cannot be read ({one.error})")
    if to:
        print(f"{len(found) - len(broken):,} predictions, {len(broken):,} errors in {to}")
    return commands.BAD_INPUT if broken else commands.DONE


def keep(found: list, to: Path, top: int) -> None:
    """One CSV of path,class,probability,class_2,… and error, written whole or not at all."""
    from rslib.atomic import write_atomically
    from rslib.report.judged import table

    ranks = ["", *(f"_{rank}" for rank in range(2, top + 1))]
    rows = [["path", *(f"{n}{rank}" for rank in ranks for n in ("class", "probability")), "error"]]
    for one in found:
        pairs = zip(one.classes, one.probabilities, strict=True)
        cells = [cell for name, share in pairs for cell in (name, f"{share:.6f}")]
        rows.append([one.file, *(cells or [""] * 2 * top), one.error])
    try:
        write_atomically(to, table(rows).encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise InputError(f"{to} cannot be written ({error.strerror}); name another") from error
