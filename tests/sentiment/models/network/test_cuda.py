"""The same training on a GPU: run with `make test-gpu`."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sentiment.models.network.model import predict_probabilities
from sentiment.models.network.training import TrainingData, train
from tests.sentiment.models.network.test_training import SMALL, data  # noqa: F401

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.mark.parametrize("architecture", ["lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_learns_there_and_its_weights_say_the_same_here(
    data: TrainingData,  # noqa: F811
    architecture: str,
    precision: str,
) -> None:
    config = SMALL.replace(architecture=architecture, precision=precision, epochs=6)
    trained = train(config, data, device="cuda")
    assert trained.macro_f1 > 0.95
    here = predict_probabilities(replace(trained.model, device="cpu").network, data.validation)
    np.testing.assert_allclose(here, trained.probabilities, atol=5e-3)


def test_an_epoch_makes_no_transfer_between_its_batches(data: TrainingData) -> None:  # noqa: F811
    def on_batch(done: int, total: int) -> None:
        torch.cuda.set_sync_debug_mode("default" if done == total else "error")

    try:
        train(SMALL.replace(epochs=1, evaluations_per_epoch=1), data, device="cuda", on_batch=on_batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
