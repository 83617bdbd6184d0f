"""Where everything is kept: the database, the weights of the best trials, what trainings said of each row.

It knows nothing of searches or comparisons: it is told what to keep, and under which name.
"""
