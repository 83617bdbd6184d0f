"""What a training needs at least: by hand, and never more than it takes."""

import math
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from sentiment.models.family import Resources
from sentiment.models.memory import bytes_of_descent, padded_tokens
from sentiment.models.network.batches import Examples, shuffled_batches
from sentiment.models.registry import config_of, family_of, train
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.tokens.tokenizers import EncodedTexts
from tests.support.encoders import write_encoder
from tests.support.tiny import source

SMALL = {"token_unit": "word", "vocabulary_size": 30, "max_tokens": 8, "embedding_size": 10, "batch_size": 16}


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_is_weights_gradients_moments_the_best_checkpoint_and_a_batch() -> None:
    network = nn.Linear(9, 10, device="meta")  # 100 numbers
    assert bytes_of_descent(network, moments=2, activations=1000, epochs=2) == 400 * 5 + 1000
    assert bytes_of_descent(network, moments=0, activations=1000, epochs=2) == 400 * 3 + 1000
    # Of a single epoch the largest batch may be the first, when there is nothing else; on a GPU there is no checkpoint.
    assert bytes_of_descent(network, moments=2, activations=1000, epochs=1) == 400 * 5
    assert bytes_of_descent(network, moments=2, activations=9000, epochs=1) == 400 + 9000
    assert bytes_of_descent(network, moments=2, activations=1000, epochs=2, keeps_best=False) == 400 * 4 + 1000
    network.bias.requires_grad_(False)
    assert bytes_of_descent(network, moments=2, activations=0, epochs=2) == 400 * 2 + 360 * 3


@pytest.mark.parametrize("rows", [1, 5, 15, 16, 17, 31, 32, 100, 801, 1700])
def test_every_epoch_has_a_batch_of_so_many_tokens(rows: int) -> None:
    rng = np.random.default_rng(rows)
    lengths = rng.integers(1, 60, rows)
    encoded = EncodedTexts(np.ones(lengths.sum(), dtype=np.uint16), np.concatenate([[0], np.cumsum(lengths)]))
    examples = Examples(encoded, np.arange(rows), np.zeros(rows, dtype=np.int64))
    bound = padded_tokens(examples.lengths(50), 16)
    for _ in range(20):
        epoch = shuffled_batches(examples, batch_size=16, max_tokens=50, rng=rng)
        assert max(batch.ids.numel() for batch in epoch) >= bound
    assert bound >= 0.5 * min(rows, 16) * min(50, lengths.max())  # and it says something


def test_of_a_network_is_counted_without_making_it(dataset: Dataset, cache: Path) -> None:
    config = config_of(SMALL | {"architecture": "lstm", "hidden_size": 20, "optimizer": "sgd"})
    weights = 30 * 10 + 4 * 20 * (10 + 20 + 2) + 2 * 20 + 2
    # 16 reviews of 8 tokens, of each of which there are its vector, four gates, its state, and that without pads.
    assert family_of("network").bytes(config, dataset, Resources(cache)) == 4 * (3 * weights + 16 * 8 * (10 + 6 * 20))
    convolution = config_of(SMALL | {"architecture": "textcnn", "kernel_sizes": [2, 3], "filters": 7})
    weights = 30 * 10 + 7 * 5 * 10 + 14 + 2 * 14 + 2
    numbers = 10 + 2 * 10 + 2 * 14 + 14  # vectors, padded for each window; features, their zeros, and without pads
    assert family_of("network").bytes(convolution, dataset, Resources(cache)) == 4 * (5 * weights + 16 * 8 * numbers)


def test_of_a_bag_holds_the_ngrams_that_there_are(dataset: Dataset, cache: Path) -> None:
    few, many = ({"family": "bag", "ngrams": n} for n in (100, 1 << 20))
    family, resources = family_of("bag"), Resources(cache)
    bytes_of_few = family.bytes(config_of(few), dataset, resources)
    # Hashes and idf beside weights of two classes, twice: as they are and as they were best; gradients and two moments.
    assert bytes_of_few == 100 * (2 * (8 + 4 + 8) + 3 * 8) + 5 * 8
    assert bytes_of_few < family.bytes(config_of(many), dataset, resources) < 10_000 * bytes_of_few


def test_of_an_encoder_is_less_if_less_of_it_is_trained(dataset: Dataset, cache: Path, tmp_path: Path) -> None:
    model = str(write_encoder(tmp_path / "bert"))
    needed = [
        family_of("encoder").bytes(
            config_of({"family": "encoder", "model": model, "trained_layers": layers}), dataset, Resources(cache)
        )
        for layers in (0, 1, 100)
    ]
    assert needed == sorted(set(needed))


def test_of_an_ensemble_is_that_of_the_member_that_needs_most(dataset: Dataset, cache: Path) -> None:
    members = [SMALL | {"architecture": "lstm"}, {"family": "linear"}, {"family": "bag"}]
    each = [family_of(str(m.get("family", "network"))).bytes(config_of(m), dataset, Resources(cache)) for m in members]
    assert each[1] == 0  # nothing can be said of a linear model
    ensemble = config_of({"family": "ensemble", "members": members})
    assert family_of("ensemble").bytes(ensemble, dataset, Resources(cache)) == max(each)


def test_one_that_does_not_fit_is_refused_before_its_first_batch(dataset: Dataset, cache: Path) -> None:
    config = config_of(SMALL | {"architecture": "lstm", "epochs": 1})
    needed = family_of("network").bytes(config, dataset, Resources(cache))
    train(config, dataset, Resources(cache, memory=needed))

    def on_batch(done: int, total: int) -> None:
        pytest.fail("a batch was trained")

    there = r"this machine \(or its control group\) has \d MiB$"
    with pytest.raises(MemoryError, match=rf"its training would need at least \d MiB of memory; {there}"):
        train(config, dataset, Resources(cache, on_batch=on_batch, memory=needed - 1))
    members = {"family": "ensemble", "members": [{"family": "linear"}, config.to_dict()]}
    with pytest.raises(MemoryError):
        train(config_of(members), dataset, Resources(cache, on_batch=on_batch, memory=needed - 1))
    assert math.isfinite(train(config_of({"family": "linear"}), dataset, Resources(cache, memory=1)).macro_f1)
