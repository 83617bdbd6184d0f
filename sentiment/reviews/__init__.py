"""A file becomes reviews: labels, classes, groups, what is left out, and the split with its sealed test.

It knows nothing of tokens or models.
"""

from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource

__all__ = ["DataSource", "Dataset", "load_dataset"]
