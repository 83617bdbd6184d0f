"""The same of a bundle of an encoder, whose tokenizer and architecture others have written (`test_bundle`)."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from sentiment.bundle.folder import FILES, write_bundle
from sentiment.models.encoder.architecture import body_of, described_by, read_config
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.family import Encoders
from sentiment.models.encoder.model import EncoderModel
from sentiment.models.encoder.network import Classifier
from tests.fuzz.test_bundle import answers_or_is_refused, as_json, changed_json, numbers, values
from tests.support.encoders import MARKS, tokenizer_json, write_encoder

KINDS = {"WordPiece": "bert", "BPE": "distilbert", "Unigram": "deberta-v2"}
LEARNED = ["a wonderful film it is", "an awful, dull film", "좋은 영화"] * 3

kinds = st.sampled_from(list(KINDS))


@cache
def tokenizer_of(kind: str) -> dict[str, Any]:
    if kind == "WordPiece":
        return tokenizer_json()
    trainer: Any
    if kind == "BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=80, special_tokens=MARKS, show_progress=False)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("a", "b")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=MARKS, unk_token="[UNK]", show_progress=False)
    tokenizer.train_from_iterator(LEARNED, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    return described


@cache
def bundle(kind: str) -> dict[str, bytes]:
    """The files of a whole one, never trained."""
    config = EncoderConfig(model="a folder", max_tokens=8)
    with tempfile.TemporaryDirectory() as folder:
        encoder = write_encoder(Path(folder, "encoder"), KINDS[kind])
        described = read_config(json.loads((encoder / "config.json").read_text("utf-8")))
        network = Classifier(config, body_of(described, safetensors.torch.load_file(encoder / "model.safetensors")), 2)
        tokenizer = json.dumps(tokenizer_of(kind))
        model = EncoderModel(config, 2, described_by(described), tokenizer, network.state_dict())
        write_bundle(Path(folder, "model"), model=model, classes=["negative", "positive"], facts={})
        return {name: Path(folder, "model", name).read_bytes() for name in (*FILES, *Encoders.files)}


@given(kinds)
def test_what_nobody_changed_answers(kind: str) -> None:
    assert answers_or_is_refused(bundle(kind))


@given(st.data(), kinds)
def test_an_encoder_of_other_values(data: st.DataObject, kind: str) -> None:
    described = json.loads(bundle(kind)["encoder.json"])
    answers_or_is_refused(bundle(kind) | {"encoder.json": as_json(data.draw(changed_json(described)))})


@given(st.data(), kinds, numbers)
@example(None, "BPE", 2**20)
def test_an_encoder_with_another_size(data: Any, kind: str, number: Any) -> None:
    described = json.loads(bundle(kind)["encoder.json"])
    sizes = sorted(name for name, value in described.items() if type(value) is int)
    for name in sizes if data is None else [data.draw(st.sampled_from(sizes))]:
        answers_or_is_refused(bundle(kind) | {"encoder.json": as_json(described | {name: number})})


@given(st.data(), kinds)
def test_a_tokenizer_of_other_values(data: st.DataObject, kind: str) -> None:
    described = json.loads(bundle(kind)["tokenizer.json"])
    part = data.draw(st.sampled_from([None, *(name for name, value in described.items() if isinstance(value, dict))]))
    changed = data.draw(changed_json(described if part is None else described[part]))
    described = changed if part is None else described | {part: changed}
    answers_or_is_refused(bundle(kind) | {"tokenizer.json": as_json(described)})


@given(st.data(), kinds, st.sampled_from(EncoderConfig.names()), values)
def test_a_config_with_one_other_parameter(data: st.DataObject, kind: str, name: str, value: Any) -> None:
    described = json.loads(bundle(kind)["config.json"])
    described["config"][name] = value
    answers_or_is_refused(bundle(kind) | {"config.json": as_json(described)})
