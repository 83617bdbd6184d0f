import json
from typing import Any

import pytest

from sentiment.checked import choices
from sentiment.errors import InputError
from sentiment.models.network.config import ARCHITECTURES, NetworkConfig


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("padding", choices(NetworkConfig, "padding"))
def test_a_config_goes_to_json_and_comes_back_equal(architecture: str, padding: str) -> None:
    config = NetworkConfig(architecture=architecture, padding=padding, learning_rate=3e-3, seed=7)
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_a_name_fills_the_parts_that_are_left_open() -> None:
    config = NetworkConfig(architecture="cnn_lstm")
    assert (config.kernel_sizes, config.recurrent, config.pooling) == ((3,), "lstm", "max")
    assert NetworkConfig(architecture="cnn_lstm", kernel_sizes=(2, 3)).kernel_sizes == (2, 3)


def test_as_written_reads_the_last_state_and_repairing_only_the_padding_keeps_that() -> None:
    written = NetworkConfig(architecture="lstm", padding="as_written")
    assert written.pooling == "last"
    assert written.replace(padding="masked").pooling == "last"


def test_replacing_the_architecture_brings_its_own_parts() -> None:
    assert NetworkConfig(architecture="cnn_lstm").replace(architecture="gru") == NetworkConfig(architecture="gru")


def test_replacing_sgd_drops_its_momentum() -> None:
    assert NetworkConfig(optimizer="sgd", momentum=0.9).replace(optimizer="adam").momentum == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "lstm", "recurrent": "gru"}, "architecture 'lstm' means 'lstm'"),
        ({"architecture": "transformer"}, "choose one of lstm, gru"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'; it must be a number"),
        ({"learning_rate": float("nan")}, "it must be a number"),
        ({"learning_rate": -1}, "must lie between"),
        ({"epochs": 1.5}, "epochs is 1.5; it must be a whole number"),
        ({"epochs": True}, "it must be a whole number"),
        ({"bidirectional": 1}, "true or false"),
        ({"optimiser": "adam"}, "did you mean 'optimizer'?"),
        ({"architecture": "textcnn", "kernel_sizes": []}, "has a convolution"),
        ({"architecture": "custom", "kernel_sizes": [3, 3]}, "each size may stand there once"),
        ({"architecture": "custom", "kernel_sizes": [0]}, "each must lie between 1 and 64"),
        ({"architecture": "custom", "kernel_sizes": "3,4"}, "a list of whole numbers"),
        ({"momentum": 0.9}, "only optimizer 'sgd' has one"),
        ({"padding": "as_written", "bidirectional": True}, "one direction only"),
        ({"pooling": 3}, "pooling is 3"),
        ({"learning_rate": 10**400}, "...; it must be a number"),
        ({"learning_rate": float("inf")}, "it must be a number"),
        ({"epochs": 16**5000}, "epochs is too long to show; it must lie between"),
        ({"pooling": "x" * 10**6}, "xxx...; choose one of"),
        ({"x" * 10**6: 1}, "there is no parameter 'xxx"),
        ({"architecture": "custom", "kernel_sizes": [99] * 10**6}, "99, ...; each must lie between"),
        ({"max_tokens": 100_000, "embedding_size": 8192}, "a review would take 3.3 GB in that layer alone"),
        (
            {"architecture": "textcnn", "embedding_size": 8192, "filters": 8192, "max_tokens": 64},
            "(textcnn) would have 805.3 million weights beside its embedding, more than 268.4 million; lower embed",
        ),
        ({"hidden_size": 8192, "max_tokens": 64}, "lower embedding_size, hidden_size or layers"),
        ({"max_tokens": 100_000, "padding": "as_written"}, "64 reviews, each padded to its end, would take 3.3 GB"),
        ([["lstm"]], "a config is [['lstm']]; it must be a table"),
        (None, "a config is None; it must be a table"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_line(values: Any, message: str) -> None:
    with pytest.raises(InputError) as refused:
        NetworkConfig.from_dict(values)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 1000
