"""What readers see, made from what is recorded: tables, figures, sentences, pages.

`collect` (the one call of a notebook), `protocols` (what a set of results is called and worth),
`tables`, `numerals` (how numbers are written), `claims` (verdicts in words), `plot`,
`block_plot` (lines through blocks), `sheets` (pictures side by side), `unread` (files that could
not be read), `compared` (accuracy against other libraries), `markdown` (its tables); of costs
`speed`, `ratios` (the speed claim), `memory` (Table 3), `counted`, `hours` and `estimate` (hours
and money), `took` (the time of each scale), `ways` (processes, Ray), `rescaled` (EfficientNet-RS)
and `pareto_plot` (top-1 over latency); `front` and `found` (the front page), `standing` (what a
verdict is worth), `pages`, `benched` and `render` write the book's.

May import everything below; at import only what needs no torch: evidence, recipes, the parameters
and the ground but `machine`.
"""
