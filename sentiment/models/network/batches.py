"""Rows of the encoded corpus become padded batches, of reviews of about equal length.

Length buckets: the rows of an epoch are shuffled, sorted by length within pools of some fifty batches, cut into
batches, and the batches are shuffled. A batch then holds few pads, and which reviews meet in it still changes from
epoch to epoch.
Nothing is tokenized here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sentiment.models.ngrams import BagBatch, bag_batch
from sentiment.tokens.ngrams import Bags
from sentiment.tokens.tokenizers import EncodedTexts

__all__ = ["SCORING_BATCH", "SORTED_TOGETHER", "Batch", "Examples", "moved_to", "ordered_batches", "shuffled_batches"]

POOL_BATCHES: Final = 50
"""Batches whose rows are sorted by length together. More means fewer pads and less chance in the order."""
SCORING_BATCH: Final = 64
"""Rows scored at a time. They are sorted by length, and the last batch has the longest texts of all: 256 at a time take
1.2 to 1.3 times as long on 800 short rows, and 3.2 times on 240."""
SORTED_TOGETHER: Final = 8192
"""Rows that are sorted by length together for scoring: whoever scores in pieces of so many meets the same batches, and
so the same probabilities to the last bit. Other batches change a row's probabilities by rounding, about 1e-7."""


@dataclass(frozen=True)
class Examples:
    """Some rows of an encoded corpus, with their labels: what one side of the split looks like to training."""

    encoded: EncodedTexts
    rows: np.ndarray
    """int64 [n]: which texts of `encoded`, in order."""
    labels: np.ndarray
    """int64 [n]: the class of each of `rows`."""
    bags: Bags | None = None
    """The same texts in n-grams, for a network that reads these too."""
    targets: np.ndarray | None = None
    """float32 [n, K]: what is learned in place of the labels, if anything is."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        """All that there is in it but n-grams."""
        there = (self.encoded.ids, self.encoded.offsets, self.rows, self.labels, self.targets)
        return tuple(part for part in there if part is not None)

    def lengths(self, max_tokens: int) -> np.ndarray:
        """Tokens of each example after the cut, int64 [n]."""
        lengths: np.ndarray = np.minimum(self.encoded.lengths[self.rows], max_tokens)
        return lengths


@dataclass(frozen=True)
class Batch:
    """Padded token ids and what belongs to them."""

    ids: Tensor
    """int64 [B, T]; `PAD` behind each text."""
    lengths: Tensor
    """int64 [B]: real tokens of each text, at least 1."""
    labels: Tensor
    """int64 [B]; or the targets in their place, float32 [B, K]."""
    examples: np.ndarray
    """int64 [B]: positions in the `Examples`."""
    bags: BagBatch | None = None


def shuffled_batches(
    examples: Examples,
    *,
    batch_size: int,
    max_tokens: int,
    rng: np.random.Generator,
    pad_to: int | None = None,
) -> Iterator[Batch]:
    """One epoch: every example once, in an order that only `rng` decides.

    With `pad_to`, every batch is padded to that many tokens and rows are not sorted by length (the loop of the post).
    """
    order = rng.permutation(len(examples))
    if pad_to is not None:
        batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    else:
        lengths = examples.lengths(max_tokens)
        pool = batch_size * POOL_BATCHES
        pools = (order[start : start + pool] for start in range(0, len(order), pool))
        batches = [
            by_length[start : start + batch_size]
            for rows in pools
            for by_length in (rows[np.argsort(lengths[rows], kind="stable")],)
            for start in range(0, len(by_length), batch_size)
        ]
        batches = [batches[index] for index in rng.permutation(len(batches))]
    for chosen in batches:
        yield _padded(examples, chosen, max_tokens, pad_to)


def ordered_batches(
    examples: Examples, *, batch_size: int, max_tokens: int, pad_to: int | None = None
) -> Iterator[Batch]:
    """Every example once, in each piece the shortest first: for scoring, where order does not matter and pads do."""
    lengths = examples.lengths(max_tokens)
    for piece in range(0, len(examples), SORTED_TOGETHER):
        order = piece + np.argsort(lengths[piece : piece + SORTED_TOGETHER], kind="stable")
        for start in range(0, len(order), batch_size):
            yield _padded(examples, order[start : start + batch_size], max_tokens, pad_to)


def moved_to(device: str, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches on another device; they go there in one piece, so that nothing is transferred between them."""
    if torch.device(device).type == "cpu":
        yield from batches
        return
    yield from _in_one_piece(device, list(batches))


def _in_one_piece(device: str, batches: list[Batch]) -> Iterator[Batch]:
    if not batches:
        return
    ids = torch.cat([batch.ids.flatten() for batch in batches]).to(device)
    lengths = torch.cat([batch.lengths for batch in batches]).to(device)
    labels = torch.cat([batch.labels for batch in batches]).to(device)
    rows = [len(batch.lengths) for batch in batches]
    tokens = [batch.ids.numel() for batch in batches]
    pieces = (torch.split(ids, tokens), torch.split(lengths, rows), torch.split(labels, rows))
    for batch, of_ids, of_lengths, of_labels in zip(batches, *pieces, strict=True):
        bags = None if batch.bags is None else batch.bags.to(device)
        yield Batch(of_ids.view(batch.ids.shape), of_lengths, of_labels, batch.examples, bags)


def _padded(examples: Examples, chosen: np.ndarray, max_tokens: int, pad_to: int | None) -> Batch:
    rows = examples.rows[chosen]
    encoded = examples.encoded
    starts = encoded.offsets[rows]
    lengths = np.minimum(encoded.offsets[rows + 1] - starts, max_tokens)
    positions = np.arange(pad_to or int(lengths.max()))
    if pad_to is not None:
        lengths = np.minimum(lengths, pad_to)
    real = positions < lengths[:, None]
    # One gather from the flat corpus; a pad reads the text's first id and is then zeroed, which is `PAD`.
    ids = encoded.ids[starts[:, None] + np.where(real, positions, 0)].astype(np.int64) * real
    bags = None if examples.bags is None else bag_batch(examples.bags, rows)
    learned = examples.labels if examples.targets is None else examples.targets
    return Batch(torch.from_numpy(ids), torch.from_numpy(lengths), torch.from_numpy(learned[chosen]), chosen, bags)
