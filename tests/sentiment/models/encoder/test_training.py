import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.encoder.architecture import KNOWN, body_of, layers, positions, read_config, shapes
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.model import EncoderModel
from sentiment.models.encoder.network import Classifier, optimizer_of
from sentiment.models.encoder.training import train, training_data
from sentiment.models.family import Report, Resources, Trained
from sentiment.models.registry import family_of
from sentiment.reviews.dataset import Dataset, load_dataset
from tests.support.encoders import SMALL, write_encoder
from tests.support.precisions import PRECISIONS
from tests.support.tiny import source, write_reviews


def trained_by(config: EncoderConfig, dataset: Dataset, cache: Path, **given: Any) -> Trained:
    return train(config, training_data(config, dataset, cache), **given)


def weights_of(trained: Trained) -> dict[str, torch.Tensor]:
    assert isinstance(trained.model, EncoderModel)
    return trained.model.weights


def network_of(config: EncoderConfig, encoder: Path) -> Classifier:
    described = read_config(json.loads((encoder / "config.json").read_text("utf-8")))
    return Classifier(config, body_of(described, safetensors.torch.load_file(encoder / "model.safetensors")), 2)


class TestATraining:
    @pytest.mark.parametrize("precision", PRECISIONS)
    @pytest.mark.parametrize("layers", [0, 1, 100])
    def test_is_the_same_again_bit_for_bit_and_another_with_another_seed(
        self, config: EncoderConfig, dataset: Dataset, cache: Path, layers: int, precision: str
    ) -> None:
        config = config.replace(trained_layers=layers, precision=precision)
        torch.manual_seed(123)
        expected = torch.rand(1)
        torch.manual_seed(123)
        first, second = (trained_by(config, dataset, cache) for _ in range(2))
        assert torch.rand(1) == expected
        assert [r.train_loss for r in first.reports] == [r.train_loss for r in second.reports]
        np.testing.assert_array_equal(first.probabilities, second.probabilities)
        assert all(torch.equal(value, weights_of(second)[name]) for name, value in weights_of(first).items())
        other = trained_by(config.replace(seed=1), dataset, cache)
        assert [r.train_loss for r in first.reports] != [r.train_loss for r in other.reports]

    @pytest.mark.parametrize("pooling", ["mean", "first", "max"])
    def test_learns_what_the_texts_say(self, config: EncoderConfig, cache: Path, pooling: str, tmp_path: Path) -> None:
        larger = load_dataset(source(write_reviews(tmp_path / "reviews.csv", 600)))
        assert trained_by(config.replace(epochs=6, pooling=pooling), larger, cache).macro_f1 > 0.8

    def test_is_scored_and_reported_on_the_way(self, config: EncoderConfig, dataset: Dataset, cache: Path) -> None:
        reports: list[Report] = []
        batches: list[tuple[int, int]] = []
        trained = trained_by(
            config,
            dataset,
            cache,
            on_report=reports.append,
            on_batch=lambda *done: batches.append(done),
            end_early=False,
        )
        per_epoch = -(-len(dataset.split.train) // 16)
        assert batches == [(done, 2 * per_epoch) for done in range(1, 2 * per_epoch + 1)]
        assert [report.epoch for report in reports][1::2] == [1, 2]
        assert tuple(reports) == trained.reports
        truth = dataset.labels("validation")
        assert trained.macro_f1 == max(report.macro_f1 for report in reports)
        assert trained.macro_f1 == macro_f1(truth, trained.probabilities.argmax(axis=1), 2)

    def test_passes_on_what_the_caller_raises(self, config: EncoderConfig, dataset: Dataset, cache: Path) -> None:
        def stop(report: Report) -> None:
            raise StopIteration(report.step)

        with pytest.raises(StopIteration, match="1"):
            trained_by(config, dataset, cache, on_report=stop)

    def test_says_that_it_diverged(self, config: EncoderConfig, dataset: Dataset, cache: Path) -> None:
        wild = config.replace(learning_rate=1.0, head_factor=1000.0, clip_norm=0.0, schedule="constant", warmup=0.0)
        trained = trained_by(wild, dataset, cache)
        assert trained.ended is not None
        assert "adamw with learning rate 1 and without clipping is too fast here" in trained.ended

    @pytest.mark.parametrize("layers", [0, 100])
    def test_has_a_price(self, config: EncoderConfig, dataset: Dataset, cache: Path, layers: int) -> None:
        torch.manual_seed(123)
        expected = torch.rand(1)
        torch.manual_seed(123)
        assert family_of("encoder").seconds(config.replace(trained_layers=layers), dataset, Resources(cache)) > 0
        assert torch.rand(1) == expected


class TestWhatIsFrozen:
    @pytest.mark.parametrize(("trained_layers", "moving"), [(0, 0), (1, 1), (2, 3), (100, 3)])
    def test_does_not_change_and_the_rest_does(
        self, config: EncoderConfig, dataset: Dataset, cache: Path, encoder: Path, trained_layers: int, moving: int
    ) -> None:
        found = weights_of(trained_by(config.replace(trained_layers=trained_layers), dataset, cache))
        before = safetensors.torch.load_file(encoder / "model.safetensors")
        parts = {"encoder.layer.1.": 1, "encoder.layer.0.": 2, "embeddings.": 3}  # from the top
        for name, value in before.items():
            depth = next((number for part, number in parts.items() if name.startswith(part)), None)
            if depth is None:
                assert name.startswith("pooler.") and f"body.{name}" not in found
            elif depth > moving:
                assert torch.equal(found[f"body.{name}"], value), name
        moved = {
            depth
            for part, depth in parts.items()
            for name, value in before.items()
            if name.startswith(part) and not torch.equal(found[f"body.{name}"], value)
        }
        assert moved == set(range(1, moving + 1))

    def test_has_no_gradients_below_the_lowest_trained_layer(self, config: EncoderConfig, encoder: Path) -> None:
        network = network_of(config.replace(trained_layers=1), encoder).train()
        lower, top = layers(network.body)
        seen = []
        lower.register_forward_hook(lambda module, inputs, output: seen.append(output))
        network(torch.tensor([[2, 5, 6, 3]]), torch.tensor([4])).sum().backward()
        states = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
        assert not states.requires_grad  # so nothing of what is below was kept for a way back
        assert all(parameter.grad is None for parameter in lower.parameters())
        assert any(bool((parameter.grad != 0).any()) for parameter in top.parameters())

    def test_drops_nothing(self, config: EncoderConfig, encoder: Path) -> None:
        network = network_of(config.replace(trained_layers=1), encoder).train()
        lower, top = layers(network.body)
        dropping = {type(m) for m in network.modules() if m.training and isinstance(m, torch.nn.Dropout)}
        assert dropping
        assert not any(module.training for module in lower.modules())
        assert all(module.training for module in top.modules())
        assert not any(module.training for module in network.eval().modules())

    def test_gives_a_head_the_vectors_that_the_whole_network_gives(
        self, config: EncoderConfig, dataset: Dataset, cache: Path
    ) -> None:
        trained = trained_by(config.replace(trained_layers=0, learning_rate=0.05), dataset, cache)
        assert trained.model is not None
        np.testing.assert_array_equal(trained.model.probabilities(dataset.texts("validation")), trained.probabilities)


class TestHowFastEachPartLearns:
    def rates(self, config: EncoderConfig, encoder: Path) -> dict[str, tuple[float, float]]:
        network = network_of(config, encoder)
        names = {id(parameter): name for name, parameter in network.named_parameters()}
        return {
            names[id(parameter)]: (group["lr"], group["weight_decay"])
            for group in optimizer_of(config, network).param_groups
            for parameter in group["params"]
        }

    def test_falls_from_layer_to_layer(self, config: EncoderConfig, encoder: Path) -> None:
        config = config.replace(learning_rate=0.008, layer_decay=0.5, head_factor=10.0, weight_decay=0.1)
        rates = self.rates(config, encoder)
        assert rates["head.linear.weight"] == (0.08, 0.1)
        assert rates["head.linear.bias"] == (0.08, 0.0)
        assert rates["body.encoder.layer.1.attention.self.query.weight"] == (0.008, 0.1)
        assert rates["body.encoder.layer.1.attention.output.LayerNorm.weight"] == (0.008, 0.0)
        assert rates["body.encoder.layer.0.attention.self.query.weight"] == (0.004, 0.1)
        assert rates["body.embeddings.word_embeddings.weight"] == (0.002, 0.1)
        assert set(rates) == {name for name, _ in network_of(config, encoder).named_parameters()}

    def test_is_none_where_it_is_frozen(self, config: EncoderConfig, encoder: Path) -> None:
        assert set(self.rates(config.replace(trained_layers=0), encoder)) == {"head.linear.weight", "head.linear.bias"}
        names = self.rates(config.replace(trained_layers=1), encoder)
        assert {name.split(".")[3] for name in names if name.startswith("body.")} == {"1"}


class TestAnArchitecture:
    @pytest.mark.parametrize("kind", KNOWN)
    def test_reads_no_pads_trains_every_weight_and_is_made_again_of_what_is_kept(
        self, kind: str, tmp_path: Path
    ) -> None:
        special = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 2, "sep_token_id": 3}
        wide = {"embedding_size": 16, "true_hidden_size": 16, "intra_bottleneck_size": 16, "num_key_value_heads": 2}
        known = special | wide if kind in ("mobilebert", "electra", "albert", "eurobert", "modernbert") else {}
        folder = write_encoder(tmp_path / kind, kind, **known)
        described = json.loads((folder / "config.json").read_text("utf-8"))
        network = Classifier(
            EncoderConfig(dropout=0.0),
            body_of(read_config(described), safetensors.torch.load_file(folder / "model.safetensors")),
            2,
        )
        ids, lengths = torch.tensor([[2, 7, 8, 9, 3]]), torch.tensor([5])
        padded = torch.cat([ids, torch.zeros(1, 6, dtype=torch.int64)], dim=1)
        with torch.no_grad():
            torch.testing.assert_close(network(ids, lengths), network(padded, lengths), atol=1e-5, rtol=1e-5)
        network(ids, lengths).sum().backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []
        assert 1 <= len(layers(network.body)) <= 2
        # Behind its last position there is nothing.
        most = positions(shapes(read_config(described)))
        assert 60 <= most <= SMALL["max_position_embeddings"]
        network(torch.full((1, most), 7), torch.tensor([most]))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_what_the_numbers_come_from_is_told_by_a_hash(config: EncoderConfig, tmp_path: Path, file: str) -> None:
    folder = write_encoder(tmp_path / "bert")
    config, family = config.replace(model=str(folder)), family_of("encoder")
    first = family.content(config, tmp_path)
    assert first == family.content(config, tmp_path) == family.content(config.replace(epochs=9), tmp_path)
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    assert family.content(config, tmp_path) != first


def test_an_encoder_is_not_written_to_while_it_is_trained(
    config: EncoderConfig, dataset: Dataset, cache: Path, encoder: Path
) -> None:
    before = {path.name: path.read_bytes() for path in encoder.iterdir()}
    trained_by(config, dataset, cache)
    assert {path.name: path.read_bytes() for path in encoder.iterdir()} == before


@pytest.mark.parametrize("changes", [{"max_tokens": 3}, {"trained_layers": -1}, {"pooling": "attention"}, {"model": 1}])
def test_a_config_refuses_what_nobody_can_mean(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        EncoderConfig(**changes)
