"""From parameters to trained runs.

`params` (what notebooks and commands take, checked), `runs` (plan; load or train one), `sweep`
(many on one machine, after saying for how long), `processes`, `timing`, `provenance` (what a result
says of itself).

May import everything below: tasks, training, evidence, data, recipes, the ground. Nothing is
imported here, as pages read `params` without torch.
"""
