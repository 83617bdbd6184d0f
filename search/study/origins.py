"""How each trial of a search came by its settings: a recipe known to be good, a draw, or the same settings again.

They answer different questions. Recipes say what is good elsewhere, and share most of their settings; draws say what a
setting is worth; the same settings again say how much the seed alone does.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from optuna.trial import FrozenTrial

from search.study.positions import FINISHED, FIRST, FIXED, ORIGINAL, REPEATS, in_order, positions
from search.study.records import CONFIG, told

__all__ = ["IN_WORDS", "Origin", "in_a_word", "origin_of", "origins"]

Origin = Literal["recipe", "queued", "sampled", "again", "replicate", "outside"]


class Words(NamedTuple):
    """What one origin is called, in English; the HTML page has a word of its own in each language."""

    short: str
    """In a table."""
    of_a_trial: str
    """On the trial's page."""
    meaning: str
    """Behind the short word, on the page of its study."""


IN_WORDS: Final[dict[Origin, Words]] = {
    "recipe": Words(
        "recipe",
        "a known-good recipe, which the search begins with",
        "a setting known to be good on other reviews, with which a search begins; not drawn",
    ),
    "queued": Words("queued", "settings that somebody queued", "put into the queue by somebody, not drawn"),
    "sampled": Words("sampled", "settings that the sampler drew", "drawn, at first at random, then near what was good"),
    "again": Words(
        "begun again",
        "settings that the sampler drew, begun again since its first process was lost",
        "drawn, and trained anew since it was interrupted",
    ),
    "replicate": Words(
        "replicate",
        "the settings of an earlier trial, with another seed",
        "the settings of an earlier trial, another seed: how far they differ is luck",
    ),
    "outside": Words(
        "told from outside",
        "told by another program",
        "told by another program; nobody knows what was trained",
    ),
}


def in_a_word(origin: Origin | None) -> str:
    """For a table; None is a baseline that is no trial."""
    return "baseline" if origin is None else IN_WORDS[origin].short


def origins(trials: Sequence[FrozenTrial]) -> dict[int, Origin]:
    """Of each trial, by its number: one that has the settings of an earlier finished one is a replicate of it; of one
    whose score another program told (`optuna tell`) nobody knows what was trained. The others come from a recipe that
    their search begins with, or from the queue, also if they were begun again; from the sampler; or from a sampled
    trial that was lost, for which they stand in.

    Args:
        trials: all of a study, in the order of their numbers.
    """
    found: dict[int, Origin] = {}
    seen = set()
    recipes = _recipes(trials)
    for trial in in_order(trials):
        settings = repr(sorted(trial.params.items()))
        if trial.state in FINISHED and not told(trial, CONFIG):
            found[trial.number] = "outside"
            continue
        is_replicate = trial.params and settings in seen
        found[trial.number] = "replicate" if is_replicate else _by_itself(trial, recipes)
        if trial.state in FINISHED:
            seen.add(settings)
    return found


def origin_of(trials: Sequence[FrozenTrial], number: int, params: Mapping[str, Any]) -> Origin:
    """The same of one trial, which has drawn `params` since `trials` were read; of ten thousand in milliseconds."""
    order = positions(trials)
    earlier = (one for one in trials if order[one.number] < order[number] and one.state in FINISHED)
    if params and any(one.params == params and told(one, CONFIG) for one in earlier):
        return "replicate"
    return _by_itself(trials[number], _recipes(trials))


def _by_itself(trial: FrozenTrial, recipes: Collection[int]) -> Origin:
    if FIXED in trial.system_attrs:
        return "recipe" if trial.system_attrs.get(ORIGINAL, trial.number) in recipes else "queued"
    return "again" if REPEATS in trial.system_attrs else "sampled"


def _recipes(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of those that were queued as what their search begins with, and of none that stands in for one."""
    marked = {trial.number for trial in trials if FIRST in trial.system_attrs}
    # Earlier versions did not mark them; their configs are among what people see.
    if marked or not any(CONFIG in trial.user_attrs for trial in trials):
        return marked
    unmarked = next((number for number, trial in enumerate(trials) if FIXED not in trial.system_attrs), len(trials))
    return set(range(unmarked))
