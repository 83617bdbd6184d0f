import warnings
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from search.study.space import Space, declared, defaults_for
from sentiment.errors import InputError
from sentiment.models.network.config import NetworkConfig

NETWORKS = {"family": "network"}


def sampled(space: Space, n: int = 200) -> list[tuple[NetworkConfig, dict[str, Any]]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = []
    for _ in range(n):
        trial = study.ask()
        drawn.append((space.sample(trial), trial.params))
        study.tell(trial, 0.0)
    return drawn


class TestTheDefaultSpace:
    def test_draws_a_valid_config_every_time_and_every_architecture_and_optimizer(self) -> None:
        drawn = sampled(Space.of(NETWORKS))
        assert {config.architecture for config, _ in drawn} == set(declared()["architecture"])
        assert {config.optimizer for config, _ in drawn} == {"sgd", "adam", "adamw"}

    def test_samples_a_parameter_only_where_it_means_something(self) -> None:
        for config, params in sampled(Space.of(NETWORKS)):
            assert (
                ("kernel_sizes" in params) == ("filters" in params) == (config.architecture in ("cnn_lstm", "textcnn"))
            )
            assert ("hidden_size" in params) == ("bidirectional" in params) == (config.recurrent != "none")
            assert ("pooling" in params) == (config.architecture not in ("lstm_attention", "textcnn"))
            assert ("learning_rate" in params) == (config.optimizer != "sgd")
            assert ("sgd_learning_rate" in params) == (config.optimizer == "sgd")
            assert ("weight_decay" in params) == (config.optimizer != "adam")

    def test_gives_back_the_config_of_recorded_parameters(self) -> None:
        space = Space.of()
        for config, params in sampled(space, 50):
            assert space.sample(FixedTrial(params)) == config

    def test_contains_its_known_good_settings_whole(self) -> None:
        space = Space.of(NETWORKS)
        study = optuna.create_study()
        settings = space.known_good()
        assert [s["architecture"] for s in settings] == ["lstm", "textcnn", "lstm_attention", "gru", "cnn_lstm"]
        for setting in settings:
            study.enqueue_trial(setting)
        for setting in settings:
            trial = study.ask()
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Optuna warns of a queued value outside the distribution
                space.sample(trial)
            # Every parameter that this config has is given: none is left to chance.
            assert trial.params == {name: setting[name] for name in trial.params}

    def test_has_the_token_units_of_the_language(self) -> None:
        assert defaults_for(["a fine film"])["token_unit"] == ["word", "subword"]
        assert "jamo" in defaults_for(["정말 좋은 영화"])["token_unit"]
        assert "char" in defaults_for(["หนังดีมาก"])["token_unit"]


class TestAStudyFile:
    def test_fixes_narrows_and_widens(self) -> None:
        space = Space.of(
            {
                "architecture": ["lstm", "gru"],
                "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
                "epochs": 4,
                "layers": {"low": 1, "high": 3},
                "kernel_sizes": [[3], [4, 5]],
                "optimizer": ["adam"],
                **NETWORKS,
            }
        )
        assert space.distributions["architecture"] == CategoricalDistribution(["lstm", "gru"])
        assert space.distributions["learning_rate"] == FloatDistribution(1e-4, 1e-2, log=True)
        assert space.distributions["layers"] == IntDistribution(1, 3)
        assert space.distributions["kernel_sizes"] == CategoricalDistribution(["3", "4,5"])
        assert (space.fixed["epochs"], space.fixed["optimizer"]) == (4, "adam")
        for config, params in sampled(space, 50):
            assert config.epochs == 4
            assert "epochs" not in params
            assert 1 <= config.layers <= 3

    def test_a_learning_rate_holds_for_sgd_too_unless_it_has_its_own(self) -> None:
        assert Space.of({"learning_rate": 0.5}).fixed["sgd_learning_rate"] == 0.5
        both = Space.of({"learning_rate": 0.5, "sgd_learning_rate": 0.1})
        assert both.fixed["sgd_learning_rate"] == 0.1

    def test_keeps_the_known_good_settings_that_fit(self) -> None:
        assert {s["architecture"] for s in Space.of(NETWORKS | {"architecture": ["gru", "textcnn"]}).known_good()} == {
            "gru",
            "textcnn",
        }
        shifted = Space.of(
            NETWORKS | {"learning_rate": {"low": 0.1, "high": 1.0}, "hidden_size": {"low": 50, "high": 300, "step": 50}}
        )
        assert {s["learning_rate"] for s in shifted.known_good()} == {0.1}
        assert {s["hidden_size"] for s in shifted.known_good()} == {150}

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"learning_rat": 0.1}, "did you mean 'learning_rate'?"),
            ({"seed": 3}, "seed is not searched"),
            ({"architecture": ["lstm", "bert"]}, "'bert'"),
            ({"architecture": []}, "empty list"),
            ({"architecture": ["lstm", "lstm"]}, "names a value twice"),
            ({"architecture": {"low": 1, "high": 2}}, "architecture"),
            ({"epochs": {"low": 5}}, "a range is"),
            ({"epochs": {"low": 5, "high": 2}}, "epochs"),
            ({"epochs": {"low": 1, "high": 2.5}}, "whole number"),
            ({"dropout": {"low": 0.0, "high": 1.5}}, "must lie between"),
            ({"dropout": {"low": 0.0, "high": 0.5, "log": True}}, "dropout"),
            ({"bidirectional": {"low": False, "high": True}}, "no order"),
            ({"kernel_sizes": "3,4"}, "give a list"),
            ({"kernel_sizes": [[3], [0]]}, "between 1 and 64"),
            ({"pooling": "sum"}, "choose one of"),
            ({"epochs": {"low": 1, "high": 2, "step": 0.5}}, "epochs: step is 0.5; it must be a whole number above 0"),
            ({"epochs": {"low": 1, "high": 2, "step": 0}}, "epochs: step is 0"),
            ({"epochs": {"low": 1, "high": 2, "step": True}}, "epochs: step is True"),
            ({"dropout": {"low": 0.0, "high": 0.5, "step": -0.1}}, "dropout: step is -0.1"),
            ({"dropout": {"low": 0.1, "high": 0.5, "log": "yes"}}, "dropout: log is 'yes'"),
            ({"dropout": [0, 0.0]}, "names a value twice"),
            ({"learning_rate": 10**400}, "learning_rate is"),
            ({"kernel_sizes": [[3], 4]}, "kernel_sizes is 4; it must be a list of whole numbers"),
            ({"kernel_sizes": []}, "kernel_sizes is empty, but architecture 'cnn_lstm' has a convolution"),
            ({"kernel_sizes": [[], [3]], "architecture": ["lstm", "textcnn"]}, "but architecture 'textcnn' has"),
            ({"evaluations_per_epoch": [1, 2]}, "must be one number"),
        ],
    )
    def test_that_asks_for_nonsense_is_refused_in_one_line(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError) as refused:
            Space.of(changes)
        assert message in str(refused.value)
        assert str(refused.value).startswith("[space] ")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 4049},  # of two directions
        {"filters": [128, 8192], "kernel_sizes": [[2, 3], list(range(1, 40))]},
        {"architecture": "custom", "recurrent": ["gru", "lstm"], "hidden_size": {"low": 64, "high": 6000}},
        {
            "architecture": "custom",
            "recurrent": "none",
            "kernel_sizes": [[3]],
            "filters": 8192,
            "pooling": ["max", "attention"],
            "embedding_size": 8192,
        },
        {
            "architecture": "custom",
            "recurrent": ["none", "lstm"],
            "hidden_size": 64,
            "kernel_sizes": [[64], [3, 4, 5]],
            "filters": 4096,
            "pooling": ["max", "attention"],
        },
        {"max_tokens": 100_000, "embedding_size": {"low": 64, "high": 8192}},
    ],
)
def test_a_space_with_networks_that_are_too_large_is_refused_before_one_is_drawn(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"\[space\] (this network \(.*\) would have|max_tokens is)"):
        Space.of(changes)


def test_a_space_without_a_newer_value_begins_with_the_one_before_it() -> None:
    earlier = Space.of({"class_weights": ["none", "balanced"]})
    networks = [trial for trial in earlier.known_good() if "class_weights" in trial]
    assert {trial["class_weights"] for trial in networks} == {"balanced"}
    assert len(networks) == 5
    neither = Space.of({"class_weights": ["none", "square_root"]}).known_good()
    assert not any("class_weights" in trial for trial in neither)
