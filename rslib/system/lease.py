"""A place held by one process of many, also across machines and on network drives.

`lock.7` is the seventh lease of the place `lock`: a file that only one process can create
(O_EXCL), which says who holds it, counts a number up for as long as its process lives, and says in
the end that it is free. The highest number counts. So a lease that its holder left is taken over by
creating the next number, which succeeds for one of many; no clock of two machines is compared, and
no file is ever taken from under a process. flock is not used: not every network drive has it.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

BEAT = 5.0  # seconds after which a holder shows again that it lives
STALE = 60.0  # seconds without that, as an observer counts them, by which it counts as dead
POLL = 0.2  # seconds between looks at somebody else's lease
FREE = b"free\n"  # what is left in a file when its process leaves


class Held(RuntimeError):
    """Another process does this very work."""


class Taken(Held):
    """… and has done so from the beginning; `holder` says who it is."""

    def __init__(self, holder: "Holder", said: str = "") -> None:
        super().__init__(said or f"held by {holder}")
        self.holder = holder


@dataclass(frozen=True)
class Holder:
    """Who holds a lease; without a pid where the file does not tell."""

    host: str = ""
    machine: str = ""  # of this boot, and of this container: where its pid means something
    pid: int = 0
    started: str | None = None  # of the process, as the system counts: a pid may come again
    since: str = ""
    token: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "another process"
        return f"process {self.pid} on {self.host} since {self.since}"

    def lives(self) -> bool | None:
        """As the system knows; None of a process that it does not know of."""
        if not self.machine or self.machine != machine():
            return None
        return started(self.pid) == self.started


class Lease:
    """One that this process holds, or has held."""

    def __init__(self, place: Path, number: int) -> None:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self.holder = Holder(
            host=socket.gethostname(),
            machine=machine(),
            pid=os.getpid(),
            started=started(os.getpid()),
            since=since,
            token=secrets.token_hex(8),
        )
        self.place, self.file = place, numbered(place, number)
        self.head = json.dumps(asdict(self.holder)).encode() + b"\n"
        self.beats, self.lost, self.ended = 0, False, threading.Event()
        self.file.touch(exist_ok=False)  # O_EXCL
        try:
            self.write(self.head + self.pulse())
        except BaseException:  # else a full disk would leave a lease that nobody holds
            self.file.unlink(missing_ok=True)
            raise

    def pulse(self) -> bytes:
        self.beats += 1
        return f"{self.beats:012}\n".encode()

    def write(self, content: bytes, at: int = 0) -> None:
        """Into the file as it is: made anew, it could take the place of somebody else's."""
        try:
            with open(self.file, "rb+", buffering=0) as file:  # closing it shows it to other hosts
                file.seek(at)
                file.write(content)
        except OSError as error:
            error.filename = str(self.file)  # a write that fails names none
            raise

    def beat(self) -> None:
        """Show until the end that this process lives; what a thread of it does."""
        while not self.ended.wait(BEAT):
            with suppress(OSError):  # the drive may come back; what is lost by then, `check` tells
                self.lost = not self.mine()
                self.write(self.pulse(), at=len(self.head))

    def mine(self) -> bool:
        file, _, holder = newest(self.place)
        return file == self.file and holder is not None and holder.token == self.holder.token

    def check(self) -> None:
        """Raises Held where another process has taken over, as while this one was suspended."""
        if not self.mine():
            raise Held(
                f"this process gave no sign of life for more than {STALE:.0f} s, and "
                f"{newest(self.place)[2] or Holder()} took {self.place} over; what this process "
                "has not written yet is left to that one"
            )

    def end(self) -> None:
        if self.mine():
            with suppress(FileNotFoundError):  # taken over between these lines
                self.write(FREE)
                os.truncate(self.file, len(FREE))


@contextmanager
def held(
    place: Path,
    *,
    wait: float = 0.0,
    waiting: str = "",
    report: Callable[[str], None] = lambda line: None,
) -> Iterator[Lease]:
    """Hold a place for this process. Raises Taken where another one does.

    wait: seconds until then, at the beginning of which `waiting` is reported. Whatever it is: of a
    process on another machine it takes BEAT to see that it lives, and STALE that it does not.
    """
    lease = taken(place, wait, waiting, report)
    thread = threading.Thread(target=lease.beat, name=f"lease of {place}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.ended.set()
        thread.join()  # else its beat could follow the word that the place is free
        lease.end()


def taken(place: Path, wait: float, waiting: str, report: Callable[[str], None]) -> Lease:
    """The lease, once nobody else has the place."""
    began, seen, silent, alive = time.monotonic(), None, 0.0, False
    while True:
        file, content, holder = newest(place)
        if content != seen:  # a beat, or another holder
            alive, seen, silent = seen is not None, content, 0.0
        lives = holder.lives() if holder else None
        gone = lives is False or (lives is None and silent >= STALE)
        if file is None or is_free(content) or gone:
            if lease := next_after(place, file):
                return lease
            continue  # another was quicker
        holder = holder or Holder()
        if (alive or lives) and time.monotonic() - began >= wait:
            raise Taken(holder)
        if not waiting and not wait and silent > 2 * BEAT:
            waiting = f"{holder} gives no sign of life: waiting {STALE:.0f} s for one"
            report(waiting)
        elif waiting and wait:
            report(waiting)
            waiting = ""
        looked = time.monotonic()
        time.sleep(POLL)
        # what passes while this process is itself suspended is no time in which it looked
        silent += min(time.monotonic() - looked, 2 * POLL)


def next_after(place: Path, file: Path | None) -> Lease | None:
    """The lease that follows a file's; None if another process has it."""
    number = number_of(file) + 1 if file else 1
    try:
        lease = Lease(place, number)
    except FileExistsError:
        return None
    others = leases(place)
    if others[-1] != lease.file:  # it followed one that was long outdated, and then removed
        lease.file.unlink(missing_ok=True)
        return None
    for old in others[:-1]:
        old.unlink(missing_ok=True)
    return lease


def holder_of(place: Path) -> Holder | None:
    """Who holds a place now; None if nobody does. One on another machine is believed to live."""
    file, content, holder = newest(place)
    if file is None or is_free(content) or (holder and holder.lives() is False):
        return None
    return holder or Holder()


def silent(places: Iterable[Path]) -> set[Path]:
    """Those of which nobody can say that the holder lives: on another machine, and no beat in two.

    Takes that long where there are such.
    """
    seen = {}
    for place in places:
        _, content, holder = newest(place)
        if content and not is_free(content) and (not holder or holder.lives() is None):
            seen[place] = content
    if seen:
        time.sleep(2 * BEAT)
    return {place for place, content in seen.items() if newest(place)[1] == content}


def newest(place: Path) -> tuple[Path | None, bytes | None, Holder | None]:
    """(file, content, holder) of the lease that counts; no holder in what is empty or damaged."""
    while files := leases(place):
        try:
            content = files[-1].read_bytes()
        except FileNotFoundError:  # the one after it is there by now
            continue
        try:
            return files[-1], content, Holder(**json.loads(content.partition(b"\n")[0]))
        except (ValueError, TypeError):
            return files[-1], content, None
    return None, None, None


def is_free(content: bytes | None) -> bool:
    return content is not None and content.startswith(FREE)  # more follows until it is cut off


def leases(place: Path) -> list[Path]:
    """The files of a place, in their order."""
    try:
        names = os.listdir(place.parent)
    except FileNotFoundError:
        return []
    ends = (name.removeprefix(f"{place.name}.") for name in names)
    numbers = sorted(int(end) for end in ends if end.isdecimal())
    return [numbered(place, number) for number in numbers]


def numbered(place: Path, number: int) -> Path:
    return place.with_name(f"{place.name}.{number}")


def number_of(file: Path) -> int:
    return int(file.suffix[1:])


def machine() -> str:
    """This boot of this machine, and the container in which its process numbers count; "" where
    the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def started(pid: int) -> str | None:
    """When a process of this machine began, in ticks since the boot; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    state, *fields = stat.rpartition(b")")[2].split()  # a name before it may have any character
    return None if state in (b"Z", b"X") else fields[18].decode()
