"""What went wrong, as one line on standard error and an exit code."""

import sys
import traceback

from rslib.commands import BAD_INPUT, BUG, STOPPED
from rslib.config import InputError


def fail(message: object, code: int) -> int:
    print(f"rslib: {message}", file=sys.stderr)
    return code


def told(error: BaseException) -> int:
    """Print one line for an error that a command ended with; its exit code."""
    if isinstance(error, InputError):
        return fail(error, BAD_INPUT)
    if isinstance(error, KeyboardInterrupt):
        return fail("interrupted; the same command goes on", STOPPED)
    return fail_with(error)


def fail_with(error: BaseException) -> int:
    """Errors whose classes need torch are only looked for once torch is there."""
    import torch

    from rslib import machine
    from rslib.running import processes
    from rslib.training import checkpoint, engine

    if isinstance(error, torch.OutOfMemoryError):
        return fail(
            "the GPU's memory is full; take a larger one, or lower optim.micro_batch in "
            "rslib/recipes (which makes it another recipe)",
            BAD_INPUT,
        )
    if isinstance(error, checkpoint.CannotSave):
        return fail(error, BAD_INPUT)
    if isinstance(error, machine.Held | engine.Preempted):
        return fail(error, STOPPED)
    if isinstance(error, processes.Stopped):
        return fail(error, error.code)
    traceback.print_exception(error)
    return fail("this is a bug; please report the lines above", BUG)
