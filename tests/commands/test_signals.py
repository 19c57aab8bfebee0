"""Being stopped, being cut short, and speaking under any locale: whole processes."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from rslib import __main__
from rslib.commands import profile
from rslib.system import output, signals

__main__.parser()  # imports here, once, what every fork would


class Forked:
    """A command in a process of its own that does `work`; in a fork, as torch is imported here."""

    def __init__(self, work, *, encoding="utf-8", out=None, ignored=()):
        self.out, its_out = os.pipe()
        self.err, its_err = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(its_out)
            os.close(its_err)
            return
        code = 99
        try:
            os.dup2(its_out if out is None else out, 1)
            os.dup2(its_err, 2)
            for number in (self.out, self.err, its_out, its_err):
                os.close(number)
            sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", encoding=encoding, closefd=False)  # noqa: SIM115
            # a shell's background ignores SIGINT; a command is tried as in the foreground
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)
            profile.main = lambda options: work() or 0
            code = __main__.main(["profile", "resnet_rs_50"])
            sys.stdout.flush()
        finally:
            os._exit(code)

    def read(self, of, size=1 << 20):
        return os.read(of, size)

    def ended(self):
        """(exit code, standard error), at its end."""
        told = b""
        while part := os.read(self.err, 1 << 16):
            told += part
        _, status = os.waitpid(self.pid, 0)
        os.close(self.err)
        return os.waitstatus_to_exitcode(status), told


def works():
    print("begun", flush=True)
    time.sleep(60)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_command_that_is_told_to_stop_ends_with_75_and_a_line(name):
    process = Forked(works)
    assert process.read(process.out) == b"begun\n"
    os.kill(process.pid, getattr(signal, name))
    code, told = process.ended()
    assert code == 75 and told.count(b"\n") == 1 and b"the same command goes on" in told


def test_nohup_is_respected():
    process = Forked(works, ignored=[signal.SIGHUP])
    assert process.read(process.out) == b"begun\n"
    os.kill(process.pid, signal.SIGHUP)
    time.sleep(0.2)
    assert os.waitpid(process.pid, os.WNOHANG) == (0, 0)
    os.kill(process.pid, signal.SIGTERM)
    assert process.ended()[0] == 75


def test_handlers_are_put_back():
    def of_all():
        return [signal.getsignal(number) for number in signals.NUMBERS]

    before = of_all()
    with pytest.raises(signals.ToldToStop), signals.handled(signals.stop):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    with signals.handled(signals.stop):
        signals.ignore()
        os.kill(os.getpid(), signal.SIGTERM)
    assert of_all() == before


def test_a_thread_leaves_signals_alone():
    found = []

    def look():
        with signals.handled(signals.stop):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]


def test_a_stop_that_is_asked_twice_is_one(monkeypatch):
    from rslib.running.processes import Stop

    with Stop() as stop:
        assert not stop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stop()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_character_ends_a_command(encoding):
    """Also a file's name that is not UTF-8, which Python reads as lone surrogates."""
    process = Forked(lambda: print("σ − × é \udce9"), encoding=encoding)
    code, told = process.ended()
    assert (code, told) == (0, b"") and b"\\udce9" in process.read(process.out)


@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("times", [1, 10_000])
def test_an_output_that_is_closed_early_is_no_bug(times, flush):
    """As `| head` does it: nothing but the exit code tells whether that was in mid-work."""

    def says():
        time.sleep(0.1)
        for _ in range(times):
            print("a line of some length", flush=flush)

    process = Forked(says)
    os.close(process.out)
    code, told = process.ended()
    assert told == b"" and code == (75 if flush or times > 1 else 0)


def test_a_training_whose_output_is_closed_is_stopped_as_by_a_signal():
    from rslib.running.processes import Stop

    def trains():
        time.sleep(0.1)
        with Stop() as stop:
            output.say("epoch 1")
            output.say("epoch 2")
            assert stop()
        raise signals.ToldToStop("saved; the same command goes on")

    process = Forked(trains)
    os.close(process.out)
    assert process.ended() == (75, b"rslib: saved; the same command goes on\n")


def test_help_that_is_cut_short_is_no_bug():
    command = f"{sys.executable} -m rslib --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stderr == b""


def test_a_full_disk_behind_the_output_is_told():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    full = os.open("/dev/full", os.O_WRONLY)
    code, told = Forked(lambda: print("a line"), out=full).ended()
    os.close(full)
    assert code == 1
    assert told.startswith(b"rslib: standard output: ") and told.count(b"\n") == 1
