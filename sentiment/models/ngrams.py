"""N-grams as part of what gradient descent trains: bags in batches, and what each n-gram says of each class.

Families share this: n-grams alone are a `bag`, beside a network they are its `wide` part.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sentiment.errors import InputError
from sentiment.tokens.ngrams import HASHES, Bags, NgramCorpus, Ngrams

__all__ = [
    *("WIDE_BEGINNING", "WIDE_CHARACTERS", "WIDE_DROPOUT", "WIDE_NGRAMS", "WIDE_WORDS"),
    *("BagBatch", "NgramLogits", "bag_batch", "log_count_ratios", "parts_of"),
]

# What a wide network reads: so many words, and characters of a word, in a row at most, and so many n-grams. A bundle
# keeps the hashes alone and is read by these numbers: they are part of its format, and to change one of them is to
# answer otherwise from the bundles that there are. Whoever must gives the config a field with these as its defaults.
WIDE_WORDS: Final = 2
WIDE_CHARACTERS: Final = 4
WIDE_NGRAMS: Final = 1 << 18
# How its n-grams are trained. No config says it: with other numbers no trial replays.
WIDE_DROPOUT: Final = 0.3
"""Probability that an n-gram of a training text is left out."""
WIDE_BEGINNING: Final = 0.25
"""What an n-gram says of each class before training, in parts of what naive Bayes says of it."""
LARGEST_IDF: Final = 100
"""1 + ln of so many texts as nobody has."""


@dataclass(frozen=True)
class BagBatch:
    """The bags of B texts, one behind the other."""

    ids: Tensor
    """int64 [all n-grams]."""
    weights: Tensor
    """float32 [all n-grams]."""
    starts: Tensor
    """int64 [B]: where each text begins."""

    def to(self, device: str) -> "BagBatch":
        """The same on another device."""
        return BagBatch(self.ids.to(device), self.weights.to(device), self.starts.to(device))


def bag_batch(bags: Bags, rows: np.ndarray) -> BagBatch:
    """The bags of some texts, in their order."""
    lengths = bags.offsets[rows + 1] - bags.offsets[rows]
    starts = np.cumsum(lengths) - lengths
    places = np.repeat(bags.offsets[rows] - starts, lengths) + np.arange(lengths.sum())
    ids, weights = bags.ids[places].astype(np.int64), bags.weights[places]
    return BagBatch(torch.from_numpy(ids), torch.from_numpy(weights), torch.from_numpy(starts))


def parts_of(corpus: NgramCorpus) -> tuple[np.ndarray, ...]:
    """All that there is in it."""
    bags = corpus.bags
    return corpus.ngrams.hashes, corpus.ngrams.idf, bags.ids, bags.weights, bags.offsets


class NgramLogits(nn.Module):
    """What each n-gram says of each class, times its weight in the text, added up.

    It knows its n-grams: their hashes and how rare they are are part of its state, and so of what is kept.
    """

    hashes: Tensor
    idf: Tensor

    def __init__(self, ngrams: int, n_classes: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("hashes", torch.zeros(ngrams, dtype=torch.int64))
        self.register_buffer("idf", torch.zeros(ngrams))
        self.weight = nn.Parameter(torch.zeros(ngrams, n_classes))
        self.dropout = dropout

    def forward(self, bags: BagBatch) -> Tensor:
        """Bags of B texts become logits [B, K]; in training some n-grams are left out."""
        weights = F.dropout(bags.weights, self.dropout, self.training)
        logits: Tensor = F.embedding_bag(bags.ids, self.weight, bags.starts, mode="sum", per_sample_weights=weights)
        return logits

    def know(self, ngrams: Ngrams) -> None:
        """Take up n-grams that were chosen."""
        self.hashes.copy_(torch.from_numpy(np.array(ngrams.hashes)))
        self.idf.copy_(torch.from_numpy(np.array(ngrams.idf)))

    def ngrams(self, words: int, characters: int) -> Ngrams:
        """The n-grams that it knows, so that texts can become bags of them.

        Raises:
            InputError: they cannot have been chosen by `fit_ngrams`.
        """
        hashes, idf = self.hashes.cpu().numpy(), self.idf.cpu().numpy()
        if len(hashes) and (hashes[0] < 0 or hashes[-1] >= HASHES or (np.diff(hashes) <= 0).any()):
            raise InputError(f"the hashes of its n-grams must ascend from 0 to below {HASHES:,}")
        if not ((idf >= 1) & (idf <= LARGEST_IDF)).all():
            raise InputError(f"the idf of its n-grams must lie between 1 and {LARGEST_IDF}")
        return Ngrams(words, characters, hashes, idf)


def log_count_ratios(corpus: NgramCorpus, rows: np.ndarray, labels: np.ndarray, n_classes: int) -> Tensor:
    """What naive Bayes says of each n-gram and class, float32 [V, K].

    ln of the share of the class's texts that hold it over the share of the others that do (Wang and Manning 2012,
    https://aclanthology.org/P12-2018). One more text is thought of that holds it and is of each class in parts, as
    frequent as that is: what is rare says little, and no more of a rare class.

    Args:
        corpus: n-grams, and rows in them.
        rows: training rows.
        labels: the class of each of them.
        n_classes: K.
    """
    from scipy.sparse import csr_array, get_index_dtype

    bags = corpus.bags
    offsets = bags.offsets.astype(get_index_dtype(maxval=len(bags.ids)))  # as the ids: they are not copied then
    shape = (len(bags), len(corpus.ngrams))
    held = csr_array((np.ones(len(bags.ids), dtype=np.int32), bags.ids, offsets), shape=shape)
    of_text = np.zeros((len(bags), n_classes), dtype=np.int32)  # nothing of a text that is not for training
    of_text[rows, labels] = 1
    texts = np.bincount(labels, minlength=n_classes) + 1
    shares = texts / texts.sum()
    holding = held.T @ of_text + shares
    of_class, of_others = holding / texts, (holding.sum(axis=1, keepdims=True) - holding) / (texts.sum() - texts)
    return torch.from_numpy(np.log(of_class / of_others).astype(np.float32))
