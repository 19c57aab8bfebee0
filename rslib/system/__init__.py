"""What lies under a process, without torch: `commit` (which code it runs, as git or COMMIT tells),
`faults` (what the machine did to it, as one line), `lease` (a place held by one of many
processes), `signals` (it is told to stop), `output` (that dies neither of a
character nor of being closed).

May import config, paths and atomic. A part of the ground.
"""
