"""From parameters to trained runs.

`params` (what notebooks and commands take, checked), `runs` (plan; load or train one), `sweep`
(many on one machine, after saying for how long), `processes` (starts, feeds and stops those that
train), `cluster` (gives runs to the nodes of a Ray cluster) and `remote` (what is done there),
`timing` (how long a run will take), `bill` (what else it needs), `estimate` and `needs` (what a
study costs at paper scale, without any data), `provenance` (what a result says of itself).

May import everything below: costs, tasks, training, evidence, data, recipes, the ground. Nothing is
imported here, as pages read `params` without torch.
"""
