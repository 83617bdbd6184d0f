"""Ideas compared: arms are tuned alike, trained in pairs, scored on sealed rows, and judged.

It decides what may be said; how that is shown is the matter of `search.report.folder`.
"""
