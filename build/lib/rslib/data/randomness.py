"""Every random choice has an address, so no order of events, worker or restart can change it."""

import hashlib
import struct

import torch


def seed_of(*address):
    """A 63-bit seed for an address of integers, e.g. (run seed, epoch, image index)."""
    packed = struct.pack(f"<{len(address)}q", *address)
    return int.from_bytes(hashlib.blake2b(packed, digest_size=8).digest(), "little") >> 1


def generator(*address):
    """A torch.Generator that starts at the address.

    torch keeps only 32 bits of a seed in its CPU generator, hence the hash before it.
    """
    return torch.Generator().manual_seed(seed_of(*address))
