"""The compiled training step, and whether it pays.

Compiling takes minutes on a CPU and does not always make a step faster. So a few steps of both
kinds are timed on the run's own batch, and the faster kind is used.
"""

import atexit
import os
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
    from torch._functorch import config
    from torch._inductor.exc import InductorError

    # dynamic=False: all micro-batches have one shape. fallback_random: eager's random numbers.
    step = torch.compile(loss, dynamic=False, options={"fallback_random": True})
    begun = False  # has a step been compiled?

    def first(batch: Batch) -> torch.Tensor:
        # forward and backward at once: a damaged cache would fail in the caller's backward()
        with config.patch(force_non_lazy_backward_lowering=True):
            return quietly(step, batch)

    def run(batch: Batch) -> torch.Tensor:
        nonlocal begun
        if begun:
            return quietly(step, batch)
        try:
            try:
                found = first(batch)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # of any kind: a damaged file may be code that is loaded
                line = leave_cache(error)
                found = first(batch)
                print(line, file=sys.stderr)
        except (BackendCompilerFailed, InductorError) as error:
            raise InputError(f"nothing can be compiled here ({reason(error)})") from error
        begun = True
        return found

    return run


def quietly(step: Loss, batch: Batch) -> torch.Tensor:
    with warnings.catch_warnings():
        # about channel_statistics: Dynamo may ignore its cache, the values are the same
        warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools")
        return step(batch)


def reason(error: BaseException) -> str:
    """In one line, what failed within the compiler."""
    inner = getattr(error, "inner_exception", None) or error
    return " ".join([f"{type(inner).__name__}:", *str(inner).strip().splitlines()[:1]])


def leave_cache(error: BaseException) -> str:
    """Compile into a folder of this process's own; what there is to say of that."""
    folder = tempfile.mkdtemp(prefix="rslib-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
    os.environ["TRITON_CACHE_DIR"] = os.path.join(folder, "triton")
    from torch._inductor.utils import clear_caches

    clear_caches()  # what was loaded of the other folder
    torch._dynamo.reset()
    return (
        f"the compiler's cache cannot be used ({reason(error)}); compiled again in {folder}. "
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
