"""Table 8: how every ResNet-RS is trained.

All share one recipe, the last row of Table 1, which is that of ResNet-RS-200 at 256 pixels. Three
strengths of its regularization change with depth or resolution.
"""

from rslib.config import Recipe, evolve
from rslib.recipes.additive import TABLE_1
from rslib.recipes.pareto import Published

AT_200 = TABLE_1.rows[-1].recipe


def recipe(depth: int, resolution: int) -> Recipe:
    """The recipe of a ResNet-RS by its depth and its resolution in pixels (Table 8).

    Sizes that are not in the table follow the same rule.
    """
    changes: dict[str, float] = {"model.depth": depth, "data.resolution": resolution}
    if resolution <= 160:
        changes["regularization.randaugment"] = 10.0
    if depth < 200:
        changes["regularization.stochastic_depth"] = 0.0
    if resolution >= 320:
        changes["regularization.dropout"] = 0.4
    return evolve(AT_200, changes)


def published(row: Published) -> Recipe:
    """The recipe of a ResNet-RS of Table 7."""
    return recipe(int(row.name.rpartition("_")[2]), row.resolution)
