"""How the processes of torchrun meet: what is missing or differs is one line, and told once."""

import os
from datetime import timedelta

import pytest
import torch
from ranks import free_port, together

from rslib.commands import errors
from rslib.config import InputError
from rslib.system import commit
from rslib.training import distributed


@pytest.fixture
def of_torchrun(monkeypatch):
    """As torchrun starts the first of two processes, and the other never comes."""
    found = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    found |= {"RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for name, value in (found | {"MASTER_PORT": str(free_port())}).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize("nccl", [True, False])
def test_what_gpus_need_and_is_not_here_is_told_once_on_a_machine(nccl, rank, of_torchrun):
    of_torchrun.setattr(distributed.dist, "is_nccl_available", lambda: nccl)
    of_torchrun.setattr(torch.cuda, "device_count", lambda: 1)
    of_torchrun.setenv("LOCAL_RANK", rank)
    of_torchrun.setenv("RANK", "9")  # of another machine than the leader's
    said = "2 processes, but 1 GPU here; give --nproc-per-node 1" if nccl else "has no NCCL"
    expected = pytest.raises(InputError, match=said) if rank == "0" else pytest.raises(SystemExit)
    with expected, distributed.joined("cuda"):
        raise AssertionError("it joined")


def test_processes_that_do_not_meet_say_where_and_may_try_again(of_torchrun, capsys):
    meet = distributed.dist.init_process_group
    short = {"timeout": timedelta(seconds=1)}
    of_torchrun.setattr(distributed.dist, "init_process_group", lambda name: meet(name, **short))
    with pytest.raises(distributed.Lost) as lost, distributed.joined("cpu"):
        raise AssertionError("it joined")
    assert errors.told(lost.value) == 75
    said = capsys.readouterr().err
    where = f"127.0.0.1:{os.environ['MASTER_PORT']}"
    assert said.startswith(f"rslib: process 0 did not meet the others of this run at {where} (")
    assert said.count("\n") == 1


@pytest.mark.parametrize("tree", ["other", None])
def test_other_code_is_refused_also_where_nothing_is_committed(tree, monkeypatch):
    nameless = {"commit": None, "code": None, "dirty": True}  # as two copies without git
    monkeypatch.setattr(commit, "code_version", lambda: nameless)
    monkeypatch.setattr(commit, "of_files", commit.of_files.__wrapped__)

    def work(rank):
        if rank and tree:
            commit.tree_hash = lambda folder: tree
        with distributed.joined("cpu"):
            if not rank:
                return distributed.tell("run")
            try:
                return distributed.told()
            except InputError as error:
                return str(error)

    _, said = together(2, work)
    refused = (
        "process 0 has other code (code of no commit) than process 1 (code of no commit); "
        "bring all machines to one commit"
    )
    assert said == (refused if tree else "run")
