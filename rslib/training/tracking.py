"""A run's `history.jsonl` in TensorBoard, Weights & Biases or MLflow too, by Ignite's loggers."""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ignite.engine import Engine, Events
from ignite.handlers import MLflowLogger, TensorboardLogger, WandBLogger

from rslib.config import InputError, suggest

TRACKERS = ("tensorboard", "wandb", "mlflow")  # names of their packages too
TAG = "rslib"


def refuse(tracker: str) -> None:
    """Raises InputError for a name that is no tracker's, and where its package is not installed."""
    if tracker and tracker not in TRACKERS:
        raise InputError(f"tracker is {tracker!r}{suggest(tracker, TRACKERS)}")
    if tracker:
        try:
            importlib.import_module(tracker)
        except ImportError as error:
            raise InputError(
                f"tracker {tracker!r} needs a package: pip install {tracker} ({error})"
            ) from error


@contextmanager
def mirrored(tracker: str, trainer: Engine, run_dir: Path) -> Generator[None]:
    """While it lasts, the metrics of the trainer's state go to the tracker after each epoch.

    They are attached here: handlers of the same event that come later are called later. TensorBoard
    writes into `<run_dir>/tensorboard`; the others go where their own settings say.
    """
    if not tracker:
        yield
        return
    try:
        logger = opened(tracker, run_dir)
    except Exception as error:  # of any kind: no account, no network, its own settings
        line = " ".join(str(error).split())
        raise InputError(f"{tracker} cannot be opened, so nothing is trained: {line}") from error
    try:
        event = Events.EPOCH_COMPLETED
        logger.attach_output_handler(trainer, event_name=event, tag=TAG, metric_names="all")
        yield
    finally:
        logger.close()


def opened(tracker: str, run_dir: Path) -> TensorboardLogger | WandBLogger | MLflowLogger:
    if tracker == "tensorboard":
        return TensorboardLogger(log_dir=str(run_dir / tracker))
    if tracker == "wandb":  # the same run where it goes on
        name = run_dir.parent.name
        return WandBLogger(project=TAG, name=name, id=name, resume="allow", dir=str(run_dir))
    import mlflow  # pyrefly: ignore  an optional package

    kept = run_dir / "mlflow"  # where it goes on, the same run
    run_id = kept.read_text(encoding="utf-8") if kept.exists() else None
    run = mlflow.start_run(run_id=run_id, run_name=None if run_id else run_dir.parent.name)
    kept.write_text(run.info.run_id, encoding="utf-8")
    return MLflowLogger()  # of the run that was started
