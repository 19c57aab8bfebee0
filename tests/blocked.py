"""Results of a study in blocks, drawn by chance."""

import base64

import numpy as np

from rslib.config import to_dict
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.scales import at_scale

SESSION = {"code": "c", "dirty": False, "device_name": "a CPU", "precision": "fp32"}


def right(rng, share, n=400):
    """Counts as a result has them, of n images of which about `share` are right."""
    bits = rng.random(n) < share
    packed = base64.b64encode(np.packbits(bits).tobytes()).decode()
    return {"correct": int(bits.sum()), "n": n, "bits": packed}


def table(rng, tops, *, study=TABLE_1_BLOCKS, count=8, train=1.0, lacks=(), deviation=0.01):
    """Results of every row of the corners in blocks; tops: {id: share of images got right}."""
    found = []
    for block in range(1, count + 1):
        level = rng.normal(0, 0.015)  # what the block's subset is worth
        for id, top in tops.items():
            if (block, id) in lacks:
                continue
            recipe = at_scale(study.row(id), "laptop", block=block).recipe
            share = top + level + rng.normal(0, deviation)
            both = {"raw": right(rng, share), "ema": right(rng, share)}
            fit = dict.fromkeys(("raw", "ema"), right(rng, train))
            found.append(
                {
                    "row": id,
                    "timing": {"seconds": 60.0},
                    "seed": block,
                    "scale": "laptop",
                    "status": "complete",
                    "recipe": to_dict(recipe),
                    "recipe_sha256": f"{id}{block}",
                    "metrics": {"test": both, "further": both, "train": fit},
                    "run_id": f"{id}-0123456789-s{block}",
                    "history": [],
                    "sessions": [SESSION],
                    "data": {"name": "cifar", "classes": 10, "test": 400, "further": 400},
                    "protocol": {
                        "id": "p1",
                        "model": "ResNet-26",
                        "resolution": 32,
                        "images": "cifar",
                        "train_images": 1000,
                        "long_epochs": 350,
                        "own_epochs": 350,
                    },
                }
            )
    return found
