"""The compiled training step, and whether it is worth its while.

Compiling takes minutes on a CPU and does not always pay, so nobody has to believe in it: a few
steps of both kinds are timed on the run's own batch, and the faster one stays.
"""

import time
from statistics import median

import torch
from torch._dynamo.exc import BackendCompilerFailed

from rslib.config import InputError

TIMED = 4  # steps of each kind, after one that warms up
WORTH = 1.02  # times as fast, or it is not the faster one


def compiled(loss):
    """loss through torch.compile, for batches of one shape."""
    return torch.compile(loss, dynamic=False)


def compiled_is_faster(loss, model, batch):
    """(is it, in words): forward and backward of loss(batch), compiled against as it is.

    The model is left as it was: batch statistics and gradients are put back. Raises InputError
    where this machine can not compile.
    """
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    begin = time.perf_counter()
    kinds = {"eager": loss, "compiled": compiled(loss)}
    try:
        for kind in kinds.values():
            step_seconds(kind, batch)
    except (BackendCompilerFailed, torch._inductor.exc.InductorError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"nothing can be compiled here ({first}); leave compile out") from error
    spent = time.perf_counter() - begin
    seconds = {name: [] for name in kinds}
    for _ in range(TIMED):  # in turn, so that other work on the machine meets both
        for name, kind in kinds.items():
            seconds[name].append(step_seconds(kind, batch))
    model.load_state_dict(kept)
    model.zero_grad()
    eager, ours = (median(seconds[name]) for name in kinds)
    faster = eager / ours >= WORTH
    return faster, (
        f"{'compiled' if faster else 'eager'} step: {1000 * eager:.0f} ms eager, "
        f"{1000 * ours:.0f} ms compiled ({spent:.0f} s to compile)"
    )


def step_seconds(loss, batch):
    begin = time.perf_counter()
    loss(batch).backward()
    if batch[0].is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin
