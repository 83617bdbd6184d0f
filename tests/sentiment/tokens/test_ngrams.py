import math

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import murmurhash3_32

from sentiment.tokens.ngrams import HASHES, NGRAM_TOKEN, fit_ngrams, load_ngrams
from tests.sentiment.tokens.test_corpus import dataset, the_only

MIXED = ["Good film!", "a bad film", "not good, not bad", "정말 좋은 영화 👍", "정말 나쁜 영화", "อาหารอร่อยมาก", "..."]
WIDTH = 2**31 - 1


def hash_of(ngram: str) -> int:
    """As scikit-learn's FeatureHasher has it: the absolute value of a signed MurmurHash3, below the width."""
    return abs(murmurhash3_32(ngram.encode(), seed=0)) % WIDTH


def bag(ngrams, text):
    bags = ngrams.bags([text])
    return dict(zip(ngrams.hashes[bags.ids].tolist(), bags.weights.tolist(), strict=True))


def test_words_and_their_pairs_are_hashed_as_worked_by_hand():
    ngrams = fit_ngrams(["Good film", "good good!"], words=2, characters=0, most=100)
    expected = ["good", "film", "!", "good film", "good good", "good !"]
    assert ngrams.hashes.tolist() == sorted(map(hash_of, expected))
    idf = {"good": 1.0} | dict.fromkeys(expected[1:], 1 + math.log(3 / 2))
    found = dict(zip(ngrams.hashes.tolist(), ngrams.idf.tolist(), strict=True))
    assert found == pytest.approx({hash_of(ngram): value for ngram, value in idf.items()})
    # "good" twice: 1 + ln 2 times its idf of 1; the others once; then to length 1.
    weights = {"good": 1 + math.log(2), "good good": idf["!"], "!": idf["!"], "good !": idf["!"]}
    length = math.sqrt(sum(value**2 for value in weights.values()))
    assert bag(ngrams, "good GOOD!") == pytest.approx(
        {hash_of(name): value / length for name, value in weights.items()}
    )


def test_characters_stay_within_words_and_have_hashes_of_their_own():
    ngrams = fit_ngrams(["ab c"], words=0, characters=3, most=100)
    expected = [" ", "a", "b", "c", " a", "ab", "b ", " c", "c ", " ab", "ab ", " c "]
    assert ngrams.hashes.tolist() == sorted(WIDTH + hash_of(ngram) for ngram in expected)
    assert ngrams.hashes[-1] < HASHES


def test_they_weigh_what_scikit_learns_tfidf_says():
    ngrams = fit_ngrams(MIXED, words=2, characters=4, most=10_000)
    words, within = (
        TfidfVectorizer(sublinear_tf=True, norm=None, **kind).fit(MIXED)
        for kind in (
            {"token_pattern": NGRAM_TOKEN, "ngram_range": (1, 2)},
            {"analyzer": "char_wb", "ngram_range": (1, 4)},
        )
    )
    for text in MIXED:
        expected = {}
        for vectorizer, offset in ((words, 0), (within, WIDTH)):
            row = vectorizer.transform([text]).tocoo()
            names = vectorizer.get_feature_names_out()[row.col]
            expected |= {offset + hash_of(name): value for name, value in zip(names, row.data, strict=True)}
        length = math.sqrt(sum(value**2 for value in expected.values()))
        assert bag(ngrams, text) == pytest.approx({name: value / length for name, value in expected.items()}, rel=1e-5)


def test_a_text_alone_gives_what_it_gives_among_others_bit_for_bit():
    ngrams = fit_ngrams(MIXED, words=2, characters=4, most=10_000)
    together = ngrams.bags(MIXED)
    assert len(together) == len(MIXED)
    for row, text in enumerate(MIXED):
        alone = ngrams.bags([text])
        part = slice(together.offsets[row], together.offsets[row + 1])
        assert alone.ids.tolist() == together.ids[part].tolist()
        assert alone.weights.tolist() == together.weights[part].tolist()


def test_a_text_of_nothing_known_is_an_empty_bag():
    ngrams = fit_ngrams(["good film"], words=1, characters=0, most=10)
    bags = ngrams.bags(["", "bad", "film"])
    assert bags.offsets.tolist() == [0, 0, 0, 1]
    assert bags.weights.tolist() == [1.0]
    assert len(ngrams.bags([])) == 0


def test_of_many_texts_only_ngrams_of_two_are_kept_and_of_too_many_the_most_frequent():
    texts = [f"often once{row}" for row in range(999)] + ["often twice", "twice seldom"]
    assert fit_ngrams(texts, 1, 0, 100).hashes.tolist() == sorted(map(hash_of, ["often", "twice"]))
    assert fit_ngrams(texts, 1, 0, 1).hashes.tolist() == [hash_of("often")]


def test_half_of_a_surrogate_pair_and_a_very_long_text_are_read():
    ngrams = fit_ngrams(["a \ud83d b", "good " * 100_000], 1, 3, 1000)
    assert hash_of("good") in ngrams.hashes
    assert len(ngrams.bags(["\ud83d"])) == 1


class TestTheCache:
    def test_holds_what_was_built_from_training_rows(self, tmp_path):
        data = dataset(["good film", "bad film", "sealed", "sealed"], train=[0, 1])
        built = load_ngrams(data, 1, 0, 100, tmp_path)
        assert built.ngrams.hashes.tolist() == sorted(map(hash_of, ["good", "bad", "film"]))
        assert built.bags.offsets.tolist() == [0, 2, 4, 4, 4]
        again = load_ngrams(data, 1, 0, 100, tmp_path)
        assert isinstance(again.bags.ids.base, np.memmap)
        for name in ("ids", "weights", "offsets"):
            np.testing.assert_array_equal(getattr(built.bags, name), getattr(again.bags, name))
        np.testing.assert_array_equal(built.ngrams.idf, again.ngrams.idf)

    def test_has_a_folder_for_each_setting(self, tmp_path):
        for setting in ((1, 0, 100), (2, 0, 100), (1, 2, 100), (1, 0, 99)):
            load_ngrams(dataset(MIXED), *setting, tmp_path)
        assert len(list(tmp_path.iterdir())) == 4

    @pytest.mark.parametrize("name", ["hashes.npy", "idf.npy", "ids.npy", "weights.npy", "offsets.npy"])
    def test_is_built_anew_where_it_is_damaged(self, name, tmp_path):
        whole = load_ngrams(dataset(MIXED), 1, 2, 100, tmp_path)
        ids = whole.bags.ids.tolist()
        del whole
        file = the_only(tmp_path) / name
        file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
        with pytest.warns(UserWarning, match="is damaged or cannot be read; it is built anew"):
            assert load_ngrams(dataset(MIXED), 1, 2, 100, tmp_path).bags.ids.tolist() == ids
