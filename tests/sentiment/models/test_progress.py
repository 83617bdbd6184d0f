"""A training that is killed, by an exception and by a real `kill -9`, at each of its scorings, and goes on."""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from sentiment.models import progress
from sentiment.models.family import Report, Resources, Trained
from sentiment.models.network.precision import has_bfloat16_lstm
from sentiment.models.progress import Progress, State, digest_of, member_progress, remove_progress
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import Dataset, load_dataset, redraw
from tests.support.encoders import write_encoder
from tests.support.tiny import source, write_reviews

SMALL: dict[str, Any] = {
    "token_unit": "word",
    "vocabulary_size": 200,
    "max_tokens": 16,
    "embedding_size": 8,
    "filters": 8,
    "hidden_size": 8,
    "batch_size": 16,
    "learning_rate": 0.01,
    "epochs": 2,
    "evaluations_per_epoch": 3,
    "dropout": 0.3,
}
SCORINGS = 6
"""Of each of these."""
CONFIGS: dict[str, dict[str, Any]] = {
    "lstm, adam": SMALL
    | {"architecture": "lstm", "layers": 2, "bidirectional": True, "word_dropout": 0.2, "embedding_dropout": 0.2},
    "textcnn, sgd with momentum": SMALL
    | {"architecture": "textcnn", "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.1, "weight_decay": 1e-4},
    "textcnn, plain sgd": SMALL | {"architecture": "textcnn", "optimizer": "sgd", "learning_rate": 0.5},
    "gru, adamw, all of a recipe": SMALL
    | {
        "architecture": "gru",
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "schedule": "cosine",
        "warmup": 0.3,
        "class_weights": "balanced",
        "label_smoothing": 0.2,
        "clip_norm": 0.1,
    },
    "wide attention": SMALL | {"architecture": "lstm_attention", "wide": True, "schedule": "linear"},
    "bfloat16": SMALL
    | {"architecture": "lstm" if has_bfloat16_lstm() else "textcnn", "precision": "bfloat16", "optimizer": "adamw"},
    "as written": SMALL | {"architecture": "cnn_lstm", "padding": "as_written"},
    "bag": {"family": "bag", "epochs": 2, "batch_size": 16, "evaluations_per_epoch": 3, "learning_rate": 0.02},
    "encoder": {"family": "encoder", "max_tokens": 20, "epochs": 2, "batch_size": 16, "evaluations_per_epoch": 3}
    | {"learning_rate": 3e-3, "layer_decay": 0.8, "head_factor": 10.0},
    "frozen encoder": {"family": "encoder", "max_tokens": 20, "epochs": 2, "batch_size": 16, "trained_layers": 0}
    | {"evaluations_per_epoch": 3, "learning_rate": 0.05},
}


class Killed(BaseException):
    """What no training catches."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(source(write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.csv", 160)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture(scope="module")
def undisturbed(dataset: Dataset, cache: Path, encoder: Path) -> Callable[[str], Trained]:
    """What a config is trained to when nobody kills it."""
    known: dict[str, Trained] = {}

    def of(name: str) -> Trained:
        if name not in known:
            known[name] = train(config_of(settings(name, encoder)), dataset, Resources(cache, end_early=False))
        return known[name]

    return of


@pytest.fixture(autouse=True)
def every_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is kept, however short the training."""
    monkeypatch.setattr(progress, "LEAST_SECONDS", 0)
    monkeypatch.setattr(progress, "SHARE", 0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "progress" / "one.safetensors"


def settings(name: str, encoder: Path) -> dict[str, Any]:
    model = {"model": str(encoder)} if CONFIGS[name].get("family") == "encoder" else {}
    return CONFIGS[name] | model


def killed_at(scoring: int) -> Callable[[Report], None]:
    def on_report(report: Report) -> None:
        if report.step == scoring:
            raise Killed

    return on_report


class Seen:
    """What a training told on its way."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.batches: list[int] = []
        self.resumed: list[float] = []

    def resources(self, cache: Path, file: Path | None) -> Resources:
        def on_batch(done: int, total: int) -> None:
            self.batches.append(done)

        return Resources(
            cache,
            on_report=self.reports.append,
            on_batch=on_batch,
            end_early=False,
            progress=file,
            on_resume=self.resumed.append,
        )


def but_seconds(reports: Any) -> list[str]:
    """As text, in which nan is nan."""
    return [repr(replace(report, seconds=0.0)) for report in reports]


def assert_the_same(one: Trained, other: Trained) -> None:
    assert one.probabilities.tobytes() == other.probabilities.tobytes()
    assert but_seconds(one.reports) == but_seconds(other.reports)
    assert (one.macro_f1, one.ended, one.collapsed) == (other.macro_f1, other.ended, other.collapsed)
    assert (one.other_checkpoints is None) == (other.other_checkpoints is None)
    if one.other_checkpoints is not None and other.other_checkpoints is not None:
        assert one.other_checkpoints.tobytes() == other.other_checkpoints.tobytes()
    assert one.model is not None and other.model is not None
    assert one.model.files() == other.model.files()


@pytest.mark.parametrize("scoring", range(2, SCORINGS + 1))
@pytest.mark.parametrize("name", CONFIGS)
def test_goes_on_from_the_scoring_before_and_ends_with_the_bits_of_an_undisturbed_one(
    name: str,
    scoring: int,
    dataset: Dataset,
    cache: Path,
    encoder: Path,
    file: Path,
    undisturbed: Callable[[str], Trained],
) -> None:
    config = config_of(settings(name, encoder))
    with pytest.raises(Killed):
        train(config, dataset, Resources(cache, on_report=killed_at(scoring), end_early=False, progress=file))
    seen = Seen()
    trained = train(config, dataset, seen.resources(cache, file))
    assert_the_same(trained, undisturbed(name))
    # It is told of every scoring in its order, and of no batch twice.
    assert tuple(seen.reports) == trained.reports
    assert len(trained.reports) == SCORINGS
    per_epoch = -(-len(dataset.split.train) // 16)
    before = round(trained.reports[scoring - 2].epoch * per_epoch)
    assert seen.resumed == [trained.reports[scoring - 2].epoch]
    assert seen.batches == list(range(before + 1, 2 * per_epoch + 1))


def test_killed_at_every_scoring_in_turn_ends_the_same(
    dataset: Dataset, cache: Path, encoder: Path, file: Path, undisturbed: Callable[[str], Trained]
) -> None:
    name = "lstm, adam"
    config = config_of(settings(name, encoder))
    for scoring in range(1, SCORINGS + 1):
        with pytest.raises(Killed):
            train(config, dataset, Resources(cache, on_report=killed_at(scoring), end_early=False, progress=file))
    assert_the_same(train(config, dataset, Seen().resources(cache, file)), undisturbed(name))


OWN_PROCESS = """
import json, os, signal, sys
from pathlib import Path
from sentiment.models import progress
from sentiment.models.family import Resources
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import load_dataset
from tests.support.tiny import source

progress.LEAST_SECONDS = progress.SHARE = 0
reviews, cache, file, settings, scoring = sys.argv[1:]

def on_report(report):
    if report.step == int(scoring):
        os.kill(os.getpid(), signal.SIGKILL)

train(config_of(json.loads(settings)), load_dataset(source(Path(reviews))),
      Resources(Path(cache), on_report=on_report, end_early=False, progress=Path(file)))
"""


@pytest.mark.parametrize(
    ("name", "scoring"), [("wide attention", 2), ("gru, adamw, all of a recipe", 4), ("bag", 5), ("encoder", 6)]
)
def test_goes_on_likewise_after_a_kill_of_its_process(
    name: str,
    scoring: int,
    dataset: Dataset,
    cache: Path,
    encoder: Path,
    file: Path,
    undisturbed: Callable[[str], Trained],
) -> None:
    given = [dataset.source.path, cache, file, json.dumps(settings(name, encoder)), scoring]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.run(
        [sys.executable, "-c", OWN_PROCESS, *map(str, given)], env=os.environ | threads, cwd=Path(__file__).parents[3]
    )
    assert process.returncode == -signal.SIGKILL
    seen = Seen()
    trained = train(config_of(settings(name, encoder)), dataset, seen.resources(cache, file))
    assert_the_same(trained, undisturbed(name))
    assert seen.resumed == [trained.reports[scoring - 2].epoch]


def test_of_a_training_that_has_ended_nothing_is_made_again(
    dataset: Dataset, cache: Path, encoder: Path, file: Path, undisturbed: Callable[[str], Trained]
) -> None:
    name = "bag"
    config = config_of(settings(name, encoder))
    train(config, dataset, Resources(cache, end_early=False, progress=file))
    size = file.stat().st_size
    seen = Seen()
    assert_the_same(train(config, dataset, seen.resources(cache, file)), undisturbed(name))
    assert (seen.batches, seen.resumed) == ([], [2.0])
    # The weights of the best checkpoint alone, without an optimizer's state.
    assert size < 1.1 * sum(map(len, undisturbed(name).model.files().values())) + 20_000  # type: ignore[union-attr]


def test_one_that_diverged_or_collapsed_ends_so_again(dataset: Dataset, cache: Path, file: Path) -> None:
    wild = SMALL | {"architecture": "textcnn", "optimizer": "sgd", "learning_rate": 100.0, "clip_norm": 0.0}
    for number, config in enumerate((config_of(wild), config_of(wild | {"weight_decay": 10.0, "epochs": 9}))):
        own = file.with_stem(f"run-{number}")
        whole = train(config, dataset, Resources(cache))
        assert whole.ended
        again = [train(config, dataset, Resources(cache, progress=own)) for _ in range(2)]
        for one in again:
            assert one.ended == whole.ended
            assert but_seconds(one.reports) == but_seconds(whole.reports)
            assert (one.model is None) == (whole.model is None)


def test_its_seconds_are_those_of_all_its_processes(dataset: Dataset, cache: Path, encoder: Path, file: Path) -> None:
    config = config_of(settings("bag", encoder))
    first, second = Seen(), Seen()

    def dies(report: Report) -> None:
        first.reports.append(report)
        killed_at(4)(report)

    with pytest.raises(Killed):
        train(config, dataset, replace(first.resources(cache, file), on_report=dies))
    trained = train(config, dataset, second.resources(cache, file))
    assert second.reports[:3] == first.reports[:3]
    seconds = [report.seconds for report in trained.reports]
    assert seconds == sorted(seconds)
    assert trained.seconds >= seconds[-1]


def test_an_ensemble_goes_on_with_the_member_that_was_being_trained(
    dataset: Dataset, cache: Path, encoder: Path, file: Path
) -> None:
    members = [settings(name, encoder) for name in ("textcnn, plain sgd", "bag")]
    config = config_of({"family": "ensemble", "members": members})
    whole, per_epoch = train(config, dataset, Resources(cache, end_early=False)), -(-len(dataset.split.train) // 16)

    def dies(done: int, total: int) -> None:
        if done == 3 * per_epoch + 1:  # in the second epoch of the second member
            raise Killed

    with pytest.raises(Killed):
        train(config, dataset, Resources(cache, on_batch=dies, end_early=False, progress=file))
    seen = Seen()
    trained = train(config, dataset, seen.resources(cache, file))
    assert trained.probabilities.tobytes() == whole.probabilities.tobytes()
    assert seen.batches[0] == 3 * per_epoch + 1
    assert len(list(file.parent.iterdir())) == 2
    remove_progress(file)
    assert list(file.parent.iterdir()) == []


class TestAStateIsNotUsed:
    """And is removed; the training begins from its start."""

    @pytest.fixture
    def left(self, dataset: Dataset, cache: Path, encoder: Path, file: Path) -> Path:
        """By a training that was killed in its second epoch."""
        with pytest.raises(Killed):
            config = config_of(settings("bag", encoder))
            train(config, dataset, Resources(cache, on_report=killed_at(5), end_early=False, progress=file))
        return file

    def from_the_start(self, config: Any, dataset: Dataset, cache: Path, file: Path, **changes: Any) -> bool:
        """Whether it was not gone on from; the first batch decides, and nothing of the state is left then."""
        gone: list[bool] = []

        def on_batch(done: int, total: int) -> None:
            gone.append(done == 1 and not file.exists())
            raise Killed

        with pytest.raises(Killed):
            train(config, dataset, Resources(cache, on_batch=on_batch, progress=file, **{"end_early": False} | changes))
        return gone == [True]

    def test_by_another_config(self, dataset: Dataset, cache: Path, encoder: Path, left: Path) -> None:
        config = config_of(settings("bag", encoder))
        assert not self.from_the_start(config, dataset, cache, left)
        assert self.from_the_start(config.replace(seed=1), dataset, cache, left)

    def test_with_other_rows_labels_or_texts(
        self, dataset: Dataset, cache: Path, encoder: Path, left: Path, tmp_path: Path
    ) -> None:
        content, config = left.read_bytes(), config_of(settings("bag", encoder))
        labels = dataset.reviews.labels.copy()
        labels[dataset.split.train[0]] = 1 - labels[dataset.split.train[0]]
        relabelled = replace(dataset, reviews=replace(dataset.reviews, labels=labels))
        other = load_dataset(source(write_reviews(tmp_path / "reviews.csv", 160, seed=1)))
        for changed in (redraw(dataset, 1), relabelled, other):
            left.write_bytes(content)
            assert self.from_the_start(config, changed, cache, left)

    def test_where_other_threads_or_another_rule_decide_its_bits(
        self, dataset: Dataset, cache: Path, encoder: Path, left: Path
    ) -> None:
        content, config = left.read_bytes(), config_of(settings("bag", encoder))
        assert self.from_the_start(config, dataset, cache, left, end_early=True)
        left.write_bytes(content)
        threads = torch.get_num_threads()
        torch.set_num_threads(threads + 1)
        try:
            assert self.from_the_start(config, dataset, cache, left)
        finally:
            torch.set_num_threads(threads)

    def test_of_another_encoder(self, dataset: Dataset, cache: Path, tmp_path: Path, file: Path) -> None:
        folder = write_encoder(tmp_path / "bert")
        config = config_of(CONFIGS["encoder"] | {"model": str(folder)})
        with pytest.raises(Killed):
            train(config, dataset, Resources(cache, on_report=killed_at(3), end_early=False, progress=file))
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        safetensors.torch.save_file({n: v + 0.01 for n, v in weights.items()}, folder / "model.safetensors", {})
        assert self.from_the_start(config, dataset, cache, file)

    @pytest.mark.parametrize("where", [0.0, 0.01, 0.3, 0.6, 0.99])
    def test_with_a_byte_that_is_another(
        self, where: float, dataset: Dataset, cache: Path, encoder: Path, left: Path
    ) -> None:
        content = bytearray(left.read_bytes())
        content[int(where * len(content))] ^= 1
        left.write_bytes(content)
        assert self.from_the_start(config_of(settings("bag", encoder)), dataset, cache, left)

    @pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
    def test_with_a_part_alone(self, part: float, dataset: Dataset, cache: Path, encoder: Path, left: Path) -> None:
        content = left.read_bytes()
        left.write_bytes(content[: int(part * len(content))])
        assert self.from_the_start(config_of(settings("bag", encoder)), dataset, cache, left)

    def test_that_is_no_state(self, dataset: Dataset, cache: Path, encoder: Path, left: Path) -> None:
        for content in (b"no safetensors at all", safetensors.torch.save({"best": torch.zeros(3)})):
            left.write_bytes(content)
            assert self.from_the_start(config_of(settings("bag", encoder)), dataset, cache, left)


class TestAFile:
    def test_is_not_written_before_a_training_has_lasted_a_second(
        self, dataset: Dataset, cache: Path, encoder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(progress, "LEAST_SECONDS", 1000.0)
        train(config_of(settings("bag", encoder)), dataset, Resources(cache, progress=file))
        assert not file.parent.exists()

    def test_that_cannot_be_written_is_told_once_and_the_training_goes_on(
        self, dataset: Dataset, cache: Path, encoder: Path, tmp_path: Path, undisturbed: Callable[[str], Trained]
    ) -> None:
        (tmp_path / "file").write_text("where a folder should be")
        resources = Resources(cache, end_early=False, progress=tmp_path / "file" / "one.safetensors")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            trained = train(config_of(settings("bag", encoder)), dataset, resources)
        (only,) = told
        assert str(only.message).startswith(f"{tmp_path / 'file' / 'one.safetensors'} cannot be written (")
        assert "\n" not in str(only.message)
        assert_the_same(trained, undisturbed("bag"))

    def test_on_a_full_disk_leaves_the_state_before_it(self, file: Path) -> None:
        resource = pytest.importorskip("resource")
        kept = Progress(file, lambda: {"of": "a test"})
        kept.write(lambda: State({"small": torch.arange(3)}, {"number": 1}))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.warns(UserWarning, match="cannot be written"):
                kept.write(lambda: State({"large": torch.zeros(1_000_000)}, {"number": 2}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.name for path in file.parent.iterdir()] == [file.name]
        found = Progress(file, lambda: {"of": "a test"}).read()
        assert found is not None
        assert (found.values, found.tensors["small"].tolist()) == ({"number": 1}, [0, 1, 2])

    def test_gives_back_every_number_whatever_it_is(self, file: Path) -> None:
        numbers = torch.tensor([0.1, float("nan"), float("-inf"), -0.0])
        values = {"loss": float("inf"), "large": 2**127 + 1, "score": 0.1 + 0.2, "word": "긍정", "none": None}
        tensors = {"f": numbers, "i": torch.arange(4).view(2, 2).T, "empty": torch.empty(0, 3), "scalar": numbers[0]}
        Progress(file, dict).write(lambda: State(tensors, values))
        found = Progress(file, dict).read()
        assert found is not None
        assert found.values == values
        assert list(found.tensors["i"].flatten()) == [0, 2, 1, 3]
        for name, value in tensors.items():
            assert (found.tensors[name].dtype, found.tensors[name].shape) == (value.dtype, value.shape)
            assert found.tensors[name].contiguous().numpy().tobytes() == value.contiguous().numpy().tobytes()

    def test_is_removed_with_those_of_its_members_and_what_is_half_written_and_no_other(self, tmp_path: Path) -> None:
        mine = tmp_path / "position-00001.safetensors"
        member = member_progress(mine, 3)
        assert member is not None
        half = [path.with_name(f".{path.name}.77.tmp") for path in (mine, member)]
        others = [tmp_path / name for name in ("position-00010.safetensors", ".position-000010.safetensors.7.tmp")]
        for path in (mine, member, *half, *others):
            path.touch()
        remove_progress(mine)
        assert sorted(tmp_path.iterdir()) == sorted(others)
        remove_progress(mine)  # of one that is not there, nothing

    def test_a_digest_tells_types_shapes_and_order_apart(self) -> None:
        zeros = np.zeros(4, dtype=np.int32)
        same = [[zeros, "a"], [zeros.copy(), "a"]]
        others = [["a", zeros], [zeros.reshape(2, 2), "a"], [zeros.view(np.uint32), "a"], [zeros[:2], "a"], [zeros]]
        assert digest_of(same[0]) == digest_of(same[1])
        assert len({digest_of(parts) for parts in [same[0], *others]}) == 6
