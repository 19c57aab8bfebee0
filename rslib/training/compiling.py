"""The compiled training step, and whether it is worth its while.

Compiling takes minutes on a CPU and does not always pay, so nobody has to believe in it: a few
steps of both kinds are timed on the run's own batch, and the faster one stays.
"""

import time
import warnings
from statistics import median

import torch

from rslib.config import InputError

TIMED = 4  # steps of each kind, after one that warms up
WORTH = 1.02  # times as fast, or it is not the faster one


def compiled(loss):
    """loss through torch.compile, for batches of one shape.

    Random numbers are drawn as the eager step draws them, so dropout leaves out the same. Calling
    it raises InputError where this machine can not compile.
    """
    # imported here, as it takes a second of every process that does not compile
    from torch._dynamo.exc import BackendCompilerFailed
    from torch._inductor.exc import InductorError

    step = torch.compile(loss, dynamic=False, options={"fallback_random": True})

    def run(batch):
        try:
            with warnings.catch_warnings():
                # of channel_statistics, whose cache it may well look through
                warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools")
                return step(batch)
        except (BackendCompilerFailed, InductorError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(f"nothing can be compiled here ({first})") from error

    return run


def compiled_is_faster(loss, ours, model, batch):
    """(is it, in words): forward and backward of ours(batch), compiled, against loss as it is.

    The model is left as it was: batch statistics and gradients are put back.
    """
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kinds = {"eager": loss, "compiled": ours}
    first = {name: step_seconds(kind, batch) for name, kind in kinds.items()}
    seconds = {name: [] for name in kinds}
    for _ in range(TIMED):  # in turn, so that other work on the machine meets both
        for name, kind in kinds.items():
            seconds[name].append(step_seconds(kind, batch))
    model.load_state_dict(kept)
    model.zero_grad()
    eager, fast = (median(seconds[name]) for name in kinds)
    faster = min(seconds["eager"]) / fast >= WORTH  # by more than what eager steps scatter
    return faster, (
        f"{'compiled' if faster else 'eager'} step: {1000 * eager:.0f} ms eager, "
        f"{1000 * fast:.0f} ms compiled ({first['compiled']:.0f} s to compile)"
    )


def step_seconds(loss, batch):
    begin = time.perf_counter()
    loss(batch).backward()
    if batch[0].is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - begin
