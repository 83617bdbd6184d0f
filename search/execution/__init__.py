"""Where work runs: this process, or several of this machine. One rule for interrupts and for the lost.

It knows nothing of studies: it is given functions and calls them.
"""
