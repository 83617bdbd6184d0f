import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from sentiment.bundle.folder import Bundle, write_bundle
from sentiment.errors import InputError
from sentiment.models.encoder import source
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.model import EncoderModel
from sentiment.models.family import Resources, Trained
from sentiment.models.registry import family_of, train
from sentiment.reviews.dataset import Dataset
from tests.support.encoders import write_encoder

TEXTS = ["a wonderful film", "", "dull", "좋은 영화", "[SEP] [CLS]", "superb " * 500, "\ud800"]


@pytest.fixture(scope="module")
def trained(dataset: Dataset, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Of an encoder whose folder is gone."""
    folder = write_encoder(tmp_path_factory.mktemp("gone") / "roberta", "roberta", pad_token_id=1)
    config = EncoderConfig(model=str(folder), max_tokens=20, epochs=3, batch_size=16, learning_rate=3e-3, seed=7)
    done = train(config, dataset, Resources(cache, end_early=False))
    shutil.rmtree(folder)
    return done


@pytest.fixture(scope="module")
def model(trained: Trained) -> EncoderModel:
    assert isinstance(trained.model, EncoderModel)
    return trained.model


@pytest.fixture(scope="module")
def bundle(model: EncoderModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    write_bundle(folder, model=model, classes=("negative", "positive"), facts={})
    return folder


class TestABundle:
    def test_gives_the_probabilities_of_its_trial_without_the_folder_that_it_came_from(
        self, trained: Trained, bundle: Path, dataset: Dataset
    ) -> None:
        opened = Bundle.open(bundle)
        np.testing.assert_array_equal(opened.probabilities(dataset.texts("validation")), trained.probabilities)
        assert opened.config == trained.config

    def test_answers_whatever_it_is_asked(self, bundle: Path) -> None:
        said = Bundle.open(bundle).probabilities(TEXTS)
        assert said.dtype == np.float32
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
        assert Bundle.open(bundle).probabilities([]).shape == (0, 2)

    def test_holds_no_more_than_numbers_and_json(self, bundle: Path) -> None:
        assert {path.name for path in bundle.iterdir()} == {
            *("config.json", "README.md", "manifest.json"),
            *("weights.safetensors", "tokenizer.json", "encoder.json"),
        }

    def test_says_on_its_card_how_it_is_used(self, bundle: Path) -> None:
        card = (bundle / "README.md").read_text("utf-8")
        assert "pip install 'sentiment-search[encoders]'" in card
        assert "Fine-tuned `roberta`" in card

    def test_leaves_the_random_state_alone(self, bundle: Path) -> None:
        torch.manual_seed(1)
        expected = torch.rand(1)
        torch.manual_seed(1)
        Bundle.open(bundle).probabilities(["a film"])
        assert torch.rand(1) == expected

    def test_says_which_extra_it_needs(self, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "_LIBRARY", "a-distribution-that-is-not-installed")
        with pytest.raises(InputError) as refused:
            Bundle.open(bundle)
        assert str(refused.value) == ("an encoder needs the extra `encoders`: pip install 'sentiment-search[encoders]'")


def with_json(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    def tamper(files: dict[str, bytes]) -> None:
        files[name] = json.dumps(change(json.loads(files[name]))).encode()

    return tamper


def with_weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[dict[str, bytes]], None]:
    def tamper(files: dict[str, bytes]) -> None:
        weights = safetensors.torch.load(files["weights.safetensors"])
        change(weights)
        files["weights.safetensors"] = safetensors.torch.save(weights)

    return tamper


QUERY = "body.encoder.layer.0.attention.self.query.weight"


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (with_json("encoder.json", lambda said: []), "encoder.json must be an object"),
        (with_json("encoder.json", lambda said: said | {"model_type": "gpt2"}), "model_type 'gpt2'"),
        (with_json("encoder.json", lambda said: said | {"auto_map": {}}), "code of its own"),
        (with_json("encoder.json", lambda said: said | {"num_hidden_layers": 10**8}), "num_hidden_layers = 100000000"),
        (with_json("encoder.json", lambda said: said | {"hidden_size": 1 << 23}), "more than 2,147,483,648"),
        (with_json("encoder.json", lambda said: said | {"num_hidden_layers": 3}), "'body.encoder.layer.2."),
        (with_json("encoder.json", lambda said: said | {"vocab_size": 40}), "word_embeddings"),
        (with_json("tokenizer.json", lambda said: said | {"normalizer": {"type": "Evil"}}), "a normalizer 'Evil'"),
        (with_weights(lambda found: found.pop(QUERY)), QUERY),  # type: ignore[arg-type, return-value]
        (with_weights(lambda found: found.update({QUERY: found[QUERY][:3].clone()})), QUERY),
        (with_weights(lambda found: found.update({QUERY: found[QUERY].half()})), QUERY),
        (with_weights(lambda found: found.update({"more": torch.zeros(3)})), "more"),
        (with_weights(lambda found: found[QUERY].fill_(torch.nan)), "holds what is not a number"),  # type: ignore[arg-type, return-value]
        (with_weights(lambda found: found.pop("head.linear.bias")), "head.linear.bias"),  # type: ignore[arg-type, return-value]
    ],
)
def test_files_that_are_not_those_of_such_a_model_are_refused(
    model: EncoderModel, tamper: Callable[[dict[str, bytes]], None], message: str
) -> None:
    files = dict(model.files())
    tamper(files)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        family_of("encoder").load(model.config, 2, model.sizes, lambda name, most: files[name])


def test_files_are_read_no_further_than_their_numbers_go(model: EncoderModel) -> None:
    files, asked = model.files(), {}

    def read(name: str, most: int) -> bytes:
        asked[name] = most
        return files[name]

    family_of("encoder").load(model.config, 2, model.sizes, read)
    numbers = sum(value.numel() for value in model.weights.values())
    assert asked == {"encoder.json": 0, "weights.safetensors": 4 * numbers, "tokenizer.json": 1024 * 100}
    assert len(files["weights.safetensors"]) < 4 * numbers + 20_000
