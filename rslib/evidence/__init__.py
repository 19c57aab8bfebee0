"""Numbers that are kept, and what they can say.

`results` (runs), `devices` (measured costs) and `released` (others' weights) are stores of JSON
files, `prices` (what an hour costs) is a file that the user edits; `stats` makes intervals and
contrasts of them and has the rule for each grade; `verdicts` applies both to the claims of a study,
`blocks` to those of a study in blocks. `power_law` and `scatter` fit error over FLOPs, and `gains`
judges dimensions on one's own images. `archive` takes in what another machine left.

May import recipes and the ground but `machine`: neither torch nor images, so that pages build
anywhere.
"""

from rslib.evidence.stats import Estimate, contrast, holm
from rslib.evidence.verdicts import Finding, findings

__all__ = ["Estimate", "Finding", "contrast", "findings", "holm"]
