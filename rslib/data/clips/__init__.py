"""Video clips: where they come from, how they are split, how they are shown.

`reading` (frames of a video file by their times).

May import the other rooms of data and the ground. PyAV is imported where a file is read or written.
"""
