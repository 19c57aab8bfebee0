"""What went wrong, as one line on standard error and an exit code.

Three kinds: what the user gave (InputError); what the machine did (`rslib.system.faults`: any
OSError, UnicodeError, want of memory); and bugs, which alone get a traceback.
"""

import sys
import traceback

from rslib.commands import BAD_INPUT, BUG, DIVERGED, STOPPED
from rslib.config import InputError
from rslib.system import faults, output


def fail(message: object, code: int) -> int:
    output.complain(f"rslib: {message}")
    return code


def told(error: BaseException) -> int:
    """Print one line for an error that a command ended with; its exit code."""
    if isinstance(error, InputError):
        return fail(faults.one_line(error), BAD_INPUT)
    if isinstance(error, KeyboardInterrupt):
        return fail(str(error) or "interrupted; the same command goes on", STOPPED)
    if isinstance(error, BrokenPipeError) and output.closed():
        return STOPPED  # who closed the output wants no more words
    code = of_torch(error) if "torch" in sys.modules else None
    if code is not None:
        return code
    if found := faults.explained(error):
        return fail(*found)
    output.complain("".join(traceback.format_exception(error)).rstrip())
    return fail("this is a bug; please report the lines above", BUG)


def of_torch(error: BaseException) -> int | None:
    """Errors whose classes need torch, which nobody else has raised where it is not there."""
    try:
        import torch

        from rslib import machine
        from rslib.running import processes
        from rslib.training import distributed, engine
    except (ImportError, OSError, AttributeError):  # the import itself is what failed
        return None
    if isinstance(error, torch.OutOfMemoryError):
        return fail(
            "the GPU's memory is full; take a larger one, or lower optim.micro_batch in "
            "rslib/recipes, or --batch of rslib train (which makes it another recipe)",
            BAD_INPUT,
        )
    if isinstance(error, machine.Held | engine.Preempted | distributed.Lost):
        return fail(error, STOPPED)
    if isinstance(error, engine.Diverged):
        return fail(error, DIVERGED)
    if isinstance(error, processes.Stopped):
        return fail(error, error.code)
    return None
