"""A machine without TorchCodec decodes the same pixels by Pillow, and says so once."""

import sys

import pytest
import torch
from pictures import photos

from rslib.data import check


@pytest.fixture
def without(monkeypatch):
    """None in sys.modules makes an import raise ModuleNotFoundError."""
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    check.fast_decoder.cache_clear()
    yield
    check.fast_decoder.cache_clear()


def test_pixels_are_the_same(monkeypatch):
    pytest.importorskip("torchcodec")
    by_codec = [check.decode(photo) for photo in photos()]
    monkeypatch.setattr(check, "fast_decoder", lambda: None)
    for photo, expected in zip(photos(), by_codec, strict=True):
        found = check.decode(photo)
        assert torch.equal(found, expected) and found.stride() == expected.stride()


def test_it_is_said_once(without, listing):
    said = []
    for _ in range(2):
        check._read_all(listing[0].items, False, said.append)
    assert len(said) == 1 and said[0].startswith("torchcodec is not installed: JPEGs are decoded")
