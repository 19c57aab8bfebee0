"""What this process may use of the machine."""

import os
from pathlib import Path


def cores():
    """CPU cores open to this process: its affinity, and its container's quota, rounded down."""
    if not hasattr(os, "sched_getaffinity"):  # not Linux
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.exists():
        limit, period = quota.read_text().split()
        if limit != "max":
            allowed = min(allowed, int(limit) // int(period))
    return max(1, allowed)
