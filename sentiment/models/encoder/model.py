"""A fine-tuned encoder with its tokenizer: it answers, and it can be kept."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentiment.errors import InputError
from sentiment.models.encoder.architecture import body_of, positions, read_config, shapes
from sentiment.models.encoder.config import EncoderConfig
from sentiment.models.encoder.network import Classifier
from sentiment.models.encoder.source import need_transformers
from sentiment.models.family import Read
from sentiment.models.network.batches import SCORING_BATCH, SORTED_TOGETHER, Examples, moved_to, ordered_batches
from sentiment.models.weights import BYTES_PER_ENTRY, WEIGHTS, read_weights, weights_size
from sentiment.tokens.pretrained import Limits, encode_pretrained, read_pretrained

__all__ = ["EncoderModel", "answer", "limits", "load", "pooled_batches"]

TOKENIZER: Final = "tokenizer.json"
ENCODER: Final = "encoder.json"


@dataclass(frozen=True)
class EncoderModel:
    """The best checkpoint of a training, and the tokenizer that it reads with."""

    config: EncoderConfig
    n_classes: int
    encoder: Mapping[str, Any]
    """What the encoder's config.json says."""
    tokenizer_json: str
    weights: dict[str, Tensor]
    """The state dict of a `Classifier`, on the CPU."""
    device: str = "cpu"
    """Where it answers."""

    @property
    def sizes(self) -> dict[str, int]:
        """See `sentiment.models.family.Model`; encoder.json says them all."""
        return {}

    @cached_property
    def network(self) -> Classifier:
        """The network itself, in evaluation mode."""
        body = {name[5:]: value for name, value in self.weights.items() if name.startswith("body.")}
        head = {name[5:]: value for name, value in self.weights.items() if name.startswith("head.")}
        with torch.random.fork_rng(devices=[]):  # first weights of a head are drawn, and then replaced
            network = Classifier(self.config, body_of(read_config(self.encoder), body), self.n_classes)
        network.head.load_state_dict(head, assign=True)
        return network.to(self.device).eval()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer itself."""
        return read_pretrained(self.tokenizer_json, limits(self.config, shapes(read_config(self.encoder))))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities float32 [n, K], computed in float32."""
        chunks = [np.empty((0, self.n_classes), dtype=np.float32)]
        # As many at a time as are sorted together: memory is bounded, and the batches are those of a trial's score.
        for start in range(0, len(texts), SORTED_TOGETHER):
            encoded = encode_pretrained(self.tokenizer, texts[start : start + SORTED_TOGETHER])
            rows = np.arange(len(encoded))
            examples = Examples(encoded, rows, np.zeros_like(rows))
            batches = pooled_batches(self.network, examples, self.device)
            chunks.append(answer(self.network.head, batches, len(rows), self.n_classes))
        return np.concatenate(chunks)

    def files(self) -> dict[str, bytes]:
        """See `sentiment.models.family.Model`."""
        return {
            WEIGHTS: safetensors.torch.save(self.weights),
            TOKENIZER: self.tokenizer_json.encode(),
            ENCODER: (json.dumps(self.encoder, ensure_ascii=False, indent=1) + "\n").encode(),
        }


def limits(config: EncoderConfig, body: nn.Module) -> Limits:
    """What a tokenizer may give to this body."""
    vocabulary: Any = body.config.vocab_size  # type: ignore[union-attr]
    return Limits(vocabulary, min(config.max_tokens, positions(body)))


def pooled_batches(network: Classifier, examples: Examples, device: str) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Positions in `examples`, and their vectors [B, D] in float32; leaves the network in evaluation mode."""
    network.eval()
    batches = ordered_batches(examples, batch_size=SCORING_BATCH, max_tokens=network.config.max_tokens)
    for batch in moved_to(device, batches):
        with torch.inference_mode():
            pooled = network.pooled(batch.ids, batch.lengths)
        yield batch.examples, pooled


def answer(head: nn.Module, batches: Iterable[tuple[np.ndarray, Tensor]], rows: int, n_classes: int) -> np.ndarray:
    """Class probabilities float32 [rows, K]; leaves the head in evaluation mode.

    Equal batches give equal probabilities, bit for bit, on one machine.
    """
    head.eval()
    probabilities = np.empty((rows, n_classes), dtype=np.float32)
    with torch.inference_mode():
        for scored, pooled in batches:
            probabilities[scored] = head(pooled).softmax(dim=1).cpu().numpy()
    return probabilities


def load(config: EncoderConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> EncoderModel:
    """See `sentiment.models.family.Family.load`."""
    need_transformers()
    described = json.loads(read(ENCODER, 0))
    if not isinstance(described, dict):
        raise InputError(f"{ENCODER} must be an object")
    body = shapes(read_config(described))
    with torch.device("meta"):
        expected = Classifier(config, body, n_classes).state_dict()
    content = read(WEIGHTS, weights_size(expected))
    tokenizer = read(TOKENIZER, BYTES_PER_ENTRY * limits(config, body).vocabulary).decode()
    model = EncoderModel(config, n_classes, described, tokenizer, read_weights(content, expected))
    model.tokenizer, model.network  # noqa: B018  refused here, if they are none
    return model
