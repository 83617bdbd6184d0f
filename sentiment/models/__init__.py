"""What can be trained: networks, by one config each, and the baselines that they must beat.

It knows nothing of files or of studies.
"""
