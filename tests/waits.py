"""What makes a host wait for its GPU, seen without a GPU."""

from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):
    """Counts what makes a host wait for its GPU: numbers that are read back from tensors."""

    NAMES = ("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero")

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in self.NAMES:
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))
