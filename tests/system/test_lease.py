"""Leases: killed, paused and suspended holders, wrong clocks, races, damaged files."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from rslib.system import lease
from rslib.system.lease import Held, Taken, held

# holds a place and says so, until its standard input closes; argv: place, machine or ""
HOLDER = """
import sys
from pathlib import Path
from rslib.system import lease
lease.BEAT = 0.05
if sys.argv[2]:
    lease.machine = lambda: sys.argv[2]
with lease.held(Path(sys.argv[1])) as mine:
    print(mine.file.name, flush=True)
    sys.stdin.read()
    try:
        mine.check()
        print("mine", flush=True)
    except lease.Held as lost:
        print(lost, flush=True)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.04)
    monkeypatch.setattr(lease, "STALE", 0.4)
    monkeypatch.setattr(lease, "POLL", 0.02)


@pytest.fixture
def holder(tmp_path):
    """holder(machine): a process that has just got the place `tmp_path / "lock"`."""
    begun = []

    def begin(machine=""):
        words = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), machine]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        begun.append(subprocess.Popen(words, text=True, **pipes))
        assert begun[-1].stdout.readline().startswith("lock.")
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        process.stdout.close()


def seconds(place, **how):
    """Until it is held."""
    began = time.monotonic()
    with held(place, **how):
        return time.monotonic() - began


def test_one_holds_it_and_the_other_is_told_who(tmp_path, holder):
    first = holder()
    with pytest.raises(Taken) as caught, held(tmp_path / "lock"):
        pass
    assert caught.value.holder.pid == first.pid
    assert f"process {first.pid} on " in str(caught.value)
    threading.Timer(0.2, first.stdin.close).start()
    said = []
    assert seconds(tmp_path / "lock", wait=20, waiting="it waits", report=said.append) > 0.1
    assert said == ["it waits"] and first.stdout.read() == "mine\n"
    assert [file.name for file in tmp_path.iterdir()] == ["lock.2"]  # older ones are removed
    assert lease.holder_of(tmp_path / "lock") is None


def test_waiting_ends(tmp_path, holder):
    holder()
    began = time.monotonic()
    with pytest.raises(Taken), held(tmp_path / "lock", wait=0.2):
        pass
    assert 0.2 <= time.monotonic() - began < 5


def test_a_killed_holder_of_this_machine_is_followed_at_once(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(lease, "STALE", 1000)
    first = holder()
    first.kill()
    while lease.started(first.pid):  # a zombie, which nobody has waited for yet, holds nothing
        time.sleep(0.01)
    assert lease.holder_of(tmp_path / "lock") is None
    assert seconds(tmp_path / "lock") < 1


def test_a_process_that_has_its_number_by_now_is_another(tmp_path, holder, monkeypatch):
    holder()  # it lives, but says of itself what is not so
    file = tmp_path / "lock.1"
    about = f'"started": "{lease.started(os.getpid())}"'.encode()
    text = file.read_bytes()
    began = text.partition(b'"started": ')[2].partition(b",")[0]
    file.write_bytes(text.replace(b'"started": ' + began, about))
    monkeypatch.setattr(lease, "started", {os.getpid(): "1"}.get)
    assert seconds(tmp_path / "lock") < 0.5


def test_a_paused_holder_of_this_machine_keeps_it(tmp_path, holder):
    first = holder()
    first.send_signal(signal.SIGSTOP)
    with pytest.raises(Taken), held(tmp_path / "lock", wait=2 * lease.STALE):
        pass
    first.send_signal(signal.SIGCONT)
    first.stdin.close()
    assert first.stdout.read() == "mine\n"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_holder_elsewhere_is_known_by_its_beats_whatever_the_clocks_say(
    hours, tmp_path, holder, monkeypatch
):
    stale = lease.STALE
    monkeypatch.setattr(lease, "STALE", 30)  # on a busy machine a beat may be late
    first = holder("another")
    place, changed = tmp_path / "lock", time.time() + 3600 * hours
    ended = threading.Event()

    def turn():  # the file's time, as a machine with a wrong clock would leave it
        with suppress(FileNotFoundError):  # it is removed when it is followed
            while not ended.wait(0.005):
                os.utime(tmp_path / "lock.1", (changed, changed))

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        with pytest.raises(Taken), held(place):
            pass
        first.kill()
        monkeypatch.setattr(lease, "STALE", stale)
        assert lease.holder_of(place).pid == first.pid  # who cannot be asked is believed
        said, began = [], time.monotonic()
        with held(place, report=said.append):
            assert time.monotonic() - began >= 0.9 * lease.STALE
        assert len(said) == 1 and "gives no sign of life: waiting" in said[0]
    finally:
        ended.set()
        thread.join()


def test_who_was_suspended_is_told_that_another_took_over(tmp_path, holder):
    first = holder("another")
    first.send_signal(signal.SIGSTOP)
    with held(tmp_path / "lock") as mine:
        first.send_signal(signal.SIGCONT)
        first.stdin.close()
        (line,) = first.stdout.read().splitlines()
        assert "gave no sign of life" in line and f"process {os.getpid()} on " in line
        first.wait()
        mine.check()  # and its leaving has not touched this one
        assert lease.holder_of(tmp_path / "lock").pid == os.getpid()


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b'{"x": 1}\n'])
def test_an_empty_or_damaged_file_counts_as_one_of_a_dead_holder(content, tmp_path):
    (tmp_path / "lock.4").write_bytes(content)
    assert str(lease.holder_of(tmp_path / "lock")) == "another process"
    said = []
    assert 0.9 * lease.STALE < seconds(tmp_path / "lock", report=said.append) < 5
    assert said == [f"another process gives no sign of life: waiting {lease.STALE:.0f} s for one"]
    assert [file.name for file in tmp_path.iterdir()] == ["lock.5"]


def test_a_file_in_the_making_is_no_damaged_one(tmp_path):
    (tmp_path / "lock.1").touch()
    with held(tmp_path / "other") as mine:
        content = mine.file.read_bytes()
        threading.Timer(0.1, (tmp_path / "lock.1").write_bytes, [content]).start()
        with pytest.raises(Taken) as caught, held(tmp_path / "lock"):
            pass
    assert caught.value.holder.pid == os.getpid()


@pytest.mark.parametrize("left", [b"", None])
def test_of_many_who_wait_for_a_dead_holder_one_follows(left, tmp_path, holder, monkeypatch):
    monkeypatch.setattr(lease, "STALE", 3.0)  # on a busy machine a beat may be late
    if left is None:
        holder("another").kill()
    else:
        (tmp_path / "lock.1").write_bytes(left)
    inside, most, order = [0], [0], []

    def want():
        with held(tmp_path / "lock", wait=30) as mine:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            mine.check()
            order.append(mine.file.name)
            inside[0] -= 1

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and order == [f"lock.{number}" for number in range(2, 10)]


def test_one_that_follows_what_is_long_outdated_gives_way(tmp_path):
    with held(tmp_path / "lock") as first:
        (tmp_path / "lock.9").write_bytes(first.file.read_bytes())
    assert lease.next_after(tmp_path / "lock", tmp_path / "lock.5") is None
    assert not (tmp_path / "lock.6").exists()


def test_a_folder_that_is_removed_is_lost(tmp_path):
    place = tmp_path / "run" / "lock"
    place.parent.mkdir()
    with held(place) as mine:
        mine.file.unlink()
        place.parent.rmdir()
        time.sleep(3 * lease.BEAT)
        assert mine.lost
        with pytest.raises(Held):
            mine.check()


def test_other_names_in_the_folder_are_no_leases(tmp_path):
    for name in ("lock", "lock.holder", "lock.1.tmp", "clock.3", "lock."):
        (tmp_path / name).touch()
    with held(tmp_path / "lock") as mine:
        assert mine.file.name == "lock.1"
