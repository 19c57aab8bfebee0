"""Training: one function, `fit`, around an Ignite engine.

Every random choice has an address in (seed, step) or (seed, epoch, image). So a run that was killed
anywhere continues to exactly the same weights, whatever the number of loader workers.
"""

import logging
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch
from ignite.engine import Engine, Events

from rslib import models
from rslib.config import Recipe
from rslib.data.randomness import seed_of
from rslib.training import checkpoint, compiling, distributed, optim, tracking, unread
from rslib.training.clock import Clock
from rslib.training.ema import Ema
from rslib.training.forward import on, plain_loss, run_metrics
from rslib.training.history import History
from rslib.training.task import Batch, Loss, Task

CHECK_EVERY = 50  # steps between checks of the loss: each one makes a GPU wait
EVALUATION_SHARE = 0.1  # of the training work may go into evaluation during training


class Diverged(RuntimeError):
    """The loss or a weight is no longer finite."""

    sessions: list  # of the run until then; set by `fit`


class Preempted(RuntimeError):
    """Asked to stop; a checkpoint was saved."""


@dataclass(frozen=True)
class Outcome:
    metrics: dict  # {split: {"raw" | "ema": {"correct", "n", "bits"}}}
    history: list  # one dict per evaluated epoch
    sessions: list  # one entry per process, as given to `fit`
    seconds: float  # of all processes; of earlier ones up to their last checkpoint
    restarts: int
    weights_sha256: str  # of the raw and the averaged network
    unreadable: dict = field(default_factory=dict)  # as `unread.counts`


def fit(
    task: Task,
    recipe: Recipe,
    run_dir: Path | str,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    report: Callable[[str], None] = print,
    stop: Callable[[], bool] = lambda: False,
    session: dict | None = None,
    may_compile: bool = False,
    tracker: str = "",
) -> Outcome:
    """Train to the end of the recipe, from the newest checkpoint in run_dir if there is one.

    task: what is trained, as `rslib.tasks.classify.Classify`. seed: of weights, order and
    augmentation. device: "cpu" or "cuda". report: takes each printed line. stop: called after every
    step; if it returns True, a checkpoint is saved and Preempted raised. may_compile: see
    `rslib.training.compiling`; a run keeps the choice of its first process. tracker: of
    `rslib.training.tracking`, where its history goes too.
    session: plain values about this process, kept with the run beside those of earlier ones.

    Returns the Outcome: counts of right images on test, minival and training images, by the raw
    weights and by their average; the history; the seconds.
    Raises Diverged (the last good checkpoint stays) and checkpoint.CannotSave.
    """
    where = Path(run_dir), seed, torch.device(device)
    run = Run(task, recipe, *where, report, stop, may_compile, tracker)
    run.progress.sessions.append(session)  # behind those of earlier processes
    try:
        run.train()
    except Diverged as error:
        error.sessions = run.progress.sessions  # for the record of a run that has no outcome
        raise
    outcome = Outcome(
        # minival and train are known from the last epoch, unless this process trained no step
        metrics={split: run.scores.get(split) or run.evaluate(split) for split in run.evaluations},
        history=run.progress.history,
        sessions=run.progress.sessions,
        seconds=run.progress.seconds + run.clock.seconds,
        restarts=run.progress.restarts,
        weights_sha256=checkpoint.weights_sha256(run.model, run.ema.module),
    )
    # after all evaluations, which open their files only then
    return replace(outcome, unreadable=unread.counts(run.replaced, run.evaluations))


@dataclass
class Progress:
    """What a run knows besides its tensors; saved with them."""

    history: list = field(default_factory=list)
    sessions: list = field(default_factory=list)
    loss_sum: float = 0.0  # over the steps of the current epoch
    seconds: float = 0.0  # of earlier processes
    restarts: int = 0
    compiled: bool | None = False  # None: not yet measured
    replaced: list = field(default_factory=list)  # positions of unreadable training examples


class Run:
    """The moving parts of one training run."""

    def __init__(
        self,
        task: Task,
        recipe: Recipe,
        run_dir: Path,
        seed: int,
        device: torch.device,
        report: Callable[[str], None],
        stop: Callable[[], bool],
        may_compile: bool = False,
        tracker: str = "",
    ) -> None:
        self.task, self.optim, self.run_dir, self.tracker = task, recipe.optim, run_dir, tracker
        self.test_passes = recipe.data.test_passes
        self.seed, self.device, self.report, self.stop = seed, device, report, stop
        self.leads, self.share = distributed.leads(), distributed.share()
        self.micro_batches = distributed.micro_batches(self.optim)  # of a step, in this process
        if self.leads:
            run_dir.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed_of(seed))  # initial weights, drawn on the CPU for every device
        network = task.build()
        self.model = network.to(device=device, memory_format=models.channels_last(network))
        self.optimizer = optim.optimizer(self.model, self.optim)
        self.ema = Ema(self.model, self.optim.ema_decay)
        self.start_step, self.progress = 0, Progress(compiled=None if may_compile else False)
        self.scores: dict = {}  # of the newest weights; the last epoch is always evaluated
        self._restore()  # before the loaders, which start at start_step
        self.epochs_told = History(run_dir, self.start_step) if self.leads else None
        self.trained = distributed.wrapped(self.model)
        self.statistics = distributed.RunningStatistics(self.model, self.micro_batches)
        self.loss: Loss | None = None  # chosen in the first step, which has a batch to time
        # float64 and on the device: adding to it neither rounds visibly nor makes a GPU wait
        self.loss_sum = torch.tensor(self.progress.loss_sum, dtype=torch.float64, device=device)
        self.batches, self.evaluations = task.loaders(seed, self.start_step, self.share)
        self.steps_per_epoch = self.batches.batch_sampler.steps_per_epoch
        self.rates = optim.rates(self.optim, self.steps_per_epoch)  # one per step of the run
        self.clock = Clock(
            report, self.start_step, len(self.rates), self.steps_per_epoch, self.optim.batch_size
        )

    def _restore(self) -> None:
        found = distributed.from_leader(lambda: checkpoint.newest(self.run_dir, self.report))
        if not found:
            return
        self.start_step, self.progress = found["step"], Progress(**found["progress"])
        self.progress.restarts += 1
        self.model.load_state_dict(found["model"])  # copies in place, from the CPU to the device
        self.ema.module.load_state_dict(found["ema"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.report(f"resumed at step {self.start_step}")

    def train(self) -> None:
        """Run all steps that are left."""
        if self.start_step == len(self.rates):  # Ignite would start a finished run again
            return
        trainer = Engine(self.step)
        trainer.logger.setLevel(logging.CRITICAL)  # whoever catches an exception reports it, once
        trainer.add_event_handler(Events.ITERATION_COMPLETED(every=CHECK_EVERY), self.look)
        # the last step of an epoch is left to pause_after_epoch, behind its evaluation
        in_mid_epoch = Events.ITERATION_COMPLETED(lambda _, step: step % self.steps_per_epoch)
        trainer.add_event_handler(in_mid_epoch, self.pause)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.end_epoch)
        shape = {"epoch_length": self.steps_per_epoch, "max_epochs": self.optim.epochs}
        trainer.load_state_dict({"iteration": self.start_step, **shape})  # its epoch follows
        items = self.steps_left()
        try:
            with tracking.mirrored(self.tracker, trainer, self.run_dir):
                trainer.add_event_handler(Events.EPOCH_COMPLETED, self.pause_after_epoch)
                trainer.run(items, **shape)
        finally:  # the last references to the loader: its workers leave at once, not at a later gc
            items.close()
            trainer.state.batch = None

    def steps_left(self) -> Generator[Iterable[Batch]]:
        """One item per step: the lazy group of micro-batches that it consists of."""
        stream = iter(self.batches)  # one over all epochs: loader workers never restart
        for _ in self.rates[self.start_step :]:
            yield islice(stream, self.micro_batches)

    def step(self, engine: Engine, micro: Iterable[Batch]) -> None:
        step = engine.state.iteration - 1  # Ignite counts from 1
        self.draw_from(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rates[step]
        self.model.train()
        self.optimizer.zero_grad()
        for number, batch in enumerate(micro, start=1):
            batch = on(self.device, batch)
            if self.loss is None:
                self.loss = self.choose_loss(batch)
                self.draw_from(step)  # as if nothing had been timed
            with distributed.accumulating(self.trained, more=number < self.micro_batches):
                loss = self.loss(batch) / self.micro_batches  # gradients add up to the mean's
                loss.backward()
            self.loss_sum += loss.detach()
        self.optimizer.step()
        self.statistics.meet()
        self.ema.update(step + 1)

    def draw_from(self, step: int) -> None:
        """Begin the random numbers of dropout and stochastic depth, other ones in each process."""
        own = (-1 - self.share.rank,) if self.share.rank else ()  # no image has such an address
        torch.manual_seed(seed_of(self.seed, step, *own))

    def choose_loss(self, batch: Batch) -> Loss:
        """The eager loss or the compiled one; which is faster is measured once per run."""
        plain = plain_loss(self.task, self.trained, self.device)
        if self.progress.compiled is False:
            return plain
        compiled, why = compiling.compiled(plain), "compiled step, as before"
        if self.progress.compiled is None:  # a restart keeps the choice: the bits may differ
            found = compiling.compiled_is_faster(plain, compiled, self.model, batch)
            self.progress.compiled, why = found
        self.progress.sessions[-1] = {**(self.progress.sessions[-1] or {}), "step": why}
        self.report(why)
        return compiled if self.progress.compiled else plain

    def look(self, engine: Engine) -> None:
        if not math.isfinite(distributed.mean(self.loss_sum).item()):
            raise Diverged(f"the loss is not finite by step {engine.state.iteration}")

    def pause(self, engine: Engine, due: bool = False) -> None:
        """Save if asked to stop, or if a checkpoint is due."""
        due = self.leads and (due or self.clock.overdue())  # the others' clocks know no saving
        stopping, due = distributed.anywhere(self.stop(), due)
        if stopping or due:
            self.save(engine.state.iteration)
        if stopping:
            distributed.from_leader(lambda: None)  # nobody leaves before it is saved
            raise Preempted(f"stopped at step {engine.state.iteration}; the same command goes on")

    def end_epoch(self, engine: Engine) -> None:
        epoch, step = engine.state.epoch, engine.state.iteration  # both count from 1
        loss = distributed.mean(self.loss_sum).item() / self.steps_per_epoch  # over the epoch
        self.refuse_non_finite(step)  # before an evaluation of useless weights
        self.loss_sum.zero_()
        tops = {}
        if epoch in self.evaluation_epochs:
            self.scores = {split: self.evaluate(split) for split in self.watched}
            tops = {
                f"{split}_{name}": counts["correct"] / counts["n"]
                for split, both in self.scores.items()
                for name, counts in both.items()
            }
            self.progress.history.append({"epoch": epoch, "loss": loss, **tops})
        rate = self.rates[step - 1]
        told = {"epoch": epoch, "step": step, "rate": rate, "loss": loss, **tops}
        if self.epochs_told:
            self.epochs_told.add(told)
        engine.state.metrics = told  # what a tracker mirrors
        self.clock.line(step, rate, loss, tops)

    def pause_after_epoch(self, engine: Engine) -> None:
        last = engine.state.epoch == self.optim.epochs
        self.pause(engine, due=last or self.clock.worth_saving())

    @property
    def watched(self) -> list[str]:
        """The splits that are evaluated during training; a recipe may hold out no minival."""
        return [split for split in ("minival", "train") if split in self.evaluations]

    @property
    def evaluation_epochs(self) -> set[int]:
        """As often as EVALUATION_SHARE allows, and the last epoch."""
        both = (self.evaluations[split].dataset for split in self.watched)
        here = sum(map(len, both))  # pyrefly: ignore  torch asks no length of a Dataset
        images = 2 * sum(distributed.gathered(here))
        evaluated = images * self.test_passes  # forward passes of a training view
        trained = 3 * self.steps_per_epoch * self.optim.batch_size  # backward is two forward passes
        every = math.ceil(evaluated / (trained * EVALUATION_SHARE))  # epochs
        return {*range(every, self.optim.epochs, every), self.optim.epochs}

    def evaluate(self, split: str) -> dict[str, dict]:
        """{"raw": counts, "ema": counts} on one split, without augmentation."""
        networks = {"raw": self.model, "ema": self.ema.module}
        return run_metrics(self.task, networks, self.evaluations[split], self.device)

    @property
    def replaced(self) -> list[int]:
        """Positions of the training examples that were replaced so far, in any process."""
        return unread.positions(self.batches, self.progress.replaced)

    def save(self, step: int) -> None:
        self.refuse_non_finite(step)  # the newest checkpoint is always a good one
        progress = asdict(self.progress)  # a copy: the run itself goes on with its own seconds
        progress["seconds"] += self.clock.seconds  # of this process so far
        progress["loss_sum"] = distributed.mean(self.loss_sum).item()
        progress["replaced"] = self.replaced
        if not self.leads:
            return
        with self.clock.saving():
            state = {
                "step": step,  # number of steps done
                "progress": progress,
                "model": self.model.state_dict(),
                "ema": self.ema.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
            checkpoint.save(self.run_dir, step, state)

    def refuse_non_finite(self, step: int) -> None:
        tensors = [
            tensor
            for network in (self.model, self.ema.module)
            for tensor in network.state_dict().values()
            if tensor.is_floating_point()
        ]
        # NaN and infinity survive a norm and a sum: the host waits once, not for every tensor
        total = torch.stack(torch._foreach_norm(tensors)).double().sum()
        total += distributed.mean(self.loss_sum)
        if not math.isfinite(total.item()):
            raise Diverged(f"the loss or a weight is not finite by step {step}")
