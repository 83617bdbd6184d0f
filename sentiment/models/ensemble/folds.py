"""Models that are trained in folds: each member several times, every time without another part of the rows, and all of
them averaged.

So every row is trained on, and every row tells what the members are worth, by models that did not see it: a
cross-validation committee (Parmanto, Munro and Doyle 1996) of several members, weighed on out-of-fold answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from sentiment.metrics import macro_f1
from sentiment.models.config import Config
from sentiment.models.ensemble.family import combine
from sentiment.models.ensemble.selection import select
from sentiment.models.family import Model, Resources, Trained
from sentiment.models.registry import train

if TYPE_CHECKING:
    from sentiment.reviews.dataset import Dataset

__all__ = ["Folded", "train_in_folds"]


@dataclass(frozen=True)
class Folded:
    """What came of members that were trained in folds."""

    model: Model | None
    """The mean of all models of all members that have a weight; None if no member is sound."""
    weights: tuple[float, ...]
    """Of each member; together 1, or all 0."""
    unsound: dict[int, str]
    """Members left out, by place, and why: one of their models diverged or collapsed."""
    rows: np.ndarray
    """int64 [n], ascending: all rows that some fold leaves out."""
    probabilities: np.ndarray
    """float64 [n, K]: the weighted mean of what members say of `rows`, each by the model that did not see the row, and
    of its checkpoints the one that other rows choose: a linear model, which stands beside it, has none to choose among.
    """


def train_in_folds(
    members: Sequence[Config],
    views: Sequence["Dataset"],
    resources: Sequence[Resources],
    on_progress: Callable[[float, int], None] = lambda done, total: None,
) -> Folded:
    """Train every member once on each of `views`, and weigh the members by the rows that these leave out.

    Args:
        members: of any family but ensembles; each view gives each of them another seed, which follows from its own.
        views: as `sentiment.reviews.dataset.folds` makes them.
        resources: one for each member.
        on_progress: called with the number of models that are trained, parts of one included, and with all of them.
    """
    validation = [view.split.validation for view in views]
    rows, n_classes, total = np.sort(np.concatenate(validation)), len(views[0].classes), len(views) * len(members)
    said = np.zeros((len(members), len(rows), n_classes))
    models: list[list[Model]] = [[] for _ in members]
    unsound: dict[int, str] = {}
    for place, (member, own) in enumerate(zip(members, resources, strict=True)):
        for fold, view in enumerate(views):
            before = place * len(views) + fold

            def on_batch(done: int, of: int, before: int = before) -> None:
                on_progress(before + done / of, total)

            on_progress(before, total)
            seed = int(np.random.SeedSequence(member.seed, spawn_key=(fold, place)).generate_state(1)[0])
            trained = train(member.replace(seed=seed), view, replace(own, on_batch=on_batch))
            if wrong := trained.ended or trained.collapsed or ("it diverged" if trained.model is None else None):
                unsound[place] = f"in fold {fold + 1} of {len(views)} {wrong}"
                break
            assert trained.model is not None
            models[place].append(trained.model)
            said[place, np.searchsorted(rows, validation[fold])] = _chosen_by_others(trained, view, fold)
    on_progress(total, total)
    weights = np.zeros(len(members))
    if sound := [place for place in range(len(members)) if place not in unsound]:
        weights[sound] = select(said[sound], views[0].reviews.labels[rows], n_classes)
    weighty = [place for place in sound if weights[place] > 0]
    each = [weights[place] / len(views) for place in weighty for _ in views]
    model = combine(list(chain(*(models[place] for place in weighty))), each)
    return Folded(model, tuple(weights.tolist()), unsound, rows, np.tensordot(weights, said, axes=1))


def _chosen_by_others(trained: Trained, view: "Dataset", seed: int) -> np.ndarray:
    """What it says of the rows that it did not see, [n, K]: of each third the checkpoint that is best on the others."""
    labels, groups, n_classes = view.labels("validation"), view.groups("validation"), len(view.classes)
    if trained.other_checkpoints is None:
        return trained.probabilities
    said = np.stack([trained.probabilities, *trained.other_checkpoints])
    unit = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    third = (np.random.default_rng(seed).permutation(int(unit.max()) + 1) % 3)[unit]
    found = np.empty(said.shape[1:])
    for own in np.unique(third):
        inside, others = third == own, third != own
        scores = [macro_f1(labels[others], one[others].argmax(axis=1), n_classes) for one in said]
        found[inside] = said[int(np.argmax(scores)), inside]
    return found
