"""Standard output that dies neither of a character nor of being closed early."""

import os
import select
import signal
import sys
from typing import TextIO

STREAMS = ("stdout", "stderr")


def lenient() -> None:
    """What a locale cannot write is written as an escape; closed streams swallow what they get."""
    for name in STREAMS:
        stream = getattr(sys, name)
        if stream is None:  # started with the stream closed
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence(stream: TextIO) -> None:
    """Nothing written to a stream fails any more, nor when Python ends and flushes it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):  # no real file, as where a test holds the output
        for name in STREAMS:
            if getattr(sys, name) is stream:
                setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    finally:
        os.close(nowhere)


def say(line: str, stream: TextIO | None = None) -> None:
    """A line in mid-work. Where nobody can read it, work is saved and stopped, as by SIGTERM."""
    stream = stream or sys.stdout
    try:
        print(line, file=stream, flush=True)
    except OSError as error:
        silence(stream)
        if not isinstance(error, BrokenPipeError):
            complain(f"rslib: standard output: {error.strerror}; the same command goes on")
        os.kill(os.getpid(), signal.SIGTERM)


def complain(line: str) -> None:
    """A last line on standard error, if anybody can read it."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def flush() -> None:
    """All that was printed is out, or OSError says that it is not; not where its reader left."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise OSError(error.errno, error.strerror, "standard output") from error


def closed() -> bool:
    """Has the reader of standard output left? It is silent from then on."""
    try:
        sys.stdout.flush()
        gone = hung_up(sys.stdout)
    except OSError:
        gone = True
    if gone:
        silence(sys.stdout)
    return gone


def hung_up(stream: TextIO) -> bool:
    """Without buffering a failed line leaves nothing behind that could fail again."""
    try:
        watched = select.poll()
        watched.register(stream.fileno(), 0)  # errors are told unasked
        return bool(watched.poll(0))
    except (AttributeError, OSError, ValueError):  # no such call, or no real file
        return False
