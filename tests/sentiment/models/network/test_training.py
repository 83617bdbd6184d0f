import json
import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models import descent
from sentiment.models.family import Report
from sentiment.models.network import training
from sentiment.models.network.batches import Examples, _in_one_piece, ordered_batches, shuffled_batches
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.model import predict_probabilities
from sentiment.models.network.network import build_model
from sentiment.models.network.precision import has_bfloat16_lstm
from sentiment.models.network.training import TrainingData, train
from sentiment.tokens.tokenizers import PAD, EncodedTexts
from tests.support.precisions import PRECISIONS, precisions_of

CLASSES = ("negative", "neutral", "positive")
FORMS = ("lstm", "gru", "cnn_lstm", "lstm_attention", "textcnn")
SMALL = NetworkConfig(
    embedding_size=16, hidden_size=16, filters=16, batch_size=16, epochs=3, dropout=0.1, learning_rate=0.01
)


def reviews(n: int, seed: int, *, telling: bool = True) -> Examples:
    """Texts of 1 to 12 tokens; if `telling`, one token of each names its class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    texts = []
    for label in labels:
        text = rng.integers(10, 60, rng.integers(1, 13))
        if telling:
            text[rng.integers(len(text))] = 2 + label
        texts.append(text)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    encoded = EncodedTexts(np.concatenate(texts).astype(np.uint16), offsets.astype(np.int64))
    return Examples(encoded, np.arange(n), labels.astype(np.int64))


@pytest.fixture(scope="module")
def data() -> TrainingData:
    return TrainingData(reviews(300, 0), reviews(90, 1), vocabulary_size=60, classes=CLASSES)


@pytest.fixture(scope="module")
def noise() -> TrainingData:
    """Labels that have nothing to do with the text."""
    train_rows = reviews(300, 0, telling=False)
    labels = np.where(np.random.default_rng(2).random(300) < 0.9, 0, train_rows.labels)
    return TrainingData(
        Examples(train_rows.encoded, train_rows.rows, labels), reviews(90, 1, telling=False), 60, CLASSES
    )


class TestBatches:
    def test_an_epoch_holds_every_example_once_with_its_own_tokens_and_label(self) -> None:
        examples = reviews(200, 0)
        seen = []
        for batch in shuffled_batches(examples, batch_size=16, max_tokens=8, rng=np.random.default_rng(0)):
            assert batch.ids.shape[1] == batch.lengths.max() <= 8
            for ids, length, label, example in zip(batch.ids, batch.lengths, batch.labels, batch.examples, strict=True):
                start, end = examples.encoded.offsets[example : example + 2]
                assert ids[:length].tolist() == examples.encoded.ids[start:end][:8].tolist()
                assert (ids[length:] == PAD).all()
                assert label == examples.labels[example]
                seen.append(example)
        assert sorted(seen) == list(range(200))

    def test_buckets_save_pads_and_the_next_epoch_has_another_order(self) -> None:
        examples = reviews(2000, 0)

        def epoch(seed: int, pad_to: int | None = None) -> list[list[int]]:
            rng = np.random.default_rng(seed)
            batches = list(shuffled_batches(examples, batch_size=16, max_tokens=99, rng=rng, pad_to=pad_to))
            return [batch.ids.numel() for batch in batches], [batch.examples.tolist() for batch in batches]  # type: ignore[return-value]

        tokens = int(examples.lengths(99).sum())
        assert sum(epoch(0)[0]) < 1.1 * tokens < 1.5 * tokens < sum(epoch(0, pad_to=12)[0])
        assert epoch(0) == epoch(0) != epoch(1)

    def test_ordered_batches_hold_every_example_once(self) -> None:
        batches = ordered_batches(reviews(50, 0), batch_size=16, max_tokens=99)
        assert sorted(example for batch in batches for example in batch.examples) == list(range(50))

    def test_moved_in_one_piece_are_the_same_batches(self) -> None:
        batches = list(ordered_batches(reviews(50, 0), batch_size=16, max_tokens=99))
        for batch, moved in zip(batches, _in_one_piece("cpu", batches), strict=True):
            assert batch.ids.equal(moved.ids) and batch.lengths.equal(moved.lengths)
            assert batch.labels.equal(moved.labels) and batch.examples is moved.examples
        assert list(_in_one_piece("cpu", [])) == []


class TestTheScoreOfARun:
    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_is_its_best_checkpoint_and_the_weights_are_that_ones(self, data: TrainingData, precision: str) -> None:
        trained = train(SMALL.replace(epochs=6, learning_rate=0.05, precision=precision), data)
        scores = [report.macro_f1 for report in trained.reports]
        assert trained.macro_f1 == max(scores)
        # Whatever the training's precision was, the answers are those of a float32 network.
        network = build_model(trained.config.replace(precision="float32"), data.vocabulary_size, 3)
        network.load_state_dict(trained.model.weights)
        probabilities = predict_probabilities(network, data.validation)
        np.testing.assert_array_equal(probabilities, trained.probabilities)
        np.testing.assert_array_equal(predict_probabilities(trained.model.network, data.validation), probabilities)
        assert macro_f1(data.validation.labels, probabilities.argmax(1), 3) == trained.macro_f1
        assert trained.best.step == 1 + scores.index(max(scores))

    def test_is_reported_so_far_at_each_step(self, data: TrainingData) -> None:
        reports: list[Report] = []
        train(SMALL.replace(evaluations_per_epoch=3), data, on_report=reports.append)
        assert [report.step for report in reports] == list(range(1, 10))
        assert [report.epoch for report in reports][2::3] == [1, 2, 3]
        best = np.maximum.accumulate([report.macro_f1 for report in reports])
        assert [report.best_macro_f1 for report in reports] == best.tolist()

    @pytest.mark.parametrize(("precision", "architecture"), precisions_of(*FORMS))
    def test_is_near_perfect_where_a_token_names_the_class(
        self, data: TrainingData, precision: str, architecture: str
    ) -> None:
        config = SMALL.replace(architecture=architecture, precision=precision, epochs=6)
        assert train(config, data).macro_f1 > 0.95

    def test_in_a_precision_that_the_processor_lacks_is_refused(
        self, data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(training, "has_bfloat16_lstm", lambda: False)
        with pytest.raises(InputError, match='train with precision = "float32"') as refused:
            train(SMALL.replace(architecture="lstm", precision="bfloat16"), data)
        assert "\n" not in str(refused.value)

    def test_is_not_disturbed_by_the_question_whether_there_is_such_a_precision(self) -> None:
        torch.manual_seed(123)
        expected = torch.rand(1)
        torch.manual_seed(123)
        can = has_bfloat16_lstm.__wrapped__()
        assert torch.rand(1) == expected
        with torch.autocast("cpu", torch.bfloat16), nullcontext() if can else pytest.raises(RuntimeError):
            torch.nn.LSTM(8, 8)(torch.zeros(2, 2, 8))

    @pytest.mark.parametrize("precision", PRECISIONS)
    @pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
    def test_is_the_same_again_bit_for_bit_and_the_callers_random_state_is_left_alone(
        self, data: TrainingData, optimizer: str, precision: str
    ) -> None:
        config = SMALL.replace(
            optimizer=optimizer, precision=precision, schedule="cosine", warmup=0.1, word_dropout=0.1, weight_decay=0.01
        )
        torch.manual_seed(123)
        expected = torch.rand(1)
        torch.manual_seed(123)
        first = train(config, data)
        assert torch.rand(1) == expected
        second = train(config, data)
        assert [r.macro_f1 for r in first.reports] == [r.macro_f1 for r in second.reports]
        assert [r.train_loss for r in first.reports] == [r.train_loss for r in second.reports]
        assert all(torch.equal(first.model.weights[name], second.model.weights[name]) for name in first.model.weights)
        other = train(config.replace(seed=1), data)
        assert [r.train_loss for r in first.reports] != [r.train_loss for r in other.reports]


class TestARunThatGoesWrong:
    def test_ends_early_and_says_why_when_it_diverges(self, data: TrainingData) -> None:
        config = SMALL.replace(optimizer="sgd", learning_rate=100.0, clip_norm=0.0, epochs=8)
        trained = train(config, data)
        assert trained.ended is not None
        assert trained.ended.startswith("diverged by epoch")
        assert "sgd with learning rate 100 and without clipping is too fast here" in trained.ended
        assert len(trained.reports) < 16
        assert math.isfinite(trained.macro_f1)

    def test_says_that_the_loss_is_no_number(self, data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(descent.F, "cross_entropy", lambda logits, *_, **__: logits.sum() * math.nan)
        trained = train(SMALL, data)
        assert trained.ended is not None
        assert "the training loss is not a number" in trained.ended

    @pytest.mark.parametrize("precision", PRECISIONS)
    def test_is_worth_saying_nothing_and_has_no_weights_if_it_diverged_before_its_first_score(
        self, data: TrainingData, precision: str
    ) -> None:
        wild = SMALL.replace(optimizer="sgd", learning_rate=50.0, clip_norm=0.0, evaluations_per_epoch=1)
        reports: list[Report] = []
        # The decay is part of the gradient: each step multiplies the weights by 500.
        trained = train(wild.replace(weight_decay=10.0, precision=precision), data, on_report=reports.append)
        assert trained.ended is not None
        assert trained.ended.startswith("diverged by epoch 1: ")
        assert trained.model is None
        assert trained.collapsed is None  # it says nothing, so it does not say one class
        rows = len(data.validation)
        np.testing.assert_array_equal(trained.probabilities, np.full((rows, 3), 1 / 3, np.float32))
        assert trained.macro_f1 == macro_f1(data.validation.labels, np.zeros(rows, int), 3)
        assert list(trained.reports) == reports
        assert [report.best_macro_f1 for report in reports] == [trained.macro_f1]
        json.dumps([report.to_dict() for report in reports], allow_nan=False)
        # Of other rows it says as much.
        np.testing.assert_array_equal(trained.predict(["of", "other", "rows"]), np.float32(1 / 3))

    def test_keeps_the_last_checkpoint_that_was_a_number(
        self, data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reports: list[Report] = []

        def spoil(done: int, total: int) -> None:
            # One weight, of a word that no validation row has: every answer there is still a number.
            if len(reports) == 2:
                networks[0].embedding.weight.data[-1] = math.inf

        networks = []
        monkeypatch.setattr(
            training,
            "build_model",
            lambda *args: networks.append(build_model(*args)) or networks[0],
        )
        words = TrainingData(data.train, data.validation, vocabulary_size=70, classes=CLASSES)
        trained = train(SMALL, words, on_report=reports.append, on_batch=spoil)
        assert trained.ended is not None
        assert trained.ended.startswith("diverged by epoch 1.5: its weights or its answers are not numbers; adam with")
        assert len(trained.reports) == 2
        assert trained.macro_f1 == max(report.macro_f1 for report in reports) > 0.5
        assert all(bool(value.isfinite().all()) for value in trained.model.weights.values())

    def test_ends_at_half_its_epochs_when_it_has_collapsed(self, noise: TrainingData) -> None:
        trained = train(SMALL.replace(epochs=8, learning_rate=1e-3), noise)
        assert trained.ended is not None
        assert trained.ended.startswith("collapsed by epoch 4 of 8: predicts only 'negative' for 100 %")
        assert len(trained.reports) == 8

    def test_may_be_asked_to_go_on_all_the_same(self, noise: TrainingData) -> None:
        trained = train(SMALL.replace(epochs=4, learning_rate=1e-4), noise, end_early=False)
        assert (trained.ended, len(trained.reports)) == (None, 8)

    def test_passes_on_what_the_caller_raises(self, data: TrainingData) -> None:
        def stop(report: Report) -> None:
            raise StopIteration(report.step)

        with pytest.raises(StopIteration, match="1"):
            train(SMALL, data, on_report=stop)


def test_a_padding_as_written_pads_every_batch_to_the_limit() -> None:
    batches = list(
        shuffled_batches(reviews(40, 0), batch_size=8, max_tokens=30, rng=np.random.default_rng(0), pad_to=30)
    )
    assert {batch.ids.shape[1] for batch in batches} == {30}
