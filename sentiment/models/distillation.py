"""A network learns from another model: from what that one says of the training rows, and of texts that nobody labelled.

Hinton, Vinyals and Dean (2015), https://arxiv.org/abs/1503.02531, with the probabilities as they are. It is trained and
scored like any other network, on the same validation rows; labels of training rows take no part.
"""

from collections.abc import Sequence

import numpy as np

from sentiment.models.family import Model, Resources, Trained
from sentiment.models.network.batches import Examples
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.training import TrainingData, train, training_data
from sentiment.reviews.dataset import Dataset
from sentiment.tokens.corpus import load_corpus
from sentiment.tokens.tokenizers import encode, read_tokenizer

__all__ = ["distill"]


def distill(
    teacher: Model, student: NetworkConfig, dataset: Dataset, unlabelled: Sequence[str], resources: Resources
) -> Trained:
    """Train `student` on the teacher's probabilities.

    Args:
        teacher: answers about the same classes.
        student: what is trained.
        dataset: whose training texts it learns from, and whose validation rows choose its checkpoint.
        unlabelled: more texts to learn from.
        resources: as for any training.
    """
    corpus = load_corpus(dataset, student.token_unit, student.vocabulary_size, resources.cache)
    data = training_data(dataset, corpus)
    texts = dataset.texts("train")
    tokenizer = read_tokenizer(corpus.tokenizer_json, student.token_unit, corpus.vocabulary_size)
    encoded = encode(tokenizer, [*texts, *unlabelled])
    targets = teacher.probabilities([*texts, *unlabelled]).astype(np.float32)
    learned = Examples(encoded, np.arange(len(targets)), targets.argmax(axis=1), targets=targets)
    return train(
        student,
        TrainingData(learned, data.validation, data.vocabulary_size, data.classes, data.tokenizer_json),
        **resources.of_descent,
    )
