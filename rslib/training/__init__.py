"""How a network is trained: the engine and its parts.

`engine` (one function, `fit`, on Ignite), `task` (what it asks of a task), `forward` (a batch
through a network), `distributed` (one run in several processes), `optim` (learning rates, SGD,
RMSProp), `ema`, `checkpoint`, `history` (a line an epoch, live), `tracking` (the same elsewhere),
`metrics`, `clock` (the printed line, when to save), `compiling` (the compiled step), `memory` (of a
step, at least), `unread` (files that could not be read, counted).

May import models, data, for the addresses of random numbers, and the ground. Only these files
import Ignite.
"""

from rslib.training.ema import Ema
from rslib.training.engine import fit
from rslib.training.optim import learning_rate, optimizer

__all__ = ["Ema", "fit", "learning_rate", "optimizer"]
