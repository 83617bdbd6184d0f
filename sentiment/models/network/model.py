"""A trained network with its tokenizer: it answers, and it can be kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor

from sentiment.checked import bounds
from sentiment.models.family import Read
from sentiment.models.network.batches import SCORING_BATCH, SORTED_TOGETHER, Examples, moved_to, ordered_batches
from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.network import Network, model_without_memory
from sentiment.models.ngrams import WIDE_CHARACTERS, WIDE_NGRAMS, WIDE_WORDS
from sentiment.models.weights import BYTES_PER_ENTRY, WEIGHTS, read_size, read_weights, weights_size
from sentiment.tokens.ngrams import Ngrams
from sentiment.tokens.tokenizers import encode, read_tokenizer

__all__ = ["NetworkModel", "load", "predict_probabilities"]

TOKENIZER: Final = "tokenizer.json"
VOCABULARY: Final = "vocabulary_size"
NGRAMS: Final = "ngrams"


@dataclass(frozen=True)
class NetworkModel:
    """The best checkpoint of a training, and the tokenizer that it reads with."""

    config: NetworkConfig
    n_classes: int
    vocabulary_size: int
    tokenizer_json: str
    weights: dict[str, Tensor]
    """The state dict, on the CPU."""
    device: str = "cpu"
    """Where it answers."""

    @property
    def sizes(self) -> dict[str, int]:
        """See `sentiment.models.family.Model`."""
        wide = {NGRAMS: len(self.weights["wide.hashes"])} if self.config.wide else {}
        return {VOCABULARY: self.vocabulary_size} | wide

    @cached_property
    def network(self) -> Network:
        """The network itself, in evaluation mode."""
        network = model_without_memory(self.config, self.vocabulary_size, self.n_classes, self.sizes.get(NGRAMS, 0))
        network.load_state_dict(self.weights, assign=True)
        return network.to(self.device).eval()

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer itself."""
        return read_tokenizer(self.tokenizer_json, self.config.token_unit, self.vocabulary_size)

    @cached_property
    def ngrams(self) -> Ngrams | None:
        """The n-grams that a wide network reads too."""
        wide = self.network.wide
        return None if wide is None else wide.ngrams(WIDE_WORDS, WIDE_CHARACTERS)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities float32 [n, K], computed in float32."""
        chunks = [np.empty((0, self.n_classes), dtype=np.float32)]
        # As many at a time as are sorted together: memory is bounded, and the batches are those of a trial's score.
        for start in range(0, len(texts), SORTED_TOGETHER):
            chunk = texts[start : start + SORTED_TOGETHER]
            rows = np.arange(len(chunk))
            bags = None if self.ngrams is None else self.ngrams.bags(chunk)
            examples = Examples(encode(self.tokenizer, chunk), rows, np.zeros_like(rows), bags)
            chunks.append(predict_probabilities(self.network, examples))
        return np.concatenate(chunks)

    def files(self) -> dict[str, bytes]:
        """See `sentiment.models.family.Model`."""
        return {WEIGHTS: safetensors.torch.save(self.weights), TOKENIZER: self.tokenizer_json.encode()}


def predict_probabilities(network: Network, examples: Examples) -> np.ndarray:
    """Class probabilities float32 [n, K] for `examples`, in their order, computed in float32.

    Equal examples in equal order give equal probabilities, bit for bit, on one machine. Among other examples a row
    meets other batches, and its probabilities differ by rounding (1e-7). Leaves the network in evaluation mode.
    """
    config = network.config
    device = str(network.head.weight.device)
    batches = ordered_batches(examples, batch_size=SCORING_BATCH, max_tokens=config.max_tokens, pad_to=config.pad_to)
    scored, found = [np.empty(0, dtype=np.int64)], [torch.empty((0, network.head.out_features), device=device)]
    network.eval()
    with torch.inference_mode():
        for batch in moved_to(device, batches):
            scored.append(batch.examples)
            found.append(network(batch.ids, batch.lengths, batch.bags).softmax(dim=1))
    probabilities = np.empty((len(examples), network.head.out_features), dtype=np.float32)
    probabilities[np.concatenate(scored)] = torch.cat(found).cpu().numpy()
    return probabilities


def load(config: NetworkConfig, n_classes: int, sizes: Mapping[str, Any], read: Read) -> NetworkModel:
    """See `sentiment.models.family.Family.load`."""
    size = read_size(sizes, VOCABULARY, 2, int(bounds(NetworkConfig, VOCABULARY)[1]))
    ngrams = read_size(sizes, NGRAMS, 0, WIDE_NGRAMS) if config.wide else 0
    expected = model_without_memory(config, size, n_classes, ngrams).state_dict()
    weights = read_weights(read(WEIGHTS, weights_size(expected)), expected)
    model = NetworkModel(config, n_classes, size, read(TOKENIZER, BYTES_PER_ENTRY * size).decode(), weights)
    model.tokenizer, model.ngrams  # noqa: B018  refused here, if they are none
    return model
