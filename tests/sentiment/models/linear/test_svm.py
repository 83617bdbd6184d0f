"""Support vector machines beside scikit-learn's."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.svm import LinearSVC

from sentiment.metrics import cross_entropy
from sentiment.models.linear import svm
from sentiment.models.linear.config import LinearConfig
from sentiment.models.linear.model import fit


def drawn(n_classes: int, n: int = 300) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.choice(n_classes, size=n, p=np.arange(1, n_classes + 1) / np.arange(1, n_classes + 1).sum())
    labels[:n_classes] = range(n_classes)
    return scipy.sparse.csr_matrix(rng.normal(size=(n, 8)) + np.eye(n_classes, 8)[labels]), labels


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_predicts_what_scikit_learn_does(n_classes: int) -> None:
    features, labels = drawn(n_classes)
    coefficients, intercepts = svm.fit(features, labels, np.ones(n_classes), 0.5)
    expected = LinearSVC(C=0.5, random_state=0).fit(features, labels)
    said = svm.normalized(features @ coefficients.T + intercepts)
    np.testing.assert_array_equal(said.argmax(axis=1), expected.predict(features))
    np.testing.assert_allclose(said.sum(axis=1), 1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_is_as_sure_as_it_is_right(n_classes: int) -> None:
    """On rows it never saw, no other slope is better by more than a little."""
    features, labels = drawn(n_classes, n=6000)
    coefficients, intercepts = svm.fit(features[:3000], labels[:3000], np.ones(n_classes), 0.1)
    scores = features[3000:] @ coefficients.T + intercepts
    losses = {slope: cross_entropy(svm.normalized(slope * scores), labels[3000:]) for slope in (0.25, 0.5, 1, 2, 4)}
    assert min(losses, key=losses.__getitem__) == 1


def test_a_class_weighs_what_it_is_said_to_weigh() -> None:
    """A weight of 2 is as if each of its rows stood there twice."""
    features, labels = drawn(2)
    twice = np.concatenate([np.arange(300), np.flatnonzero(labels == 0)])
    weighed, doubled = (
        svm.fit(features[rows], labels[rows], weights, 0.5)[0]
        for rows, weights in ((np.arange(300), np.array([2.0, 1.0])), (twice, np.ones(2)))
    )
    direction = [found[0] / np.linalg.norm(found) for found in (weighed, doubled)]
    np.testing.assert_allclose(direction[0], direction[1], atol=1e-3)


def test_scores_that_deny_every_class_are_still_shares() -> None:
    said = svm.normalized(np.array([[-1e9, -1e9, -1e9], [1e9, -1e9, -1e9]]))
    np.testing.assert_allclose(said, [[1 / 3] * 3, [1, 0, 0]], atol=1e-12)


@pytest.mark.parametrize("labels", [[0, 1], [0, 0, 1], [0, 0, 0, 0, 1], [0, 1, 2], [0, 0, 0, 1, 2, 2]])
def test_classes_of_one_row_are_enough(labels: list[int]) -> None:
    texts = [f"text {'abc'[label]} of {number}" for number, label in enumerate(labels)]
    said = fit(LinearConfig(classifier="svm"), texts, labels, 3).probabilities(texts)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert np.isfinite(said).all()
