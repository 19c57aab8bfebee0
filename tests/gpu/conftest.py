"""The device of these tests: a CUDA GPU, or what RSLIB_TEST_DEVICE names."""

import os

import pytest
import torch


@pytest.fixture(scope="session")
def device():
    named = os.environ.get("RSLIB_TEST_DEVICE") or ("cuda" if torch.cuda.is_available() else "")
    if not named:
        pytest.skip("no CUDA GPU; with RSLIB_TEST_DEVICE=cpu this runs in miniature on the CPU")
    return torch.device(named)


@pytest.fixture(autouse=True)
def all_bits():
    """No TF32: what is compared in float32 has float32's bits."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
