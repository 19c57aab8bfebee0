"""Training: one function, `fit`, around an Ignite engine.

A task has five names: build, loaders, loss, predict, metrics. Everything random has an address in
(seed, step) or (seed, epoch, image), so a run that was killed anywhere goes on to the very same
weights, whatever the number of loader workers.
"""

import hashlib
import logging
import math
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from ignite.utils import convert_tensor

from rslib.data.randomness import seed_of
from rslib.machine import has_bf16
from rslib.training import checkpoint, compiling, optim
from rslib.training.clock import Clock
from rslib.training.ema import Ema

SPLITS = ("test", "minival", "train")
CHECK_EVERY = 50  # steps between looks at the loss: each look makes a GPU wait
EVALUATION_SHARE = 0.1  # of the training work may go into evaluation along the way


class Diverged(RuntimeError):
    """The loss or a weight is no longer finite."""


class Preempted(RuntimeError):
    """Asked to stop; a checkpoint was saved."""


@dataclass(frozen=True)
class Outcome:
    metrics: dict  # {split: {"raw" | "ema": {"correct", "n", "bits"}}}
    history: list  # one dict an evaluated epoch
    sessions: list
    seconds: float
    restarts: int
    weights_sha256: str


def fit(
    task,
    recipe,
    run_dir,
    *,
    seed,
    device="cpu",
    report=print,
    stop=lambda: False,
    session=None,
    may_compile=False,
):
    """Train to the end of the recipe, from the newest checkpoint in run_dir if there is one.

    may_compile: see `rslib.training.compiling`; a run goes on with what its first process chose.
    stop: asked after every step; when it says yes, a checkpoint is saved and Preempted raised.
    session: plain values about this process, kept with the run beside those of earlier ones.
    Raises Diverged (the last good checkpoint stays) and checkpoint.CannotSave.
    """
    run = Run(task, recipe, Path(run_dir), seed, torch.device(device), report, stop, may_compile)
    run.progress.sessions.append(session)
    try:
        run.train()
    except Diverged as error:
        error.sessions = run.progress.sessions
        raise
    return Outcome(
        metrics={split: run.scores.get(split) or run.evaluate(split) for split in SPLITS},
        history=run.progress.history,
        sessions=run.progress.sessions,
        seconds=run.progress.seconds + run.clock.seconds,
        restarts=run.progress.restarts,
        weights_sha256=weights_sha256(run.model, run.ema.module),
    )


@dataclass
class Progress:
    """What a run knows beside its tensors; saved with them."""

    history: list = field(default_factory=list)
    sessions: list = field(default_factory=list)
    loss_sum: float = 0.0  # of the epoch under way
    seconds: float = 0.0
    restarts: int = 0
    compiled: bool | None = False  # None: to be measured in the first step


class Run:
    """The moving parts of one training run."""

    def __init__(self, task, recipe, run_dir, seed, device, report, stop, may_compile=False):
        self.task, self.optim, self.run_dir = task, recipe.optim, run_dir
        self.seed, self.device, self.report, self.stop = seed, device, report, stop
        run_dir.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed_of(seed))
        self.model = task.build().to(device=device, memory_format=torch.channels_last)
        self.optimizer = optim.optimizer(self.model, self.optim)
        self.ema = Ema(self.model, self.optim.ema_decay)
        self.start_step, self.progress = 0, Progress(compiled=None if may_compile else False)
        self.scores = {}  # of the newest weights; the last epoch is always evaluated
        self._restore()
        self.loss = None  # of a batch; chosen in the first step
        self.loss_sum = torch.tensor(self.progress.loss_sum, dtype=torch.float64, device=device)
        self.batches, self.evaluations = task.loaders(seed, self.start_step)
        self.steps_per_epoch = self.batches.batch_sampler.steps_per_epoch
        self.rates = optim.rates(self.optim, self.steps_per_epoch)
        self.micro_batches = self.optim.batch_size // (
            self.optim.micro_batch or self.optim.batch_size
        )
        self.clock = Clock(
            report, self.start_step, len(self.rates), self.steps_per_epoch, self.optim.batch_size
        )

    def _restore(self):
        found = checkpoint.newest(self.run_dir, self.report)
        if not found:
            return
        self.start_step, self.progress = found["step"], Progress(**found["progress"])
        self.progress.restarts += 1
        self.model.load_state_dict(found["model"])
        self.ema.module.load_state_dict(found["ema"])
        self.optimizer.load_state_dict(found["optimizer"])
        self.report(f"resumed at step {self.start_step}")

    def train(self):
        """All steps that are left. Ignite would start a finished run again, hence the guard."""
        if self.start_step == len(self.rates):
            return
        trainer = Engine(self.step)
        trainer.logger.setLevel(logging.CRITICAL)  # what is raised is told once, by who catches it
        trainer.add_event_handler(Events.ITERATION_COMPLETED(every=CHECK_EVERY), self.look)
        in_mid_epoch = Events.ITERATION_COMPLETED(lambda _, step: step % self.steps_per_epoch)
        trainer.add_event_handler(in_mid_epoch, self.pause)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.end_epoch)
        shape = {"epoch_length": self.steps_per_epoch, "max_epochs": self.optim.epochs}
        trainer.load_state_dict({"iteration": self.start_step, **shape})
        items = self.steps_left()
        try:
            trainer.run(items, **shape)
        finally:  # the last references to the loader: its workers leave at once, not at a later gc
            items.close()
            trainer.state.batch = None

    def steps_left(self):
        """One item a step: the lazy group of micro-batches that it is made of."""
        stream = iter(self.batches)
        for _ in self.rates[self.start_step :]:
            yield islice(stream, self.micro_batches)

    def step(self, engine, micro):
        step = engine.state.iteration - 1
        torch.manual_seed(seed_of(self.seed, step))  # dropout and stochastic depth
        for group in self.optimizer.param_groups:
            group["lr"] = self.rates[step]
        self.model.train()
        self.optimizer.zero_grad()
        for batch in micro:
            batch = on(self.device, batch)
            if self.loss is None:
                self.loss = self.choose_loss(batch)
                torch.manual_seed(seed_of(self.seed, step))  # as if nothing had been timed
            loss = self.loss(batch) / self.micro_batches
            loss.backward()
            self.loss_sum += loss.detach()
        self.optimizer.step()
        self.ema.update(step + 1)

    def choose_loss(self, batch):
        """The loss as it is, or compiled; which is faster is measured once in a run's life."""
        plain = plain_loss(self.task, self.model, self.device)
        if self.progress.compiled is False:
            return plain
        compiled, why = compiling.compiled(plain), "compiled step, as before"
        if self.progress.compiled is None:
            found = compiling.compiled_is_faster(plain, compiled, self.model, batch)
            self.progress.compiled, why = found
        self.progress.sessions[-1] = {**(self.progress.sessions[-1] or {}), "step": why}
        self.report(why)
        return compiled if self.progress.compiled else plain

    def look(self, engine):
        if not math.isfinite(self.loss_sum.item()):
            raise Diverged(f"the loss is not finite by step {engine.state.iteration}")

    def pause(self, engine, due=False):
        """Save where asked to stop, or where a checkpoint is due."""
        stopping = self.stop()
        if stopping or due or self.clock.overdue():
            self.save(engine.state.iteration)
        if stopping:
            raise Preempted(f"stopped at step {engine.state.iteration}; the same command goes on")

    def end_epoch(self, engine):
        epoch, step = engine.state.epoch, engine.state.iteration
        loss = self.loss_sum.item() / self.steps_per_epoch
        self.refuse_non_finite(step)
        self.loss_sum.zero_()
        tops = {}
        if epoch in self.evaluation_epochs:
            self.scores = {split: self.evaluate(split) for split in ("minival", "train")}
            tops = {
                f"{split}_{name}": counts["correct"] / counts["n"]
                for split, both in self.scores.items()
                for name, counts in both.items()
            }
            self.progress.history.append({"epoch": epoch, "loss": loss, **tops})
        self.clock.line(step, self.rates[step - 1], loss, tops)
        self.pause(engine, due=epoch == self.optim.epochs or self.clock.worth_saving())

    @property
    def evaluation_epochs(self):
        """As often as EVALUATION_SHARE allows, a forward pass being a third of a step; the last."""
        images = 2 * sum(len(self.evaluations[split].dataset) for split in ("minival", "train"))
        trained = 3 * self.steps_per_epoch * self.optim.batch_size
        every = math.ceil(images / (trained * EVALUATION_SHARE))
        return {*range(every, self.optim.epochs, every), self.optim.epochs}

    def evaluate(self, split):
        """{"raw": counts, "ema": counts} on one split, without augmentation."""
        networks = {"raw": self.model, "ema": self.ema.module}
        return run_metrics(self.task, networks, self.evaluations[split], self.device)

    def save(self, step):
        self.refuse_non_finite(step)
        progress = asdict(self.progress)
        progress["seconds"] += self.clock.seconds
        progress["loss_sum"] = self.loss_sum.item()
        with self.clock.saving():
            state = {
                "step": step,
                "progress": progress,
                "model": self.model.state_dict(),
                "ema": self.ema.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
            checkpoint.save(self.run_dir, step, state)

    def refuse_non_finite(self, step):
        tensors = [
            tensor
            for network in (self.model, self.ema.module)
            for tensor in network.state_dict().values()
            if tensor.is_floating_point()
        ]
        total = torch.stack(torch._foreach_norm(tensors)).double().sum() + self.loss_sum
        if not math.isfinite(total.item()):
            raise Diverged(f"the loss or a weight is not finite by step {step}")


def on(device, batch):
    """A batch, of whatever structure, with its tensors on the device; the host does not wait."""
    return convert_tensor(batch, device, non_blocking=True)


def plain_loss(task, model, device):
    """batch -> loss, in the precision of the device."""

    def loss(batch):
        with autocast(device):
            return task.loss(model, batch)

    return loss


def autocast(device):
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))


def run_metrics(task, networks, batches, device):
    """{name: the task's metric} of several networks, from one pass over a split."""
    for network in networks.values():
        network.eval()

    @torch.no_grad()
    def predict(_, batch):
        batch = on(device, batch)
        with autocast(device):
            return {name: task.predict(network, batch) for name, network in networks.items()}

    evaluator = Engine(predict)
    for name in networks:
        ((_, metric),) = task.metrics(lambda output, name=name: output[name]).items()
        metric.attach(evaluator, name)
    found = evaluator.run(batches).metrics  # Ignite adds a metric's inner keys beside its name
    return {name: found[name] for name in networks}


def weights_sha256(*networks):
    """One digest over all tensors, to tell whether two runs ended in the same bits."""
    digest = hashlib.sha256()
    for network in networks:
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
