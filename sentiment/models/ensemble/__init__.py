"""Several models of any family, each with a weight: their mean answers.

It knows nothing of searches. Who has models that were trained before combines them (`combine`); who has their configs
alone trains them first (`Ensemble.train`).
"""
