"""One run in several processes, which torchrun starts: each trains its share of every batch.

What is equal in all of them after a step:
- the weights: DDP averages the gradients of equal shares, and every optimizer makes one step;
- BN's running statistics: `RunningStatistics` puts those of all micro-batches together, in their
  order. BN itself normalises by one micro-batch of the recipe, which is never cut in two;
- the average of the weights, which follows equal tensors.

The process of rank 0 leads: it alone plans, prints and writes. Tensors of training meet by NCCL on
GPUs and by Gloo on CPUs; words, counts and flags always by Gloo, so that no GPU waits for them.
Without torchrun every function here does the work of a single process.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

import ignite.distributed as idist
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from rslib.config import InputError, Optim
from rslib.data.loaders import Share
from rslib.system import commit
from rslib.training.optim import NORMS

PATIENCE = timedelta(days=7)  # with a leader that reads a large data set, or trains nothing
_words: Any = None  # the group by which words are passed on; None outside of `joined`


class Left(Exception):
    """The leader has ended between two runs, and said why."""


class Lost(RuntimeError):
    """Another process of this run has ended, for a reason of its own."""


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Meet the other processes that torchrun started. device: "cpu" or "cuda".

    Raises Lost where they do not come, or leave; InputError where this machine lacks GPUs or NCCL.
    """
    global _words
    if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
        yield
        return
    local, here = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    if device == "cuda":
        if not dist.is_nccl_available():
            refuse("this PyTorch has no NCCL, by which GPUs meet; install one built for CUDA")
        if here > torch.cuda.device_count():
            found = torch.cuda.device_count()
            gpus = f"{found} GPU{'' if found == 1 else 's'}"
            refuse(f"{here} processes, but {gpus} here; give --nproc-per-node {found}")
        torch.cuda.set_device(local)
    commit.of_files()  # as they are now, when they have just been loaded
    try:
        _words = met("nccl" if device == "cuda" else "gloo")
        yield
    except RuntimeError as error:
        if of_others(error) and not isinstance(error, Lost):
            said = "another process of this run ended, and says why; the same command goes on"
            raise Lost(said) from error
        raise
    finally:
        _words = None
        if dist.is_initialized():
            dist.destroy_process_group()


def met(backend: str) -> Any:
    """The group by which words are passed on, when all processes are there. Raises Lost."""
    try:
        dist.init_process_group(backend)
        return dist.new_group(backend="gloo", timeout=PATIENCE)
    except RuntimeError as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        said = next(iter(str(error).strip().splitlines()), "no message")
        raise Lost(
            f"process {os.environ['RANK']} did not meet the others of this run at {where} "
            f"({said}); see that torchrun runs on all machines and that they reach that address, "
            "then give the same command again"
        ) from error


def of_others(error: BaseException) -> bool:
    """Is it of a process that waited for another, which has ended?"""
    of_gloo = "/gloo/" in str(error)  # a file of its source: it has no class of errors
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and of_gloo)


def refuse(why: str) -> None:
    """All processes of a machine come to the same conclusion here, and one of them says it."""
    if os.environ["LOCAL_RANK"] != "0":
        raise SystemExit(1)
    raise InputError(why)


def refuse_others(command: str) -> None:
    """For what one process does: raises InputError where torchrun started several."""
    if dist.is_torchelastic_launched() and os.environ["WORLD_SIZE"] != "1":
        refuse(f"{command} trains in one process, on one GPU; start it without torchrun")


def size() -> int:
    return idist.get_world_size()


def neighbours() -> int:
    """How many processes of this run there are on this machine."""
    return idist.get_nproc_per_node()


def share() -> Share:
    """What this process does of a run."""
    return Share(idist.get_rank(), size())


def leads() -> bool:
    """Is this the process that prints and writes?"""
    return idist.get_rank() == 0


def from_leader(work: Callable[[], Any]) -> Any:
    """What work() returns to the leader, in every process; plain values and CPU tensors."""
    said = [work() if leads() else None]
    if _words:
        dist.broadcast_object_list(said, src=0, group=_words)
    return said[0]


def tell(run_id: str | None) -> None:
    """Say to the others which run is trained next; None: there is none left."""
    if _words:
        from_leader(lambda: (run_id, commit.of_files()))


def told() -> str | None:
    """The run that the leader trains next. Raises Left if it has ended, InputError if its code is
    not the code here."""
    try:
        run_id, theirs = from_leader(lambda: None)
    except RuntimeError as error:
        raise Left from error
    if theirs["tree"] != (here := commit.of_files())["tree"]:
        raise InputError(
            f"process 0 has other code ({theirs['named']}) than process {idist.get_rank()} "
            f"({here['named']}); bring all machines to one commit"
        )
    return run_id


def gathered(value: Any) -> list:
    """The values of all processes, by rank; plain values and CPU tensors."""
    found = [value] * size()
    if _words:
        dist.all_gather_object(found, value, group=_words)
    return found


def anywhere(*flags: bool) -> list[bool]:
    """Which flags are set in at least one process."""
    found = torch.tensor(flags, dtype=torch.int32)
    if _words:
        dist.all_reduce(found, dist.ReduceOp.MAX, group=_words)
    return [bool(flag) for flag in found.tolist()]


def mean(tensor: torch.Tensor) -> torch.Tensor:
    """The mean over all processes; the tensor itself stays as it is."""
    if size() == 1:
        return tensor
    total = tensor.clone()
    dist.all_reduce(total)
    return total / size()


def in_micro_batches(optim: Optim) -> int:
    """How many parts of a batch BN normalises by; processes share these, and never a part."""
    return optim.batch_size // optim.micro_batch if optim.micro_batch else 1


def micro_batches(optim: Optim) -> int:
    """How many of each batch are trained here. Raises InputError where they cannot be shared."""
    count = in_micro_batches(optim)
    if count % size():
        normalised = optim.batch_size // count
        fitting = ", ".join(str(n) for n in range(1, count + 1) if count % n == 0)
        raise InputError(
            f"{size()} processes cannot share a batch of {optim.batch_size} images in whole "
            f"micro-batches of {normalised}, over which BN normalises; world sizes that work: "
            f"{fitting}"
        )
    return count // size()


def wrapped(model: nn.Module) -> nn.Module:
    """The model as it is trained: with gradients averaged over all processes.

    broadcast_buffers=False: DDP would give all processes rank 0's BN statistics before each step,
    which are those of its own micro-batches alone; see `RunningStatistics`.
    """
    if size() == 1:
        return model
    with warnings.catch_warnings():  # its new name is not known to the oldest PyTorch that we take
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        return DistributedDataParallel(model, broadcast_buffers=False)


def accumulating(model: nn.Module, more: bool) -> AbstractContextManager:
    """Gradients meet in the backward pass of the last micro-batch; `more`: others follow."""
    return model.no_sync() if more and isinstance(model, DistributedDataParallel) else nullcontext()


class RunningStatistics:
    """BN's running statistics as one process would have them after all micro-batches of a step.

    Running statistics are a sum: s ← (1 − m)·s + m·x for each micro-batch x in turn. Rank r has the
    micro-batches r·k … r·k + k − 1. What these added to its own statistics is s_r − (1 − m)^k · s₀,
    which the micro-batches of later ranks shrink by (1 − m)^k each. So one sum over all processes
    gives what one process finds, up to rounding. DDP's own way would leave out other ranks'. BN's
    batch counters count the micro-batches of one process: with a fixed momentum nothing reads them.
    """

    def __init__(self, model: nn.Module, each: int) -> None:
        """each: k, the micro-batches of a step in one process."""
        self.tensors: list[torch.Tensor] = []
        kept: list[torch.Tensor] = []  # of each tensor, in its shape: (1 − m)^k
        for norm in model.modules() if size() > 1 else ():
            if isinstance(norm, NORMS) and norm.track_running_stats:
                keeps = (1 - norm.momentum) ** each  # pyrefly: ignore  None is of no network here
                for name in ("running_mean", "running_var"):
                    self.tensors.append(norm.get_buffer(name))
                    kept.append(torch.full_like(self.tensors[-1], keeps))
        if kept:
            self.kept, self.before = torch.cat(kept), self.now()

    def now(self) -> torch.Tensor:
        return torch.cat(self.tensors)

    @torch.no_grad()
    def meet(self) -> None:
        """Once after all micro-batches of a step."""
        if not self.tensors:
            return
        here = share()
        added = (self.now() - self.kept * self.before) * self.kept ** (here.of - 1 - here.rank)
        dist.all_reduce(added)
        self.before = self.kept**here.of * self.before + added
        parts = self.before.split([t.numel() for t in self.tensors])
        torch._foreach_copy_(self.tensors, list(parts))
