"""What a network costs: `counts` (on paper: parameters, FLOPs, activations, the roofline), `stages`
(by stage, with the layers of Figure 6), `measure` (one measurement, a process of its own),
`profile` (many, kept by device).

May import models, training, recipes, evidence (the store of measurements) and the ground.
"""

from rslib.costs.counts import Counts, count, count_recipe, least_seconds

__all__ = ["Counts", "count", "count_recipe", "least_seconds"]
