"""Pretrained encoders small enough for a test: two layers, sixteen wide, with random weights."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.support.tiny import BAD, FILLER, GOOD

__all__ = ["MARKS", "tokenizer_json", "write_encoder"]

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
"""What those that do not know a field call otherwise, or leave aside, `transformers` knows."""


def tokenizer_json() -> dict[str, Any]:
    """WordPiece over the words of tiny reviews, digits and letters, with [CLS] and [SEP]; it pads, as files do."""
    words = [*MARKS, *GOOD, *BAD, *FILLER, *"0123456789", *(f"##{digit}" for digit in range(10)), "[", "]", "sep"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(MARKS)
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(30)
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    return described


def write_encoder(folder: Path, kind: str = "bert", **changes: Any) -> Path:
    """The folder of an encoder, as people publish them."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING

    config = CONFIG_MAPPING[kind].from_dict(SMALL | changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        MODEL_MAPPING[type(config)](config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()), "utf-8")
    return folder
