"""Every study of the book that can be trained."""

from rslib.recipes.additive import TABLE_1
from rslib.recipes.efficientnet_rs import FIGURE_5

STUDIES = {study.name: study for study in (TABLE_1, FIGURE_5)}
