"""A bundle may hold anything, with a manifest that vouches for it: it answers with probabilities, or is refused in one
line, and takes no more memory than its files deserve."""

import hashlib
import json
import resource
import struct
import tempfile
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from sentiment.bundle.folder import FILES, SEEN, Bundle, write_bundle
from sentiment.bundle.seen import SeenTexts
from sentiment.checked import choices
from sentiment.errors import InputError
from sentiment.foreign import visible
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.family import Networks
from sentiment.models.network.model import NetworkModel
from sentiment.models.network.network import build_model
from sentiment.tokens.ngrams import fit_ngrams
from sentiment.tokens.tokenizers import fit_tokenizer

TEXTS = ["a wonderful film", "", "aaaaaaaaaaaaaaaaaaaaaaaaac", "좋은 \ud800 \x00 <pad> ▁", "good " * 200]
EVERY_FILE = (*FILES, *Networks.files, SEEN)
MOST_BYTES = 1 << 30
"""That one case may take beyond what the process had; the networks here have a few thousand numbers."""

CONFIGS = {
    "word": NetworkConfig(architecture="textcnn", token_unit="word", kernel_sizes=(1, 2)),
    "subword": NetworkConfig(
        architecture="lstm", token_unit="subword", layers=2, bidirectional=True, pooling="attention"
    ),
    "char": NetworkConfig(architecture="gru", token_unit="char", padding="as_written"),
    "wide": NetworkConfig(architecture="custom", token_unit="word", wide=True),
}
SMALL = {"vocabulary_size": 60, "max_tokens": 8, "embedding_size": 4, "filters": 4, "hidden_size": 4}

units = st.sampled_from(list(CONFIGS))
numbers = st.one_of(
    st.sampled_from([0, 1, 2, -1, 7, 8, 61, 1000, 2**31, 2**32 - 1, 2**63, 10**30, 10**400, 30_000_000]),
    st.integers(),
    st.floats(),
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        numbers,
        st.text(max_size=20),
        st.sampled_from(
            [
                "\ud800",
                "x" * 10_000,
                "(a+)+$",
                "((",
                *chain(*(choices(NetworkConfig, name) for name in NetworkConfig.names())),
            ]
        ),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@cache
def bundle(unit: str) -> dict[str, bytes]:
    """The files of a whole one, never trained."""
    config = CONFIGS[unit].replace(**SMALL)
    texts = ["a wonderful film it is", "an awful, dull film", "좋은 영화"] * 3
    tokenizer = fit_tokenizer(texts, config.token_unit, 60)
    size = tokenizer.get_vocab_size()
    ngrams = fit_ngrams(texts, 1, 1, 30)
    torch.manual_seed(0)
    network = build_model(config, size, 2, len(ngrams))
    if network.wide is not None:
        network.wide.know(ngrams)
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(
            Path(folder, "model"),
            model=NetworkModel(config, 2, size, tokenizer.to_str(), network.state_dict()),
            classes=["negative", "positive"],
            facts={"study": "x", "label rule": {"negative": ["1"], "positive": ["5"]}},
            seen=SeenTexts.of(TEXTS[:2], TEXTS[2:]),
        )
        return {name: Path(folder, "model", name).read_bytes() for name in EVERY_FILE}


def manifest_of(contents: dict[str, bytes]) -> dict[str, Any]:
    recorded = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    return {"format": 1, "files": recorded}


def write(folder: Path, contents: dict[str, bytes], manifest: bytes) -> None:
    for name, content in (contents | {"manifest.json": manifest}).items():
        (folder / name).write_bytes(content)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def answers_or_is_refused(contents: dict[str, bytes], manifest: bytes | None = None) -> bool:
    """Whether it answers; without a manifest, one that vouches for the contents."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), contents, manifest or as_json(manifest_of(contents)))
        try:
            opened = Bundle.open(folder)
            probabilities = opened.probabilities(TEXTS)
            assert opened.seen is None or all(len(which) == len(TEXTS) for which in opened.seen.among(TEXTS))
        except InputError as refused:
            assert len(str(refused).splitlines()) == 1 and visible(str(refused)) == str(refused)
            assert "allocate" not in str(refused)  # it was tried
            return False
        finally:
            assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < MOST_BYTES
    assert probabilities.shape == (len(TEXTS), len(opened.classes))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
    return True


@st.composite
def changed_json(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with some of its parts left out, replaced, doubled or added to."""
    value = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = value
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or draw(st.booleans()):
                break
            place = place[key]
        what = draw(st.sampled_from(["replace", "leave out", "add", "double"]))
        if isinstance(place, dict) and what in ("add", "double"):
            place[draw(st.text(max_size=8))] = draw(values) if what == "add" or not keys else place[key]
        elif what in ("add", "double"):
            place.append(draw(values) if what == "add" or not keys else place[key])
        elif keys and what == "replace":
            place[key] = draw(values)
        elif keys:
            del place[key]
    return value


@given(units)
def test_what_nobody_changed_answers(unit: str) -> None:
    assert answers_or_is_refused(bundle(unit))


@given(st.data(), units, st.sampled_from(EVERY_FILE))
def test_a_file_with_other_bytes(data: st.DataObject, unit: str, name: str) -> None:
    content = bytearray(bundle(unit)[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 20))
        content[start : start + length] = data.draw(st.binary(max_size=20))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    answers_or_is_refused(bundle(unit) | {name: bytes(content)})


@given(st.data(), units)
def test_a_config_of_other_values(data: st.DataObject, unit: str) -> None:
    described = json.loads(bundle(unit)["config.json"])
    answers_or_is_refused(bundle(unit) | {"config.json": as_json(data.draw(changed_json(described)))})


@given(units, st.sampled_from(NetworkConfig.names()), values)
@example("char", "max_tokens", 5_000)
@example("word", "embedding_size", 8192)
def test_a_config_with_one_other_parameter(unit: str, name: str, value: Any) -> None:
    described = json.loads(bundle(unit)["config.json"])
    described["config"][name] = value
    answers_or_is_refused(bundle(unit) | {"config.json": as_json(described)})


@given(units, values | st.lists(st.text(max_size=3), max_size=4))
@example("word", ["\ud800", "good"])
@example("word", [" ", "good"])
def test_a_config_of_other_classes(unit: str, classes: Any) -> None:
    described = json.loads(bundle(unit)["config.json"]) | {"classes": classes}
    answers_or_is_refused(bundle(unit) | {"config.json": as_json(described)})


@given(st.data(), units)
def test_a_tokenizer_of_other_values(data: st.DataObject, unit: str) -> None:
    described = json.loads(bundle(unit)["tokenizer.json"])
    answers_or_is_refused(bundle(unit) | {"tokenizer.json": as_json(data.draw(changed_json(described)))})


@given(st.data(), units)
def test_a_tokenizer_of_another_vocabulary_and_other_merges(data: st.DataObject, unit: str) -> None:
    described = json.loads(bundle(unit)["tokenizer.json"])
    model = described["model"]
    tokens = list(model["vocab"])
    if data.draw(st.booleans()):
        renamed = {token: data.draw(st.text(max_size=5)) for token in data.draw(st.lists(st.sampled_from(tokens)))}
        model["vocab"] = {renamed.get(token, token): number for token, number in model["vocab"].items()}
    if data.draw(st.booleans()):
        numbered = data.draw(st.permutations(tokens)) if data.draw(st.booleans()) else tokens
        model["vocab"] = {token: number for number, token in enumerate(numbered)}
    pieces = st.sampled_from(tokens) | st.text(max_size=3)
    if data.draw(st.booleans()):
        model["merges"] = data.draw(st.lists(st.lists(pieces, min_size=1, max_size=3), max_size=6))
    elif "merges" in model:
        model["merges"] = data.draw(st.permutations(model["merges"]))
    answers_or_is_refused(bundle(unit) | {"tokenizer.json": as_json(described)})


@given(st.data(), units)
def test_weights_of_other_names_shapes_types_and_values(data: st.DataObject, unit: str) -> None:
    weights: dict[str, Tensor] = safetensors.torch.load(bundle(unit)["weights.safetensors"])
    for name in data.draw(st.lists(st.sampled_from(sorted(weights)), min_size=1, max_size=3, unique=True)):
        tensor = weights[name]
        what = data.draw(st.sampled_from(["name", "shape", "type", "value", "values"]))
        numbers = st.floats(width=32) if tensor.is_floating_point() else st.integers(-(2**63), 2**63 - 1)
        if what == "name":
            del weights[name]
            weights[data.draw(st.sampled_from(sorted(weights)) | st.text(max_size=8))] = tensor
        elif what == "shape":
            shape = data.draw(st.lists(st.integers(0, 9), max_size=3))
            weights[name] = data.draw(st.sampled_from([tensor.flatten(), tensor[:-1], torch.zeros(shape)]))
        elif what == "type":
            types = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
            weights[name] = tensor.to(data.draw(st.sampled_from(types)))
        elif what == "value":
            flat = tensor.flatten()
            flat[data.draw(st.integers(0, len(flat) - 1))] = data.draw(numbers)
            weights[name] = flat.view(tensor.shape)
        else:
            weights[name] = torch.full_like(tensor, data.draw(numbers))
    answers_or_is_refused(bundle(unit) | {"weights.safetensors": safetensors.torch.save(weights)})


@given(st.data(), units)
def test_weights_with_a_header_that_lies(data: st.DataObject, unit: str) -> None:
    content = bundle(unit)["weights.safetensors"]
    (length,) = struct.unpack("<Q", content[:8])
    header = as_json(data.draw(changed_json(json.loads(content[8 : 8 + length]))))
    said = data.draw(st.sampled_from([len(header), 0, 2**32, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1))
    changed = struct.pack("<Q", said) + header + content[8 + length :]
    answers_or_is_refused(bundle(unit) | {"weights.safetensors": changed})


@given(st.data(), units)
def test_a_manifest_of_other_values(data: st.DataObject, unit: str) -> None:
    contents = bundle(unit)
    answers_or_is_refused(contents, as_json(data.draw(changed_json(manifest_of(contents)))))


@cache
def opened(unit: str) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), bundle(unit), as_json(manifest_of(bundle(unit))))
        return Bundle.open(folder)


@given(
    units,
    st.lists(st.text(st.characters(codec=None, exclude_categories=()), max_size=200), max_size=5),
    st.integers(1, 30),
)
def test_any_text_is_answered_for(unit: str, texts: list[str], times: int) -> None:
    probabilities = opened(unit).probabilities([times * text for text in texts])
    assert probabilities.shape == (len(texts), 2)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
