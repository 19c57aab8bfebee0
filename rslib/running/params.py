"""The parameters that every notebook and `python -m rslib run` share, checked before anything runs.

papermill itself only logs a misspelt parameter and goes on with the default, and hands lists and
words over as strings; here each ends in one line.
"""

import ast
import json
from dataclasses import dataclass, field, fields

from rslib.config import InputError, count, suggest

MOST_HOURS = 1_000_000
EXECUTORS = ("local", "inline", "ray")


@dataclass(frozen=True, kw_only=True)
class Params:
    scale: str = "auto"
    epochs: int | None = None
    seeds: int = 1
    rows: list = field(default_factory=list)
    dataset: str = ""
    data_dir: str = ""
    runs_dir: str = ""
    device: str = "auto"
    executor: str = "local"
    reuse: bool = True
    compile: bool = False
    max_hours: float | None = None
    threads: int = 1
    workers: int | None = None

    def __post_init__(self):
        from rslib.recipes.scales import NAMES

        _choice("scale", self.scale, ("auto", *NAMES))
        _choice("executor", self.executor, EXECUTORS)
        for name in ("dataset", "data_dir", "runs_dir", "device"):
            object.__setattr__(self, name, text(name, getattr(self, name)))
        _whole("epochs", self.epochs, at_least=1, optional=True)
        _whole("seeds", self.seeds, at_least=0)
        _whole("threads", self.threads, at_least=1)
        _whole("workers", self.workers, at_least=0, optional=True)
        for name in ("reuse", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} is {getattr(self, name)!r}; give True or False")
        hours = self.max_hours
        if hours is not None and not (type(hours) in (int, float) and 0 < hours <= MOST_HOURS):
            raise InputError(f"max_hours is {hours!r:.40}; give a number of hours above 0")
        object.__setattr__(self, "rows", _words("rows", self.rows))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the runs of a row, each its seed: from 1; 0 alone is a pilot."""
        return tuple(range(1, self.seeds + 1)) or (0,)

    @property
    def trains(self):
        """A notebook that names neither scale nor epochs shows what is recorded."""
        return self.scale != "auto" or self.epochs is not None


@dataclass(frozen=True, kw_only=True)
class Profiling:
    """The parameters of notebooks that measure this machine instead of training."""

    device: str = ""
    variants: list = field(default_factory=list)
    runs_dir: str = ""

    def __post_init__(self):
        _choice("device", self.device, ("", "auto", "cpu", "cuda"))
        object.__setattr__(self, "runs_dir", text("runs_dir", self.runs_dir))
        object.__setattr__(self, "variants", _words("variants", self.variants))


@dataclass(frozen=True, kw_only=True)
class Looking:
    """The parameters of the notebook that looks at images."""

    dataset: str = ""
    data_dir: str = ""
    sample: int = 1000

    def __post_init__(self):
        for name in ("dataset", "data_dir"):
            object.__setattr__(self, name, text(name, getattr(self, name)))
        if self.data_dir and not self.dataset:
            raise InputError(f"data_dir is {self.data_dir}; say as dataset what it holds")
        _whole("sample", self.sample, at_least=0)


def from_namespace(namespace, kind=Params):
    """The parameters of a notebook: its variables of those names, after a look at the injected.

    papermill's injected cell is found in IPython's own record of what was run, so that a variable
    of a later cell is never taken for a parameter.
    """
    known = [f.name for f in fields(kind)]
    injected = [c for c in namespace.get("In", []) if c.strip().split("\n")[0] == "# Parameters"]
    for cell in injected[-1:]:
        for statement in ast.parse(cell).body:
            for target in getattr(statement, "targets", []):
                name = ast.unparse(target)
                if name not in known:
                    raise InputError(f"unknown parameter {name!r}{suggest(name, known)}")
    return kind(**{name: namespace[name] for name in known if name in namespace})


def _choice(name, value, choices):
    if value not in choices:
        raise InputError(f"{name} is {value!r}{suggest(value, choices)}")


def _whole(name, value, *, at_least, optional=False):
    count(name, value, at_least, optional=optional)


def text(name: str, value: object) -> str:
    """A word; papermill makes a number of one that looks like it, such as a folder's name."""
    if type(value) in (int, float):
        return str(value)
    if not isinstance(value, str):
        raise InputError(f"{name} is {value!r}; give a word")
    return value


def _words(name, value):
    """A list of words, also where it came as JSON or with commas: '["ema"]', 'cosine,ema'."""
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = None
        if not isinstance(found, str | list):  # one word may look like a number
            found = [word.strip() for word in value.split(",") if word.strip()]
        value = [found] if isinstance(found, str) else found
    value = [value] if type(value) in (int, float) else value
    if isinstance(value, list | tuple):
        value = [str(word) if type(word) in (int, float) else word for word in value]
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise InputError(f'{name} is {value!r}; give a list of words, e.g. \'["cosine", "ema"]\'')
    return list(value)
