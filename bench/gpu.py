"""One command for a GPU: is it right, does it work, the headline, the peers, the evidence.

    python bench/gpu.py --minutes 9 --out runs/gpu [--device cuda] [--data-dir FOLDER] [--steps …]

Every step has its share of the minutes, is a process of its own (`bench/gpu_steps.py`), and writes
each result as soon as it has it. A second call takes up what is missing. Whatever happens, the
command ends within the minutes, and leaves all results in OUT/gpu.tar.gz, which
`rslib record --from` takes. `--device cpu` runs every step in miniature: that shows that the
path works, and none of its results can be recorded.

Exit codes: 0 all steps are complete, 1 a step failed, 75 time ran out with things left.
"""

import argparse
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # also where nothing is installed

from rslib.atomic import write_atomically  # noqa: E402
from rslib.system import commit  # noqa: E402
from rslib.system.lease import Taken, held  # noqa: E402

# seconds of nine minutes; "more" waits until the others are complete, or for half an hour
SHARES = {"right": 45, "works": 20, "headline": 150, "peers": 60, "evidence": 240, "more": 150}
DONE, FAILED, LEFT = 0, 1, 75
RESERVE = 0.04  # of the minutes, for packing and for steps that are slow to leave
LEAST = 5.0  # seconds that a step is worth starting for
GRACE = 3.0  # seconds between SIGTERM and SIGKILL, within a step's share
REFRESH = 15.0  # seconds between looks at whether the archive should be packed anew
KEPT = (  # in the archive, what matters most first
    "steps/*.json",
    "profile/*.json",
    "bench/*.json",
    "pace.json",
    "table[16]/*/attempt-*/result.json",
    "logs/*.log",
)
MOST = 15 * 2**20  # bytes of files in the archive: packed, it stays below 16 MiB


class Told(BaseException):
    """A signal says that this process should end."""


def main():
    asked = options()
    out = asked.out.resolve()
    for name in ("steps", "logs"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    if asked.device != "cpu" and commit.code_version()["dirty"]:  # minutes of a GPU would be lost
        print(f"{commit.why_dirty()}: what is measured now cannot be recorded", flush=True)
    try:
        with held(out / "lock", report=print):
            return Call(asked, out).run()
    except Taken:
        print(f"another process works in {out}; when that has ended, give the command again")
        return LEFT


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="after which it has ended")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu", help="results")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="cpu: miniature")
    parser.add_argument("--data-dir", default="", help="images: train/<class>/ and test/<class>/")
    parser.add_argument("--steps", default=",".join(SHARES), help="which; default all")
    asked = parser.parse_args()
    named = asked.steps.split(",")
    if unknown := sorted({*named} - {*SHARES}):
        parser.error(f"--steps names {unknown[0]!r}; choose from {', '.join(SHARES)}")
    asked.steps = [name for name in SHARES if name in named]
    if not 0 < asked.minutes < 24 * 60:
        parser.error(f"--minutes is {asked.minutes}; give a number above 0")
    asked.data_dir = asked.data_dir and str(Path(asked.data_dir).expanduser().resolve())
    return asked


def told(number, frame):
    raise Told


class Call:
    """One call of the command: which steps are due, and how long each may take."""

    def __init__(self, asked, out):
        self.asked, self.out, self.failed = asked, out, {}
        self.end = time.monotonic() + 60 * asked.minutes
        self.usable_until = self.end - max(2.0, RESERVE * 60 * asked.minutes)
        trees = [commit.tree_hash(ROOT / name) for name in ("rslib", "bench", "tests/gpu")]
        about = [*trees, asked.device, asked.data_dir]
        self.made_of = hashlib.sha256(json.dumps(about).encode()).hexdigest()
        self.packed_when = None

    def run(self):
        """All that is due, and again what was left, until nothing is or time is up."""
        try:
            while todo := self.todo():
                before = self.left()
                for place, name in enumerate(todo):
                    share = self.left() * SHARES[name] / sum(SHARES[n] for n in todo[place:])
                    if share >= LEAST:
                        self.step(name, share)
                if self.left() < LEAST or self.left() > before - 1:
                    break
        except Told:
            print("told to stop; the same command goes on", flush=True)
        self.pack()
        return self.outcome()

    def left(self):
        return max(0.0, self.usable_until - time.monotonic())

    def todo(self):
        """Steps that are due, not complete, and have not failed in this call."""
        missing = [name for name in self.asked.steps if not self.complete(name)]
        if self.asked.device == "cpu":  # "more" has the code of "headline"
            missing = [name for name in missing if name != "more"]
        if missing != ["more"] and self.asked.minutes < 30:
            missing = [name for name in missing if name != "more"]
        return [name for name in missing if name not in self.failed]

    def complete(self, name):
        file = self.out / "steps" / f"{name}.json"
        if not file.exists():
            return False
        found = json.loads(file.read_text(encoding="utf-8"))
        return found["status"] == "complete" and found["made_of"] == self.made_of

    def step(self, name, seconds):
        """Run one step for so long, keep what became of it, refresh the archive."""
        print(f"{name}: begins, for at most {seconds:.0f} s", flush=True)
        begin, log = time.monotonic(), self.out / "logs" / f"{name}.log"
        code = self.process(name, seconds, log)
        took = time.monotonic() - begin
        ended = {DONE: "complete", LEFT: "left", None: "left", -signal.SIGTERM: "left"}
        status = ended.get(code, "failed")
        why = {"complete": "", "left": "time ran out"}.get(status, f"exit code {code}: {last(log)}")
        if status == "failed":
            self.failed[name] = why
        found = {"step": name, "status": status, "why": why, "seconds": round(took, 1)}
        found |= {"device": self.asked.device, "miniature": self.asked.device == "cpu"}
        found |= {"made_of": self.made_of, **commit.code_version()}
        text = json.dumps(found, indent=1) + "\n"
        write_atomically(self.out / "steps" / f"{name}.json", text.encode())
        print(f"{name}: {status} after {took:.0f} s{why and ': '}{why}", flush=True)
        self.pack()

    def process(self, name, seconds, log):
        """A step's exit code; None if it was ended. Nothing that it started outlives it."""
        words = [sys.executable, str(ROOT / "bench" / "gpu_steps.py"), name]
        words += ["--out", str(self.out), "--device", self.asked.device]
        words += ["--seconds", f"{seconds - GRACE:.1f}", "--data-dir", self.asked.data_dir]
        with open(log, "ab") as said:
            child = subprocess.Popen(
                words, stdout=said, stderr=said, cwd=ROOT, env=environment(), start_new_session=True
            )
        ended, until = None, time.monotonic() + seconds - GRACE
        try:
            while ended is None and time.monotonic() < until:
                try:
                    ended = child.wait(min(REFRESH, max(0.1, until - time.monotonic())))
                except subprocess.TimeoutExpired:
                    self.pack()
            return ended
        finally:
            end_group(child)

    def pack(self):
        """Write the archive, if anything in it has changed."""
        found = [file for pattern in KEPT for file in sorted(self.out.glob(pattern))]
        when = [(file, file.stat().st_mtime_ns, file.stat().st_size) for file in found]
        if when != self.packed_when:
            write_atomically(self.out / "gpu.tar.gz", archive(found, self.out))
            self.packed_when = when

    def outcome(self):
        """Say in one line what is complete, failed or left; return the exit code."""
        missing = self.todo()
        archived = self.out / "gpu.tar.gz"
        size = archived.stat().st_size / 2**20
        where = f"{archived}, {size:.2f} MiB"
        if self.failed:
            print(f"failed: {', '.join(self.failed)}; left: {', '.join(missing) or '-'}; {where}")
            return FAILED
        print(f"left: {', '.join(missing)}; {where}" if missing else f"all is complete; {where}")
        return LEFT if missing else DONE


def environment():
    """Of a step: this project first, whatever is installed."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(ROOT), *([before] if before else [])])
    return {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def end_group(child):
    """End a process and all that it started: by SIGTERM, and after GRACE by SIGKILL."""
    until = time.monotonic() + GRACE
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        while time.monotonic() < until and alive(child):
            time.sleep(0.05)
    child.wait()


def alive(child):
    child.poll()  # else it would stay in its group as a zombie
    try:
        os.killpg(child.pid, 0)
    except ProcessLookupError:
        return False
    return True


def last(log):
    """The last line that a step said."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def archive(files, out):
    """A .tar.gz of files, as many from the first on as fit into MOST."""
    packed, size, left_out = io.BytesIO(), 0, []
    with tarfile.open(fileobj=packed, mode="w:gz") as held:
        for file in files:
            content = file.read_bytes()
            if file.suffix == ".log":
                content = content[-200_000:]
            if size + len(content) + 1024 > MOST:
                left_out.append(file.name)
                continue
            size += len(content) + 1024
            about = tarfile.TarInfo(file.relative_to(out).as_posix())
            about.size, about.mtime = len(content), int(file.stat().st_mtime)
            held.addfile(about, io.BytesIO(content))
    if left_out:
        print(f"{len(left_out)} files do not fit into the archive, such as {left_out[0]}")
    return packed.getvalue()


if __name__ == "__main__":
    sys.exit(main())
