"""A bag of n-grams: what it computes, that it learns, and that its files are checked."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from sentiment.bundle.folder import Bundle, write_bundle
from sentiment.errors import InputError
from sentiment.models.bag.config import BagConfig
from sentiment.models.bag.model import BagModel, BagNetwork, load
from sentiment.models.bag.training import train, training_data
from sentiment.models.family import Resources
from sentiment.models.ngrams import bag_batch, log_count_ratios
from sentiment.models.registry import family_of
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.tokens.ngrams import Bags, NgramCorpus, Ngrams, fit_ngrams
from tests.support.tiny import source

CONFIG = BagConfig(character_ngrams=3, learning_rate=0.02, epochs=2, batch_size=16)
TEXTS = ["good film", "good", "bad film", "bad", "no film"]
LABELS = np.array([1, 1, 0, 0, 0])


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def words() -> NgramCorpus:
    ngrams = fit_ngrams(TEXTS, words=1, characters=0, most=100)
    return NgramCorpus(ngrams, ngrams.bags(TEXTS))


def begun(words: NgramCorpus, n_classes: int = 2) -> BagNetwork:
    network = BagNetwork(BagConfig(dropout=0.0), len(words.ngrams), n_classes)
    network.ngrams.know(words.ngrams)
    return network


def test_a_logit_is_the_weighted_sum_of_the_ngrams_of_a_text_and_a_bias(words: NgramCorpus) -> None:
    network = begun(words)
    with torch.no_grad():
        network.ngrams.weight.normal_()
        network.bias.copy_(torch.tensor([0.5, -1.0]))
        found = network(bag_batch(words.bags, np.array([2, 0])))
    for row, logits in zip((2, 0), found, strict=True):
        part = slice(words.bags.offsets[row], words.bags.offsets[row + 1])
        ids, weights = words.bags.ids[part].astype(int), torch.from_numpy(np.array(words.bags.weights[part]))
        expected = weights @ network.ngrams.weight[ids] + network.bias
        torch.testing.assert_close(logits, expected)


def test_naive_bayes_says_what_was_worked_by_hand(words: NgramCorpus) -> None:
    # With one more of each there are 4 and 3 texts, 4/7 and 3/7 of all; the text thought of is of both in these parts.
    found = log_count_ratios(words, np.arange(5), LABELS, 2)
    for word, first, second in (("film", 2, 1), ("good", 0, 2), ("bad", 2, 0), ("no", 1, 0)):
        ratio = math.log((first + 4 / 7) / 4 / ((second + 3 / 7) / 3))
        assert found[words.ngrams.bags([word]).ids[0]].tolist() == pytest.approx([ratio, -ratio], rel=1e-5)


def test_naive_bayes_says_of_some_rows_in_any_order_what_it_says_of_them_alone(words: NgramCorpus) -> None:
    rows = np.array([3, 0, 4])
    alone = NgramCorpus(words.ngrams, words.ngrams.bags([TEXTS[row] for row in rows]))
    among = log_count_ratios(words, rows, LABELS[rows], 2)
    assert torch.equal(among, log_count_ratios(alone, np.arange(3), LABELS[rows], 2))


def test_naive_bayes_copies_no_ngram_to_count_it() -> None:
    texts = 20_000
    ids = np.tile(np.arange(50, dtype=np.int32), texts)
    bags = Bags(ids, np.ones(len(ids), dtype=np.float32), np.arange(texts + 1) * 50)
    ngrams = Ngrams(1, 0, np.arange(50), np.ones(50, dtype=np.float32))
    corpus, rows = NgramCorpus(ngrams, bags), np.arange(texts)
    log_count_ratios(corpus, rows, rows % 2, 2)  # what is imported first takes memory too
    tracemalloc.start()
    log_count_ratios(corpus, rows, rows % 2, 2)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2 * ids.nbytes


def test_every_parameter_has_a_gradient(words: NgramCorpus) -> None:
    network = begun(words)
    logits = network(bag_batch(words.bags, np.arange(5)))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(LABELS)).backward()
    assert {name for name, _ in network.named_parameters()} == {"ngrams.weight", "bias"}
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert (parameter.grad != 0).all()


def test_it_learns_32_examples_by_heart() -> None:
    texts = [f"word{row} and other{row % 7} words" for row in range(32)]
    labels = torch.tensor([row % 3 for row in range(32)])
    ngrams = fit_ngrams(texts, words=1, characters=0, most=1000)
    corpus = NgramCorpus(ngrams, ngrams.bags(texts))
    network = begun(corpus, n_classes=3)
    optimizer = torch.optim.AdamW(network.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(bag_batch(corpus.bags, np.arange(32))), labels).backward()
        optimizer.step()
    assert bool((network(bag_batch(corpus.bags, np.arange(32))).argmax(1) == labels).all())


def test_it_learns_what_the_reviews_say(dataset: Dataset, cache: Path) -> None:
    trained = family_of("bag").train(CONFIG.replace(beginning=0.0, epochs=4), dataset, Resources(cache))
    assert trained.macro_f1 > 0.75  # in a third of the texts words of both classes stand: 0.85 is all there is
    assert trained.reports[0].macro_f1 <= trained.macro_f1
    assert [report.step for report in trained.reports] == list(range(1, 9))
    assert trained.reports[0].train_loss > trained.reports[-1].train_loss


def test_equal_arguments_give_equal_numbers_and_another_seed_others(dataset: Dataset, cache: Path) -> None:
    data = training_data(CONFIG, dataset, cache)
    one, again, other = (train(CONFIG.replace(seed=seed), data) for seed in (3, 3, 4))
    assert one.probabilities.tobytes() == again.probabilities.tobytes()
    assert one.probabilities.tobytes() != other.probabilities.tobytes()
    assert [report.macro_f1 for report in one.reports] == [report.macro_f1 for report in again.reports]


def test_training_changes_nothing_in_the_global_random_state(dataset: Dataset, cache: Path) -> None:
    before = torch.get_rng_state()
    train(CONFIG, training_data(CONFIG, dataset, cache))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_price_is_estimated(dataset: Dataset, cache: Path) -> None:
    assert 0 < family_of("bag").seconds(CONFIG, dataset, Resources(cache)) < 60


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"word_ngrams": 0, "character_ngrams": 0}, "word_ngrams and character_ngrams are both 0"),
        ({"word_ngrams": 6}, "word_ngrams is 6; it must lie between 0 and 5"),
        ({"ngrams": 0}, "ngrams is 0; it must lie between 1 and 4.1943e"),
        ({"optimizer": "sgd"}, "there is no parameter 'optimizer'"),
    ],
)
def test_a_config_that_cannot_be_meant_is_refused(values: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BagConfig.from_dict(values)


@pytest.fixture(scope="module")
def model(dataset: Dataset, cache: Path) -> BagModel:
    trained = train(CONFIG, training_data(CONFIG, dataset, cache))
    assert isinstance(trained.model, BagModel)
    return trained.model


class TestABundle:
    @pytest.fixture
    def folder(self, model: BagModel, tmp_path: Path) -> Path:
        write_bundle(tmp_path / "model", model=model, classes=("negative", "positive"), facts={})
        return tmp_path / "model"

    def test_answers_as_the_trial_was_scored_bit_for_bit(self, dataset: Dataset, cache: Path, tmp_path: Path) -> None:
        trained = train(CONFIG, training_data(CONFIG, dataset, cache))
        assert trained.model is not None
        write_bundle(tmp_path / "model", model=trained.model, classes=dataset.classes, facts={})
        bundle = Bundle.open(tmp_path / "model")
        assert bundle.config == CONFIG
        assert bundle.probabilities(dataset.texts("validation")).tobytes() == trained.probabilities.tobytes()

    def test_gives_a_text_alone_what_it_gives_it_among_others(self, model: BagModel) -> None:
        texts = ["a wonderful film", "", "dull", "the film is a moving story of two people " * 20]
        together = model.probabilities(texts)
        alone = np.concatenate([model.probabilities([text]) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-6)
        np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)

    @pytest.mark.parametrize(
        ("name", "damage", "message"),
        [
            ("ngrams.hashes", lambda hashes: hashes.flip(0), "must ascend"),
            ("ngrams.hashes", lambda hashes: hashes - hashes[0] - 1, "must ascend"),
            ("ngrams.hashes", lambda hashes: hashes + 2**33, "must ascend"),
            ("ngrams.hashes", lambda hashes: hashes.float(), "where config.json asks for"),
            ("ngrams.idf", lambda idf: -idf, "idf of its n-grams must lie between 1 and 100"),
            ("ngrams.idf", lambda idf: idf * torch.nan, "holds what is not a number"),
            ("ngrams.weight", lambda weight: weight / 0, "holds what is not a number"),
            ("ngrams.weight", lambda weight: weight[:-1], "where config.json asks for"),
            ("bias", lambda bias: bias.repeat(2), "where config.json asks for"),
            ("bias", None, "has nothing as 'bias'"),
        ],
    )
    def test_of_other_weights_is_refused(self, model: BagModel, name: str, damage, message: str) -> None:  # type: ignore[no-untyped-def]
        weights = dict(model.weights)
        if damage is None:
            del weights[name]
        else:
            weights[name] = damage(weights[name]).contiguous()
        content = safetensors.torch.save(weights)
        with pytest.raises(InputError, match=message):
            load(CONFIG, 2, model.sizes, lambda file, most: content)

    @pytest.mark.parametrize("size", [None, -1, 2**40, "7", True, 3.0])
    def test_that_says_a_senseless_number_of_ngrams_is_refused_before_anything_is_read(self, size: object) -> None:
        with pytest.raises(InputError, match="ngrams must be a whole number between 0 and 4194304"):
            load(CONFIG, 2, {"ngrams": size}, lambda file, most: pytest.fail("it was read"))

    def test_says_of_its_file_how_large_it_may_be(self, model: BagModel) -> None:
        asked: list[int] = []

        def read(file: str, most: int) -> bytes:
            asked.append(most)
            return model.files()[file]

        load(CONFIG, 2, model.sizes, read)
        assert asked == [model.sizes["ngrams"] * (8 + 4 + 2 * 4) + 2 * 4]

    def test_names_its_family_in_config_json(self, folder: Path) -> None:
        assert json.loads((folder / "config.json").read_text("utf-8"))["config"]["family"] == "bag"
