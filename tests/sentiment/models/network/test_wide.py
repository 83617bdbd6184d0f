"""A wide network: n-grams beside it, in its logits, its training and its bundle."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor
from torch.nn import functional as F

from sentiment.bundle.folder import Bundle, write_bundle
from sentiment.errors import InputError
from sentiment.models.family import Resources
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.model import NetworkModel, load
from sentiment.models.network.network import Network, build_model, model_without_memory
from sentiment.models.ngrams import BagBatch, bag_batch, log_count_ratios
from sentiment.models.registry import family_of
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.tokens.corpus import load_corpus
from sentiment.tokens.ngrams import NgramCorpus, fit_ngrams, load_ngrams
from tests.support.tiny import source

FORMS = [
    NetworkConfig(architecture="lstm", wide=True),
    NetworkConfig(architecture="textcnn", wide=True),
    NetworkConfig(architecture="custom", wide=True),
    NetworkConfig(architecture="lstm", padding="as_written", wide=True),
]
TRAINED = NetworkConfig(
    architecture="textcnn",
    token_unit="word",
    vocabulary_size=200,
    max_tokens=16,
    embedding_size=16,
    filters=16,
    learning_rate=0.01,
    batch_size=16,
    epochs=2,
    wide=True,
)
TEXTS = [f"word{row} and other{row % 7} words" for row in range(32)]
LABELS = torch.tensor([row % 3 for row in range(32)])
VOCABULARY, CLASSES = 50, 3


@pytest.fixture(scope="module")
def ngrams() -> NgramCorpus:
    found = fit_ngrams(TEXTS, words=1, characters=0, most=1000)
    return NgramCorpus(found, found.bags(TEXTS))


@pytest.fixture(scope="module")
def batch(ngrams: NgramCorpus) -> tuple[Tensor, Tensor, BagBatch]:
    """All texts: tokens that say nothing of their class, and n-grams that do."""
    ids = torch.randint(2, VOCABULARY, (32, 8), generator=torch.Generator().manual_seed(0))
    return ids, torch.full((32,), 8), bag_batch(ngrams.bags, np.arange(32))


def small(config: NetworkConfig, ngrams: NgramCorpus) -> Network:
    torch.manual_seed(0)
    config = config.replace(embedding_size=16, hidden_size=16, filters=16, dropout=0.0, max_tokens=8)
    return build_model(config, VOCABULARY, CLASSES, len(ngrams.ngrams))


@pytest.mark.parametrize("config", FORMS, ids=lambda config: f"{config.architecture}-{config.padding}")
class TestEveryForm:
    def test_begins_as_the_narrow_network_and_adds_the_ngrams_to_its_logits(
        self, config: NetworkConfig, ngrams: NgramCorpus, batch: tuple[Tensor, Tensor, BagBatch]
    ) -> None:
        wide, narrow = small(config, ngrams).eval(), small(config.replace(wide=False), ngrams).eval()
        there = wide.state_dict()
        assert there.keys() - narrow.state_dict().keys() == {"wide.hashes", "wide.idf", "wide.weight"}
        assert all(torch.equal(there[name], value) for name, value in narrow.state_dict().items())
        ids, lengths, bags = batch
        with torch.no_grad():
            assert wide.wide is not None
            wide.wide.weight.normal_()
            torch.testing.assert_close(wide(*batch), narrow(ids, lengths) + wide.wide(bags))

    def test_has_a_gradient_for_every_parameter(
        self, config: NetworkConfig, ngrams: NgramCorpus, batch: tuple[Tensor, Tensor, BagBatch]
    ) -> None:
        network = small(config, ngrams).train()
        F.cross_entropy(network(*batch), LABELS).backward()
        without = [name for name, p in network.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]
        assert without == []

    def test_learns_by_heart_what_only_its_ngrams_say(
        self, config: NetworkConfig, ngrams: NgramCorpus, batch: tuple[Tensor, Tensor, BagBatch]
    ) -> None:
        network = small(config, ngrams).train()
        same = (torch.full_like(batch[0], 2), *batch[1:])
        optimizer = torch.optim.Adam(network.parameters(), 0.02)
        for _ in range(150):
            optimizer.zero_grad()
            F.cross_entropy(network(*same), LABELS).backward()
            optimizer.step()
        assert bool((network.eval()(*same).argmax(1) == LABELS).all())

    def test_has_the_names_and_shapes_of_the_one_without_memory(
        self, config: NetworkConfig, ngrams: NgramCorpus
    ) -> None:
        real = build_model(config, VOCABULARY, CLASSES, len(ngrams.ngrams)).state_dict()
        empty = model_without_memory(config, VOCABULARY, CLASSES, len(ngrams.ngrams)).state_dict()
        assert {name: (tensor.shape, tensor.dtype) for name, tensor in empty.items()} == {
            name: (tensor.shape, tensor.dtype) for name, tensor in real.items()
        }


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def model(dataset: Dataset, cache: Path) -> NetworkModel:
    found = family_of("network").train(TRAINED, dataset, Resources(cache)).model
    assert isinstance(found, NetworkModel)
    return found


class TestTraining:
    def test_gives_equal_numbers_twice(self, dataset: Dataset, cache: Path) -> None:
        one, again = (family_of("network").train(TRAINED, dataset, Resources(cache)) for _ in range(2))
        assert one.probabilities.tobytes() == again.probabilities.tobytes()

    def test_begins_at_a_quarter_of_naive_bayes_and_goes_at_a_rate_of_its_own(
        self, dataset: Dataset, cache: Path
    ) -> None:
        still = TRAINED.replace(wide_learning_rate=1e-8)
        found = family_of("network").train(still, dataset, Resources(cache)).model
        assert isinstance(found, NetworkModel)
        corpus = load_ngrams(dataset, 2, 4, 1 << 18, cache)
        ratios = log_count_ratios(corpus, dataset.split.train, dataset.labels("train"), 2)
        torch.testing.assert_close(found.weights["wide.weight"], ratios / 4, atol=1e-5, rtol=0)
        moved = family_of("network").train(TRAINED, dataset, Resources(cache)).model
        assert isinstance(moved, NetworkModel)
        assert float((moved.weights["wide.weight"] - ratios / 4).abs().max()) > 0.01

    def test_of_a_narrow_network_reads_no_ngrams(self, dataset: Dataset, tmp_path: Path) -> None:
        narrow = TRAINED.replace(wide=False)
        found = family_of("network").train(narrow, dataset, Resources(tmp_path)).model
        assert isinstance(found, NetworkModel)
        assert found.sizes.keys() == {"vocabulary_size"}
        assert not [name for name in found.weights if name.startswith("wide")]
        assert len(list(tmp_path.iterdir())) == 1  # token ids alone are in the cache
        assert found.vocabulary_size == load_corpus(dataset, "word", 200, tmp_path).vocabulary_size

    def test_by_sgd_moves_the_ngrams_too(self, dataset: Dataset, cache: Path) -> None:
        slow = TRAINED.replace(optimizer="sgd", momentum=0.9, learning_rate=0.1, wide_learning_rate=0.1)
        trained = family_of("network").train(slow, dataset, Resources(cache))
        assert trained.macro_f1 > 0.75


def test_the_library_that_hashes_ngrams_decides_the_numbers_of_wide_networks_alone() -> None:
    assert family_of("network").libraries_of(TRAINED) == ("scikit-learn",)
    assert family_of("network").libraries_of(TRAINED.replace(wide=False)) == ()


class TestABundle:
    def test_answers_as_the_trial_was_scored_bit_for_bit(self, dataset: Dataset, cache: Path, tmp_path: Path) -> None:
        trained = family_of("network").train(TRAINED, dataset, Resources(cache))
        assert trained.model is not None
        write_bundle(tmp_path / "model", model=trained.model, classes=dataset.classes, facts={})
        bundle = Bundle.open(tmp_path / "model")
        assert bundle.config == TRAINED
        assert bundle.probabilities(dataset.texts("validation")).tobytes() == trained.probabilities.tobytes()

    def test_gives_a_text_alone_what_it_gives_it_among_others(self, model: NetworkModel) -> None:
        texts = ["a wonderful film", "", "dull", "the film is a moving story of two people"]
        alone = np.concatenate([model.probabilities([text]) for text in texts])
        np.testing.assert_allclose(model.probabilities(texts), alone, atol=1e-6)

    def test_answers_differently_without_its_ngrams(self, model: NetworkModel) -> None:
        weights = model.weights | {"wide.weight": torch.zeros_like(model.weights["wide.weight"])}
        texts = ["a wonderful film", "dull"]
        without = dataclasses.replace(model, weights=weights).probabilities(texts)
        assert np.abs(model.probabilities(texts) - without).max() > 0.01

    @pytest.mark.parametrize(
        ("name", "damage", "message"),
        [
            ("wide.hashes", lambda hashes: hashes.flip(0), "must ascend"),
            ("wide.hashes", lambda hashes: hashes.float(), "where config.json asks for"),
            ("wide.idf", lambda idf: -idf, "idf of its n-grams must lie between 1 and 100"),
            ("wide.weight", lambda weight: weight / 0, "holds what is not a number"),
            ("wide.weight", lambda weight: weight[:-1], "where config.json asks for"),
        ],
    )
    def test_of_other_weights_is_refused(self, model: NetworkModel, name: str, damage, message: str) -> None:  # type: ignore[no-untyped-def]
        files = {
            "weights.safetensors": safetensors.torch.save(
                model.weights | {name: damage(model.weights[name]).contiguous()}
            ),
            "tokenizer.json": model.tokenizer_json.encode(),
        }
        with pytest.raises(InputError, match=message):
            load(TRAINED, 2, model.sizes, lambda file, most: files[file])

    @pytest.mark.parametrize("size", [None, -1, 2**40, "7", True])
    def test_that_says_a_senseless_number_of_ngrams_is_refused_before_anything_is_read(
        self, model: NetworkModel, size: object
    ) -> None:
        with pytest.raises(InputError, match="ngrams must be a whole number between 0 and 262144"):
            load(TRAINED, 2, model.sizes | {"ngrams": size}, lambda file, most: pytest.fail("it was read"))

    def test_of_a_narrow_config_is_not_opened_with_wide_weights(self, model: NetworkModel) -> None:
        with pytest.raises(InputError, match=r"where config\.json asks for nothing"):
            load(TRAINED.replace(wide=False), 2, model.sizes, lambda file, most: model.files()[file])
