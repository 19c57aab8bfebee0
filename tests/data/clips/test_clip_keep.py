"""Folders that are made once."""

import threading

import pytest

from rslib.config import InputError
from rslib.data.clips.keep import made_once


def test_one_makes_and_the_others_wait(tmp_path):
    made, said, seen = [], [], []
    begun, may_end = threading.Event(), threading.Event()

    def make(draft):
        made.append(draft)
        (draft / "a").write_text("whole", encoding="utf-8")
        begun.set()
        may_end.wait(10)

    def want():
        folder = made_once(tmp_path / "set", make, said.append)
        seen.append((folder / "a").read_text(encoding="utf-8"))

    threads = [threading.Thread(target=want) for _ in range(3)]
    threads[0].start()
    begun.wait(10)
    assert not (tmp_path / "set").exists()
    for thread in threads[1:]:
        thread.start()
    while len(said) < 2:
        begun.wait(0.01)
    may_end.set()
    for thread in threads:
        thread.join(20)
    assert len(made) == 1 and seen == ["whole"] * 3
    assert said == [f"another process makes {tmp_path / 'set'}: waiting for it"] * 2
    assert not list(tmp_path.glob("*.draft"))


def test_what_fails_leaves_nothing_and_a_killed_draft_is_removed(tmp_path):
    (tmp_path / "set.old.draft").mkdir()

    def fail(draft):
        (draft / "a").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path / "set", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["set.lock.1"]
    assert made_once(tmp_path / "set", lambda draft: (draft / "a").touch()) == tmp_path / "set"


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to .*file: .*; make room"):
        made_once(tmp_path / "file" / "set", lambda draft: None)
