"""Several models as one: trained, kept, opened again, and refused where they cannot be one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentiment.bundle.folder import Bundle, write_bundle
from sentiment.errors import InputError
from sentiment.models.ensemble.config import EnsembleConfig
from sentiment.models.ensemble.family import combine
from sentiment.models.family import Resources, Trained
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import Dataset, load_dataset
from tests.support.tiny import source

LINEAR: dict[str, Any] = {"family": "linear", "C": 3.0}
NETWORK: dict[str, Any] = {
    "architecture": "textcnn",
    "token_unit": "word",
    "vocabulary_size": 200,
    "max_tokens": 16,
    "embedding_size": 8,
    "filters": 8,
    "epochs": 1,
    "learning_rate": 0.02,
    "seed": 5,
}
SETTINGS: dict[str, Any] = {"family": "ensemble", "members": [LINEAR, NETWORK]}


@pytest.fixture(scope="module")
def dataset(reviews_csv: Path) -> Dataset:
    return load_dataset(source(reviews_csv))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def trained(dataset: Dataset, cache: Path) -> Trained:
    return train(config_of(SETTINGS | {"weights": [0.25, 0.75]}), dataset, Resources(cache))


@pytest.fixture
def bundle(trained: Trained, dataset: Dataset, tmp_path: Path) -> Path:
    assert trained.model is not None
    write_bundle(tmp_path / "bundle", model=trained.model, classes=dataset.classes, facts={})
    return tmp_path / "bundle"


class TestAConfig:
    def test_goes_to_json_and_comes_back_equal(self) -> None:
        config = config_of(SETTINGS | {"weights": [0.5, 0.5], "seed": 3})
        assert config_of(json.loads(json.dumps(config.to_dict()))) == config
        assert isinstance(config, EnsembleConfig)
        assert [member.family for member in config.members] == ["linear", "network"]

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"members": [LINEAR]}, "members has 1; an ensemble has 2 to 64"),
            ({"members": []}, "members has 0; an ensemble has 2 to 64"),
            ({"members": [LINEAR] * 65}, "members has 65"),
            ({"members": "linear"}, "members is 'linear'; give a list of tables, one for each member"),
            ({"members": [LINEAR, 3]}, "member 2: a config is 3"),
            ({"members": [LINEAR, {"epochs": 0}]}, "member 2: epochs is 0"),
            ({"members": [LINEAR, {"family": "tree"}]}, "member 2: family is 'tree'"),
            ({"members": [LINEAR, SETTINGS]}, "a member is an ensemble; name the members of that one instead"),
            ({"weights": [0.5]}, r"weights is \[0.5\]; give one for each of 2 members"),
            ({"weights": [0.5, 0.6]}, "give one for each of 2 members, 1 in all"),
            ({"weights": [1.5, -0.5]}, "weights is"),
        ],
    )
    def test_of_what_is_no_ensemble_is_refused_in_one_line(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            config_of(SETTINGS | changes)

    def test_without_members_is_refused(self) -> None:
        with pytest.raises(InputError, match="members has 0"):
            config_of({"family": "ensemble"})


class TestATraining:
    def test_says_the_weighted_mean_of_what_its_members_say_alone(
        self, trained: Trained, dataset: Dataset, cache: Path
    ) -> None:
        alone = [train(config_of(member), dataset, Resources(cache)).probabilities for member in (LINEAR, NETWORK)]
        mean = 0.25 * alone[0] + 0.75 * alone[1]
        np.testing.assert_allclose(trained.probabilities, mean, atol=1e-6)
        texts = dataset.texts("validation")
        np.testing.assert_allclose(trained.predict(texts), trained.probabilities, atol=1e-6)

    def test_finds_its_weights_on_the_validation_rows_and_the_same_again(self, dataset: Dataset, cache: Path) -> None:
        first, again = (train(config_of(SETTINGS), dataset, Resources(cache)) for _ in range(2))
        np.testing.assert_array_equal(first.probabilities, again.probabilities)
        assert first.model is not None
        assert first.macro_f1 >= 0.7

    def test_with_another_seed_has_other_members(self, dataset: Dataset, cache: Path) -> None:
        settings = {"family": "ensemble", "members": [NETWORK, NETWORK], "weights": [1.0, 0.0]}
        own, other = (train(config_of(settings | {"seed": s}), dataset, Resources(cache)) for s in (0, 1))
        alone = train(config_of(NETWORK), dataset, Resources(cache))
        np.testing.assert_array_equal(own.probabilities, alone.probabilities)
        assert np.abs(other.probabilities - own.probabilities).max() > 0.01
        assert own.model is not None and own.model.config.family == "network"  # the one that counts

    def test_goes_on_without_a_member_that_diverged(self, dataset: Dataset, cache: Path) -> None:
        wild = NETWORK | {"optimizer": "sgd", "learning_rate": 100.0, "clip_norm": 0.0}
        made = train(config_of({"family": "ensemble", "members": [LINEAR, wild]}), dataset, Resources(cache))
        assert np.isfinite(made.probabilities).all()
        assert made.macro_f1 > 0.7

    def test_weighs_the_others_anew_where_one_has_no_model(
        self, dataset: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        alive = train(config_of(LINEAR), dataset, Resources(cache))
        dead = replace(alive, model=None, probabilities=np.full_like(alive.probabilities, 0.5))
        made = iter([dead, alive, alive])
        # Nature gives no run that diverges before its first score on every processor.
        monkeypatch.setattr("sentiment.models.ensemble.family.train", lambda *_: next(made))
        three = {"family": "ensemble", "members": [NETWORK, LINEAR, LINEAR], "weights": [0.6, 0.1, 0.3]}
        trained = train(config_of(three), dataset, Resources(cache))
        np.testing.assert_allclose(trained.probabilities, alive.probabilities, atol=1e-6)
        np.testing.assert_allclose(trained.predict(dataset.texts("validation")), alive.probabilities, atol=1e-6)

    def test_tells_how_far_it_is(self, dataset: Dataset, cache: Path) -> None:
        seen: list[float] = []
        members = {"family": "ensemble", "members": [NETWORK, NETWORK]}
        train(config_of(members), dataset, Resources(cache, on_batch=lambda done, total: seen.append(done / total)))
        assert seen == sorted(seen) and 0 < seen[0] < 0.5 < seen[-1] == 1.0


def test_one_with_a_weight_is_a_model_by_itself_and_none_is_none(trained: Trained) -> None:
    assert trained.model is not None
    assert combine([trained.model, None], [1.0, 0.0]) is trained.model
    assert combine([None, None], [0.5, 0.5]) is None


class TestABundle:
    def test_says_what_the_ensemble_said(self, bundle: Path, trained: Trained, dataset: Dataset) -> None:
        opened = Bundle.open(bundle)
        np.testing.assert_allclose(opened.probabilities(dataset.texts("validation")), trained.probabilities, atol=1e-6)
        assert opened.probabilities([]).shape == (0, 2)
        assert "member 2: architecture | textcnn" in (bundle / "README.md").read_text("utf-8")

    def test_without_a_file_of_a_member_is_refused_in_one_line(self, bundle: Path) -> None:
        (bundle / "member-2-weights.safetensors").unlink()
        with pytest.raises(InputError, match=r"member-2-weights\.safetensors cannot be read") as refused:
            Bundle.open(bundle)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        "change",
        [
            lambda said: said["config"]["members"].pop(),
            lambda said: said["config"].update(weights=None),
            lambda said: said["config"].update(members=[]),
            lambda said: said["config"]["members"].reverse(),
            lambda said: said.update(members=[{}, {}]),
            lambda said: said.update(members=7),
            lambda said: said.update(members=[1, 2]),
            lambda said: said["members"].append({}),
        ],
    )
    def test_that_says_of_itself_what_cannot_be_is_refused_in_one_line(self, bundle: Path, change: Any) -> None:
        rewrite(bundle, change)
        with pytest.raises(InputError) as refused:
            Bundle.open(bundle)
        assert "\n" not in str(refused.value)


def rewrite(bundle: Path, change: Any) -> None:
    """Change config.json, and let the manifest vouch for it."""
    import hashlib

    said = json.loads((bundle / "config.json").read_text("utf-8"))
    change(said)
    content = json.dumps(said).encode()
    (bundle / "config.json").write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest["files"]["config.json"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
