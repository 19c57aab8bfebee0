"""Every study of the book: what is trained for it, and what is measured."""

from rslib.recipes import Study
from rslib.recipes.additive import TABLE_1
from rslib.recipes.efficientnet_rs import FIGURE_5
from rslib.recipes.pareto import TABLE_3, TABLE_7

STUDIES: dict[str, Study] = {s.name: s for s in (TABLE_1, TABLE_3, TABLE_7, FIGURE_5)}
TRAINED = {name: study for name, study in STUDIES.items() if study.rows}
MEASURED = {name: study for name, study in STUDIES.items() if study.networks}
