"""Members trained in folds: each row is answered by models that did not see it, and all models are averaged."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sentiment.metrics import macro_f1
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.ensemble.folds import Folded, _chosen_by_others, train_in_folds
from sentiment.models.family import Resources, Trained
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import Dataset, folds, load_dataset
from tests.sentiment.models.ensemble.test_ensemble import LINEAR, NETWORK
from tests.support.tiny import source

OTHER: dict[str, Any] = {"family": "linear", "ratio_power": 1.0, "C": 4.0}


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


@pytest.fixture(scope="module")
def views(dataset: Dataset) -> list[Dataset]:
    return folds(dataset, 3, 0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def folded(members: Sequence[dict[str, Any]], views: list[Dataset], cache: Path, **more: Any) -> Folded:
    return train_in_folds([config_of(one) for one in members], views, [Resources(cache)] * len(members), **more)


@pytest.fixture(scope="module")
def linear_ones(views: list[Dataset], cache: Path) -> Folded:
    return folded([LINEAR, OTHER], views, cache)


def test_each_row_that_is_not_sealed_is_answered_by_the_models_that_did_not_see_it(
    linear_ones: Folded, views: list[Dataset], dataset: Dataset, cache: Path
) -> None:
    assert linear_ones.rows.tolist() == sorted([*dataset.split.train, *dataset.split.validation])
    assert sum(linear_ones.weights) == pytest.approx(1)
    for view in views:
        alone = [train(config_of(one), view, Resources(cache)) for one in (LINEAR, OTHER)]  # no seed changes these
        expected = np.tensordot(linear_ones.weights, np.stack([one.probabilities for one in alone]), axes=1)
        rows = np.searchsorted(linear_ones.rows, view.split.validation)
        np.testing.assert_allclose(linear_ones.probabilities[rows], expected, atol=1e-6)


def test_all_models_are_averaged_the_folds_alike(
    linear_ones: Folded, views: list[Dataset], dataset: Dataset, cache: Path
) -> None:
    assert linear_ones.model is not None
    texts = dataset.texts("test")
    alone = [[train(config_of(one), v, Resources(cache)).predict(texts) for v in views] for one in (LINEAR, OTHER)]
    expected = np.tensordot(linear_ones.weights, np.mean(alone, axis=1), axes=1)
    np.testing.assert_allclose(linear_ones.model.probabilities(texts), expected, atol=1e-6)


def test_one_member_alone_is_the_mean_of_its_models(views: list[Dataset], cache: Path) -> None:
    made = folded([NETWORK], views, cache)
    assert made.weights == (1.0,) and made.model is not None and isinstance(made.model.config, EnsembleConfig)
    assert made.model.config.weights == pytest.approx([1 / 3] * 3)
    assert made.model.config.title == "The mean of 3 models: 3 x textcnn"


def test_no_two_models_share_a_seed_and_the_same_seeds_come_again(views: list[Dataset], cache: Path) -> None:
    first, again = (folded([NETWORK, NETWORK, NETWORK | {"seed": 0}], views, cache) for _ in range(2))
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert first.model is not None and isinstance(first.model.config, EnsembleConfig)
    seeds = [member.seed for member in first.model.config.members]
    assert len(set(seeds)) == len(seeds) == 3 * sum(weight > 0 for weight in first.weights)


def test_a_member_that_diverges_in_one_fold_is_left_out_and_said_to_be(views: list[Dataset], cache: Path) -> None:
    wild = NETWORK | {"optimizer": "sgd", "learning_rate": 100.0, "clip_norm": 0.0}
    made = folded([wild, LINEAR], views, cache)
    assert made.weights == (0.0, 1.0)
    assert list(made.unsound) == [0] and made.unsound[0].startswith("in fold 1 of 3 ")
    assert np.isfinite(made.probabilities).all()
    nothing = folded([wild], views, cache)
    assert nothing.model is None and nothing.weights == (0.0,)


def test_a_member_without_a_model_in_one_fold_is_left_out(
    views: list[Dataset], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(100))

    def one_dies(config: Any, view: Dataset, resources: Resources) -> Trained:
        trained = train(config, view, resources)
        return replace(trained, model=None) if next(calls) == 1 else trained

    # Nature gives no run that diverges before its first score on every processor.
    monkeypatch.setattr("sentiment.models.ensemble.folds.train", one_dies)
    made = folded([LINEAR, OTHER], views, cache)
    assert made.weights == (0.0, 1.0) and made.unsound == {0: "in fold 2 of 3 it diverged"}


def test_it_tells_how_far_it_is(views: list[Dataset], cache: Path) -> None:
    seen: list[tuple[float, int]] = []
    folded([LINEAR, NETWORK], views, cache, on_progress=lambda done, total: seen.append((done, total)))
    done = [one for one, _ in seen]
    assert done == sorted(done) and done[0] == 0 and done[-1] == 6 and {total for _, total in seen} == {6}
    assert any(3 < one < 4 for one in done)  # within the first network


def test_no_rows_own_label_chooses_the_checkpoint_that_answers_it(views: list[Dataset], cache: Path) -> None:
    view = views[0]
    trained = train(config_of(LINEAR), view, Resources(cache))
    rng, rows = np.random.default_rng(1), view.split.validation
    said = rng.dirichlet([1, 1], size=(9, len(rows)))
    trained = replace(trained, probabilities=said[0], other_checkpoints=said[1:])
    before = _chosen_by_others(trained, view, 0)
    assert (before != said[0]).any()
    for place in range(0, len(rows), 7):
        labels = view.reviews.labels.copy()
        labels[rows[place]] = 1 - labels[rows[place]]
        other = replace(view, reviews=replace(view.reviews, labels=labels))
        np.testing.assert_array_equal(_chosen_by_others(trained, other, 0)[place], before[place])


def test_of_a_network_no_better_than_chance_the_best_checkpoint_is_no_gain(dataset: Dataset) -> None:
    """Nine checkpoints that guess: the best of them is above one half on the rows that chose it, and not here."""
    view = replace(dataset, split=replace(dataset.split, validation=dataset.split.train))
    labels, gains = view.labels("validation"), []
    for seed in range(30):
        said = np.random.default_rng(seed).dirichlet([1, 1], size=(9, len(labels)))
        scores = [macro_f1(labels, one.argmax(axis=1), 2) for one in said]
        best = int(np.argmax(scores))
        trained: Any = SimpleNamespace(probabilities=said[best], other_checkpoints=np.delete(said, best, axis=0))
        chosen = _chosen_by_others(trained, view, seed)
        gains.append((max(scores) - 0.5, macro_f1(labels, chosen.argmax(axis=1), 2) - 0.5))
    by_best, by_others = np.mean(gains, axis=0)
    assert by_best > 0.03 and abs(by_others) < 0.015
