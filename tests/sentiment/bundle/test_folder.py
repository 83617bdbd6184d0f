import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from sentiment.bundle.folder import FILES, SEEN, Bundle, card, copy_bundle, write_bundle
from sentiment.errors import InputError
from sentiment.models.network import batches, model
from sentiment.models.network.batches import Examples
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.family import Networks
from sentiment.models.network.model import predict_probabilities
from sentiment.models.network.network import build_model
from sentiment.models.network.training import train, training_data
from tests.sentiment.conftest import Exported
from tests.support.precisions import precisions_of

EVERY_FILE = (*FILES, *Networks.files, SEEN, "manifest.json")


@pytest.fixture
def folder(exported: Exported, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(exported.folder, tmp_path / "model"))


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as refused:
        Bundle.open(folder)
    message = str(refused.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


class TestAnOpenedBundle:
    def test_gives_exactly_the_probabilities_of_the_training_run(self, exported: Exported) -> None:
        opened = Bundle.open(exported.folder)
        texts = exported.dataset.texts("validation")
        np.testing.assert_array_equal(opened.probabilities(texts), exported.trained.probabilities)
        expected = [opened.classes[index] for index in exported.trained.probabilities.argmax(1)]
        assert opened.predict(texts) == expected
        assert np.mean(exported.dataset.labels("validation") == opened.probabilities(texts).argmax(1)) > 0.7

    @pytest.mark.parametrize(("precision", "architecture"), precisions_of("lstm", "gru", "textcnn"))
    def test_gives_them_in_whatever_precision_it_was_trained(
        self, exported: Exported, tmp_path: Path, precision: str, architecture: str
    ) -> None:
        dataset, corpus = exported.dataset, exported.corpus
        config = exported.trained.config.replace(architecture=architecture, precision=precision, hidden_size=8)
        trained = train(config.replace(epochs=1), training_data(dataset, corpus))
        write_bundle(
            tmp_path / "model",
            model=trained.model,
            classes=dataset.classes,
            facts={},
        )
        said = Bundle.open(tmp_path / "model").probabilities(dataset.texts("validation"))
        np.testing.assert_array_equal(said, trained.probabilities)

    @pytest.mark.parametrize("recurrent", ["lstm", "gru"])
    def test_predicts_in_float32_whatever_it_was_trained_in(
        self, exported: Exported, tmp_path: Path, recurrent: str
    ) -> None:
        probabilities = []
        for precision in ("float32", "bfloat16"):
            config = exported.trained.config.replace(architecture=recurrent, precision=precision, hidden_size=8)
            torch.manual_seed(0)
            weights = build_model(config, exported.corpus.vocabulary_size, 2).state_dict()
            write_bundle(
                tmp_path / precision,
                model=replace(exported.trained.model, config=config, weights=weights),
                classes=exported.dataset.classes,
                facts={},
            )
            opened = Bundle.open(tmp_path / precision)
            assert opened.config.precision == precision
            probabilities.append(opened.probabilities(exported.dataset.texts("validation")))
        np.testing.assert_array_equal(*probabilities)

    def test_knows_its_classes_its_config_and_the_facts_of_its_card(self, exported: Exported) -> None:
        opened = Bundle.open(str(exported.folder))
        assert opened.classes == ("negative", "positive")
        assert opened.config == exported.trained.config
        assert opened.facts["validation macro-F1"] == exported.trained.macro_f1
        card = (exported.folder / "README.md").read_text("utf-8")
        assert "negative / positive" in card
        assert str(exported.trained.macro_f1) in card

    def test_answers_for_texts_that_no_review_looks_like(self, exported: Exported) -> None:
        opened = Bundle.open(exported.folder)
        texts = ["", "   ", "\x00", "🎉🎉", "word " * 50_000, "한국어", "\ud83d broken"]
        probabilities = opened.probabilities(texts)
        assert probabilities.shape == (len(texts), 2)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        assert opened.probabilities([]).shape == (0, 2)
        assert opened.predict([]) == []

    def test_trims_a_text_as_the_training_texts_were(self, exported: Exported) -> None:
        opened = Bundle.open(exported.folder)
        np.testing.assert_array_equal(opened.probabilities([" a fine film\n"]), opened.probabilities(["a fine film"]))

    def test_scores_more_texts_than_fit_in_one_chunk_as_a_trial_does(
        self, exported: Exported, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = Bundle.open(exported.folder)
        texts, rows = exported.dataset.texts("train")[:50], exported.dataset.split.train[:50]
        at_once = opened.probabilities(texts)
        monkeypatch.setattr(model, "SORTED_TOGETHER", 7)
        monkeypatch.setattr(batches, "SORTED_TOGETHER", 7)
        in_chunks = opened.probabilities(texts)
        examples = Examples(exported.corpus.encoded, rows, exported.dataset.reviews.labels[rows])
        np.testing.assert_array_equal(in_chunks, predict_probabilities(exported.trained.model.network, examples))
        # Among other rows, a row's probabilities differ by rounding at most.
        np.testing.assert_allclose(in_chunks, at_once, rtol=1e-5)

    def test_is_safetensors_and_text_and_nothing_that_is_unpickled(self, exported: Exported) -> None:
        assert sorted(path.name for path in exported.folder.iterdir()) == sorted(EVERY_FILE)
        for name in set(EVERY_FILE) - {"weights.safetensors", SEEN}:
            (exported.folder / name).read_text("utf-8")
        assert (exported.folder / "weights.safetensors").read_bytes()[8:9] == b"{"
        assert (exported.folder / SEEN).stat().st_size == 8 * (320 + 40)

    def test_knows_which_texts_it_has_seen(self, exported: Exported) -> None:
        seen = Bundle.open(exported.folder).seen
        assert seen is not None
        for part, expected in (("train", (True, False)), ("validation", (False, True)), ("test", (False, False))):
            trained, chose = seen.among(exported.dataset.texts(part))
            assert (set(trained), set(chose)) == ({expected[0]}, {expected[1]})

    def test_of_an_earlier_version_opens_and_knows_nothing_of_what_it_has_seen(
        self, exported: Exported, folder: Path, tmp_path: Path
    ) -> None:
        of_earlier_version(folder)
        texts = exported.dataset.texts("validation")
        copy_bundle(folder, tmp_path / "copy", {})
        for each in (folder, tmp_path / "copy"):
            opened = Bundle.open(each)
            assert opened.seen is None
            assert not (each / SEEN).exists()
            np.testing.assert_array_equal(opened.probabilities(texts), exported.trained.probabilities)


class TestADamagedBundleIsRefused:
    @pytest.mark.parametrize("name", EVERY_FILE)
    def test_when_a_byte_of_it_has_changed(self, folder: Path, name: str) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        refusal(folder)

    @pytest.mark.parametrize("name", EVERY_FILE)
    def test_when_a_file_is_missing(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        assert "manifest" in refusal(folder) if name == "manifest.json" else name in refusal(folder)

    @pytest.mark.parametrize("name", EVERY_FILE)
    def test_when_a_file_is_cut_short(self, folder: Path, name: str) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        assert refusal(folder).startswith(f"{folder}/{name} is damaged")
        (folder / name).write_bytes(b"")
        assert f"{name} is damaged" in refusal(folder)

    @pytest.mark.parametrize(
        "manifest", [b"\x80garbage", b"[]", b"3", b"null", b'{"format": 1}', b'{"format": 1, "files": 3}', b"[" * 10**5]
    )
    def test_when_its_manifest_is_none(self, folder: Path, manifest: bytes) -> None:
        (folder / "manifest.json").write_bytes(manifest)
        assert "manifest.json is damaged" in refusal(folder)

    def test_when_it_is_of_another_format(self, folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
        assert "format 99; this version reads format 1" in refusal(folder)

    def test_when_it_is_an_empty_folder_a_file_or_nothing(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert "it has no manifest.json" in refusal(tmp_path / "empty")
        assert "it has no manifest.json" in refusal(folder / "README.md")
        assert "does not exist" in refusal(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        "changed",
        [
            {"config": {"architecture": "bert"}},
            {"config": {"hidden_size": "many"}},
            {"config": {"embedding_size": 64}},
            {"config": 3},
            {"classes": ["only one"]},
            {"config": {"learning_rate": 10**400}},
            {"vocabulary_size": 10},
            {"vocabulary_size": True},
            {"vocabulary_size": 10**30},
            {"classes": None},
            {"classes": "ab"},
            {"classes": [1, 2]},
            {"classes": ["good", "good"]},
            {"classes": [" ", "good"]},
            {"classes": ["\ud800", "good"]},
            {"classes": [str(number) for number in range(1001)]},
            {"facts": None},
            {"seen_texts": None},
            {"seen_texts": [320, 40]},
            {"seen_texts": {"training": 320}},
            {"seen_texts": {"training": 321, "validation": 40}},
            {"seen_texts": {"training": 320.0, "validation": 40}},
            {"seen_texts": {"training": 361, "validation": -1}},
            {"seen_texts": {"training": 10**30, "validation": 40}},
        ],
    )
    def test_when_its_parts_do_not_belong_together_though_every_checksum_holds(
        self, folder: Path, changed: dict[str, object]
    ) -> None:
        described = json.loads((folder / "config.json").read_text("utf-8")) | changed
        vouch_for(folder, "config.json", json.dumps(described).encode())
        assert "cannot be read as a bundle" in refusal(folder)

    @pytest.mark.parametrize("names_it", ["manifest.json", "config.json"])
    def test_when_only_one_of_two_files_names_the_texts_it_has_seen(self, folder: Path, names_it: str) -> None:
        if names_it == "manifest.json":
            described = json.loads((folder / "config.json").read_bytes())
            del described["seen_texts"]
            vouch_for(folder, "config.json", json.dumps(described).encode())
        else:
            manifest = json.loads((folder / "manifest.json").read_bytes())
            del manifest["files"][SEEN]
            (folder / "manifest.json").write_text(json.dumps(manifest))
        assert f"of {SEEN} config.json and manifest.json do not say the same" in refusal(folder)

    @pytest.mark.parametrize("name", ["weights.safetensors", "tokenizer.json", "config.json", SEEN])
    def test_when_a_file_is_something_else_though_every_checksum_holds(self, folder: Path, name: str) -> None:
        vouch_for(folder, name, b"{}")
        assert "cannot be read as a bundle" in refusal(folder)

    @pytest.mark.parametrize("content", [b"[]", b"3", b"[" * 10**5, b"\xff\xfe\x00", "{}".encode("utf-16")])
    def test_when_its_config_is_no_object(self, folder: Path, content: bytes) -> None:
        vouch_for(folder, "config.json", content)
        assert "cannot be read as a bundle" in refusal(folder)

    @pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "more.txt"])
    def test_when_its_manifest_names_other_files(self, folder: Path, name: str) -> None:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        manifest["files"][name] = manifest["files"]["README.md"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
        assert "names other files" in refusal(folder)

    @pytest.mark.parametrize("name", EVERY_FILE)
    def test_when_a_file_of_it_never_ends_without_reading_it(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)
        assert f"{name} is no plain file" in refusal(folder)
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")
        assert f"{name} is no plain file" in refusal(folder)

    @pytest.mark.parametrize("name", EVERY_FILE)
    def test_when_a_file_is_larger_than_such_a_file_can_be_without_reading_it(
        self, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_bytes = Path.read_bytes

        def of_bounded_size(path: Path) -> bytes:
            assert path.stat().st_size < 1 << 30
            return read_bytes(path)

        os.truncate(folder / name, 1 << 40)  # a hole: it takes no room on the disk
        monkeypatch.setattr(Path, "read_bytes", of_bounded_size)
        assert f"{name} has 1,099,511,627,776 bytes, which is more than" in refusal(folder)


class TestWeights:
    """What a folder says of itself holds, or nothing is made of it."""

    def test_are_compared_with_the_numbers_of_the_config_before_any_memory_is_taken(self, folder: Path) -> None:
        # Networks of 33, .7 and 1 GB, beside a file of a few thousand numbers.
        words: dict[str, object] = {"vocabulary_size": 1_000_000, "embedding_size": 8192}
        layers = {"architecture": "lstm", "kernel_sizes": [], "recurrent": "lstm", "layers": 6, "hidden_size": 2048}
        windows = {"embedding_size": 1024, "filters": 120, "kernel_sizes": list(range(1, 65)), "max_tokens": 1}
        folders = []
        for number, changed in enumerate((words, layers, windows)):
            folders.append(Path(shutil.copytree(folder, folder.with_name(f"model-{number}"))))
            described = json.loads((folder / "config.json").read_text("utf-8"))
            described |= {name: value for name, value in changed.items() if name in described}
            described["config"] |= {name: value for name, value in changed.items() if name not in described}
            vouch_for(folders[-1], "config.json", json.dumps(described).encode())
        script = """
import resource, sys
from sentiment.bundle.folder import Bundle
from sentiment.errors import InputError
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), used + (1 << 29)))
for folder in sys.argv[1:]:
    try:
        Bundle.open(folder)
    except InputError as refused:
        print(refused)
"""
        command = [sys.executable, "-c", script, *folders]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        asked = ["('F32', [1000000, 8192])", "('F32', [8192, 16])", "('F32', [33, 1024])"]
        assert len(lines) == len(asked)
        for line, shape in zip(lines, asked, strict=True):
            assert f"where config.json asks for {shape}" in line

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_that_are_not_numbers_are_refused(self, exported: Exported, folder: Path, value: float) -> None:
        weights = {name: tensor.clone() for name, tensor in exported.trained.model.weights.items()}
        weights["head.bias"][1] = value
        vouch_for(folder, "weights.safetensors", safetensors.torch.save(weights))
        assert "head.bias in weights.safetensors holds what is not a number" in refusal(folder)

    def test_of_which_no_number_comes_are_refused_when_they_predict(self, exported: Exported, folder: Path) -> None:
        weights = {name: torch.full_like(tensor, 3e38) for name, tensor in exported.trained.model.weights.items()}
        vouch_for(folder, "weights.safetensors", safetensors.torch.save(weights))
        with pytest.raises(InputError, match="answers with what is not a number"):
            Bundle.open(folder).predict(["a fine film"])

    @pytest.mark.parametrize(
        "change",
        [
            lambda weights: weights | {"more": torch.zeros(3)},
            lambda weights: {name: tensor for name, tensor in weights.items() if name != "head.bias"},
            lambda weights: weights | {"head.weight": weights["head.weight"].T.contiguous()},
            lambda weights: {name: tensor.double() for name, tensor in weights.items()},
            lambda weights: {name: tensor.long() for name, tensor in weights.items()},
        ],
        ids=["one too many", "one too few", "another shape", "float64", "whole numbers"],
    )
    def test_of_another_network_are_refused(self, exported: Exported, folder: Path, change: Any) -> None:
        vouch_for(folder, "weights.safetensors", safetensors.torch.save(change(exported.trained.model.weights)))
        assert "where config.json asks for" in refusal(folder)

    def test_in_memory_do_not_change_with_the_file(self, exported: Exported, folder: Path) -> None:
        opened = Bundle.open(folder)
        with (folder / "weights.safetensors").open("r+b") as file:
            file.write(b"\xff" * (folder / "weights.safetensors").stat().st_size)
        texts = exported.dataset.texts("validation")
        np.testing.assert_array_equal(opened.probabilities(texts), exported.trained.probabilities)

    def test_are_read_without_a_number_drawn_from_the_callers_random_state(self, folder: Path) -> None:
        torch.manual_seed(5)
        before = torch.random.get_rng_state()
        Bundle.open(folder)
        assert torch.equal(torch.random.get_rng_state(), before)


def of_earlier_version(folder: Path) -> None:
    """Make a bundle one that was written when none had hashes."""
    (folder / SEEN).unlink()
    described, manifest = (json.loads((folder / name).read_bytes()) for name in ("config.json", "manifest.json"))
    del described["seen_texts"], manifest["files"][SEEN]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    vouch_for(folder, "config.json", json.dumps(described).encode())


def vouch_for(folder: Path, name: str, content: bytes) -> None:
    """Write a file and its checksum, as somebody who means it would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


class TestWriting:
    def test_gives_the_checksum_of_the_manifest(self, exported: Exported) -> None:
        assert hashlib.sha256((exported.folder / "manifest.json").read_bytes()).hexdigest() == exported.sha256

    def test_never_overwrites_and_fills_an_empty_folder(self, exported: Exported, tmp_path: Path) -> None:
        target = tmp_path / "model"
        target.mkdir()
        copy_bundle(exported.folder, target, {})
        before = (target / "manifest.json").read_bytes()
        with pytest.raises(InputError, match="exists already"):
            copy_bundle(exported.folder, target, {"other": 1})
        assert (target / "manifest.json").read_bytes() == before
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_that_fails_leaves_nothing_behind(
        self, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left on device") as failed:
            copy_bundle(exported.folder, tmp_path / "model", {})
        assert failed.value.filename == str(tmp_path / "model")
        assert list(tmp_path.iterdir()) == []

    def test_adds_facts_to_a_copy_that_predicts_the_same(self, exported: Exported, tmp_path: Path) -> None:
        copy_bundle(exported.folder, tmp_path / "deep" / "copy", {"trials of the search": 17})
        original, copied = Bundle.open(exported.folder), Bundle.open(tmp_path / "deep" / "copy")
        assert copied.facts == original.facts | {"trials of the search": 17}
        assert "| trials of the search | 17 |" in (tmp_path / "deep" / "copy" / "README.md").read_text("utf-8")
        texts = exported.dataset.texts("test")
        np.testing.assert_array_equal(original.probabilities(texts), copied.probabilities(texts))
        assert original.seen and copied.seen and original.seen.to_bytes() == copied.seen.to_bytes() != b""

    @pytest.mark.parametrize("classes", [["one"], ["good", "good"], [str(number) for number in range(1001)]])
    def test_of_what_could_not_be_opened_again_is_refused(
        self, exported: Exported, tmp_path: Path, classes: list[str]
    ) -> None:
        with pytest.raises(InputError, match="the classes must be 2 to 1000 different names"):
            write_bundle(
                tmp_path / "model",
                model=exported.trained.model,
                classes=classes,
                facts={},
            )
        assert list(tmp_path.iterdir()) == []

    def test_copies_no_damaged_bundle(self, folder: Path, tmp_path: Path) -> None:
        (folder / "tokenizer.json").write_text("{}")
        with pytest.raises(InputError, match=r"tokenizer[.]json is damaged"):
            copy_bundle(folder, tmp_path / "copy", {})
        assert not (tmp_path / "copy").exists()

    def test_keeps_class_names_in_any_script(self, exported: Exported, tmp_path: Path) -> None:
        trained = exported.trained
        write_bundle(
            tmp_path / "model",
            model=replace(
                trained.model, weights={name: torch.zeros_like(value) for name, value in trained.model.weights.items()}
            ),
            classes=["부정 | bad", '"긍정"'],
            facts={},
        )
        assert Bundle.open(tmp_path / "model").predict(["x"]) == ["부정 | bad"]


def test_the_card_obeys_no_label_and_no_fact() -> None:
    name = "<script>alert(1)</script> a|b `c` [x](javascript:alert(1))\nline\x1b"
    shown = r"&lt;script>alert(1)&lt;/script> a\|b \`c\` [x\](javascript:alert(1))\\nline\\x1b"
    lines = card(NetworkConfig(), (name, "positive"), {"study": name, name: 1}).splitlines()
    assert lines[0] == f"# Sentiment classifier: {shown} / positive"
    assert f"| study | {shown} |" in lines
    assert f"| {shown} | 1 |" in lines
    outside_code = [line for line in lines if not line.startswith("    ")]
    assert not any("<script" in line or "\x1b" in line for line in outside_code)
    assert "\x1b" not in "".join(lines)


class TestWhatItIsAsked:
    def test_a_single_string_is_one_text(self, folder: Path) -> None:
        bundle = Bundle.open(folder)
        assert bundle.predict("a fine film") == bundle.predict(["a fine film"])
        assert bundle.probabilities("a fine film").shape == (1, len(bundle.classes))

    @pytest.mark.parametrize("wrong", [[None], [1.5], ["fine", b"bytes"]])
    def test_what_is_no_text_is_refused_in_one_line(self, folder: Path, wrong: list[object]) -> None:
        with pytest.raises(InputError, match=r"^text \d \(counted from 0\) is .*; give strings$"):
            Bundle.open(folder).predict(wrong)  # type: ignore[arg-type]

    def test_it_is_one_line_at_a_prompt(self, folder: Path) -> None:
        shown = repr(Bundle.open(folder))
        assert shown.startswith(f"Bundle({folder}: ") and "\n" not in shown and len(shown) < 400
