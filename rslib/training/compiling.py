"""The compiled training step, and whether it pays.

Compiling takes minutes on a CPU and does not always make a step faster. So a few steps of both
kinds are timed on the run's own batch, and the faster kind is used.
"""

import atexit
import os
import pickle
import shutil
import sys
import tempfile
import time
import warnings
from statistics import median

import torch
from torch import nn

from rslib.config import InputError
from rslib.training.task import Batch, Loss

TIMED = 4  # steps of each kind, after one that warms up
WORTH = 1.02  # ratio of speeds from which the compiled step counts as the faster one


def compiled(loss: Loss) -> Loss:
    """loss through torch.compile, for batches of one shape.

    Random numbers are drawn as in the eager step, so dropout leaves out the same activations.
    Calling it raises InputError if this machine cannot compile.
    """
    # imported here, because it takes a second, which processes that do not compile need not spend
    from torch._dynamo.exc import BackendCompilerFailed
    from torch._inductor.exc import InductorError

    # dynamic=False: all micro-batches have one shape. fallback_random: eager's random numbers.
    step = torch.compile(loss, dynamic=False, options={"fallback_random": True})
    begun = False  # has a step been compiled?

    def run(batch: Batch) -> torch.Tensor:
        nonlocal begun
        try:
            try:
                found = quietly(step, batch)
            except Exception as error:
                if begun or not of_cache(error):
                    raise
                line = leave_cache(error)
                found = quietly(step, batch)
                print(line, file=sys.stderr)
        except (BackendCompilerFailed, InductorError) as error:
            first = str(error).strip().splitlines()[0]
            raise InputError(f"nothing can be compiled here ({first})") from error
        begun = True
        return found

    return run


def quietly(step: Loss, batch: Batch) -> torch.Tensor:
    with warnings.catch_warnings():
        # about channel_statistics: Dynamo may ignore its cache, the values are the same
        warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools")
        return step(batch)


def of_cache(error: BaseException) -> bool:
    """Did a file fail: the compiler's cache is damaged, full, or may not be written?"""
    one: BaseException | None = error
    while one is not None:
        inner = getattr(one, "inner_exception", None)
        if any(isinstance(e, OSError | EOFError | pickle.UnpicklingError) for e in (one, inner)):
            return True
        one = one.__cause__ or one.__context__
    return False


def leave_cache(error: BaseException) -> str:
    """Compile into a folder of this process's own; what there is to say of that."""
    folder = tempfile.mkdtemp(prefix="rslib-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
    os.environ["TRITON_CACHE_DIR"] = os.path.join(folder, "triton")
    torch._dynamo.reset()
    first = "".join(str(error).strip().splitlines()[:1])
    return (
        f"the compiler's cache cannot be used ({first}); compiled anew in {folder}. "
        "TORCHINDUCTOR_CACHE_DIR names a better one"
    )


def compiled_is_faster(loss: Loss, ours: Loss, model: nn.Module, batch: Batch) -> tuple[bool, str]:
    """(is it, in words): forward and backward of ours(batch), compiled, against those of loss.

    The model is left as it was: batch statistics are put back, gradients cleared.
    """
    # clones: state_dict() returns the tensors themselves, which BN updates in place
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kinds = {"eager": loss, "compiled": ours}
    first = {name: step_seconds(kind, batch) for name, kind in kinds.items()}  # compiles here
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(TIMED):  # in turn, so that other work on the machine slows both
        for name, kind in kinds.items():
            seconds[name].append(step_seconds(kind, batch))
    model.load_state_dict(kept)
    model.zero_grad()
    eager, fast = (median(seconds[name]) for name in kinds)
    faster = min(seconds["eager"]) / fast >= WORTH  # even than the fastest eager step
    return faster, (
        f"{'compiled' if faster else 'eager'} step: {1000 * eager:.0f} ms eager, "
        f"{1000 * fast:.0f} ms compiled ({first['compiled']:.0f} s to compile)"
    )


def step_seconds(loss: Loss, batch: Batch) -> float:
    begin = time.perf_counter()
    loss(batch).backward()
    if batch[0].is_cuda:  # kernels run behind the host: without this only their launch is timed
        torch.cuda.synchronize()
    return time.perf_counter() - begin
