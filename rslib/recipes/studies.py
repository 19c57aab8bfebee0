"""Every study of the book: what is trained for it, and what is measured."""

from rslib.recipes import Study
from rslib.recipes.additive import TABLE_1
from rslib.recipes.blocks import TABLE_1_BLOCKS
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.recipes.grid import FIGURE_2
from rslib.recipes.pareto import TABLE_3, TABLE_7
from rslib.recipes.scaling import FIGURE_3
from rslib.recipes.video import TABLE_6
from rslib.recipes.weight_decay import TABLE_2

ALL = (
    TABLE_1,
    TABLE_1_BLOCKS,
    TABLE_2,
    FIGURE_2,
    FIGURE_3,
    TABLE_3,
    TABLE_6,
    TABLE_7,
    FIGURE_5,
)
STUDIES: dict[str, Study] = {study.name: study for study in ALL}
TRAINED = {name: study for name, study in STUDIES.items() if study.rows}
MEASURED = {name: study for name, study in STUDIES.items() if study.networks}
