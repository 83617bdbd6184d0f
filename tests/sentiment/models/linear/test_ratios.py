"""Log-count ratios, by hand."""

import numpy as np
import scipy.sparse

from sentiment.models.linear.config import LinearConfig
from sentiment.models.linear.model import fit
from sentiment.models.linear.ratios import ratios, scaled


def test_an_n_gram_counts_by_the_shares_of_rows_that_hold_it() -> None:
    # Class 0 has 1 of 4 rows. With 2 rows more, half a row of them in class 0:
    #   the first n-gram stands in its row and in none of the 3 others: (1 + .5) / .25 against (0 + 1.5) / .75;
    #   the second in none of class 0, in 2 of the others: .5 / .25 against 3.5 / .75.
    features = scipy.sparse.csr_matrix(np.array([[0.3, 0], [0, 0.9], [0, 0.1], [0, 0]]))
    found = ratios(features, np.array([0, 1, 1, 1]), smoothing=2.0)
    np.testing.assert_allclose(found, [np.log(6 / 2), np.log((3.5 / 0.75) / 2)])


def test_of_more_classes_the_one_that_it_tells_apart_best_counts() -> None:
    features = scipy.sparse.csr_matrix(np.array([[1.0, 1], [1, 1], [0, 1]] * 5))
    labels = np.array([0, 1, 2] * 5)
    each = [ratios(features, (labels == number).astype(int), 1.0) for number in range(3)]
    np.testing.assert_allclose(ratios(features, labels, 1.0), np.max(each, axis=0))


def test_what_says_nothing_is_worth_nothing_however_rare_a_class_is() -> None:
    labels = np.array([0] * 2 + [1] * 98)
    features = scipy.sparse.csr_matrix(np.ones((100, 1)))
    np.testing.assert_allclose(ratios(features, labels, 2.0), 0, atol=1e-12)


def test_scaling_multiplies_each_column_and_leaves_what_it_was_given() -> None:
    features = scipy.sparse.csr_matrix(np.array([[1.0, 2.0], [0.0, 3.0]]))
    np.testing.assert_array_equal(scaled(features, np.array([2.0, 10.0])).toarray(), [[2, 20], [0, 30]])
    np.testing.assert_array_equal(features.toarray(), [[1, 2], [0, 3]])


def test_a_word_of_one_class_counts_more_with_ratios() -> None:
    """Beside a word that both classes use, though it is a little more frequent in one."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=200)
    texts = [
        f"{'superb' if label and rng.random() < 0.3 else ''} the{'' if label else ' the'} film" for label in labels
    ]
    plain, by_ratio = (
        fit(LinearConfig(word_ngrams=1, character_ngrams=0, ratio_power=power), texts, labels, 2)
        for power in (0.0, 1.0)
    )
    said = [model.probabilities(["superb the the film"])[0, 1] for model in (plain, by_ratio)]
    assert said[1] > said[0]
