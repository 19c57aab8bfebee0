"""Training on one's own images, and what is trained as something that predicts.

`asked` (what `rslib train` is asked for, checked), `train` (from a folder to a finished run),
`classifier` (a finished run: the classes of new images, what it reaches on labelled ones), and
`scales` (does depth, width or resolution pay on these images).

May import running and everything below. Nothing is imported here, as commands' help needs no torch.
"""
