"""What a comparison means, in sentences that a student can act on. No number is made here."""

from typing import Final

from search.comparison.decisions import Decision
from search.comparison.ideas import BASELINE
from search.comparison.results import ArmScore, IdeaResult, Results
from search.report.tables import interval, points
from search.statistics import FEW_GROUPS
from sentiment.models.baselines import LINEAR

__all__ = [
    "FEW_SEARCHES",
    "against_linear",
    "collapsed_by_padding",
    "collapsed_unevenly",
    "diverged",
    "exaggerated",
    "heading",
    "last_word",
    "payers",
    "remarks",
    "standing_of",
    "unsteady_references",
    "warnings",
    "who_won",
    "words",
]

WORTH_SAYING: Final = 0.05
"""Share of a difference that is exaggeration."""
FEW_SEARCHES: Final = 5

_STANDING: Final = {
    "improves": "beyond noise",
    "worse": "beyond noise",
    "no difference": "no difference, and the linear model needs no search",
    "alone": "beyond noise if compared alone, not among all that is compared",
    "undecided": "which noise cannot tell from nothing, and the linear model needs no search",
}

ADVICE: Final = {
    "improves": "Keep",
    "worse": "Leave out",
    "no difference": "Not worth the trouble",
    "alone": "Beyond noise if compared alone, not among all that is compared; more test rows or pairs would tell",
    "undecided": "Not known yet, more test rows or pairs would tell",
    "diverged": "Leave out, every pair of it diverged",
}
"""What to do with an idea, by the last word on it."""


def heading(found: Results) -> str:
    """What was compared, and how."""
    counts = ", ".join(f"{count:,} {part}" for part, count in found.rows.items())
    searches = f" in each of {found.searches} searches" if found.searches > 1 else ""
    groups = f" in {found.groups:,} groups" if found.groups is not None else ""
    pairs = " and ".join(str(number) for number in found.looks)
    looks = f"{len(found.looks)} look{'s' if len(found.looks) > 1 else ''}, after {pairs} pairs"
    stop = "; an idea decided, or beyond deciding, at one look gets no more" if len(found.looks) > 1 else ""
    opened = f"{found.openings} time{'s' if found.openings != 1 else ''}"
    return (
        f"{found.name}: differences in macro-F1, in points. {counts} rows{groups}; every arm trains in "
        f"{_precisions(found)}, with {found.trials} tuning trials{searches}. {looks}{stop}. Sealed test opened "
        f"{opened}. Intervals and p-values hold for all looks together, those that may yet be added included; p-values "
        "for all that is compared, too."
    )


def _precisions(found: Results) -> str:
    """The one that all arms train in, and those of arms that say otherwise."""
    others: dict[str, list[str]] = {}
    for idea in found.ideas:
        parts = [part for config in idea.score.configs for part in (config, *config.get("members", ()))]
        for precision in dict.fromkeys(part.get("precision", found.precision) for part in parts):
            others.setdefault(precision, []).append(idea.name)
    others.pop(found.precision, None)
    return ", ".join([found.precision, *(f"{' and '.join(names)} in {other}" for other, names in others.items())])


def words(found: Results) -> list[str]:
    """What it means, in sentences that a student can act on."""
    return [*_verdicts(found), *remarks(found), against_linear(found), *_curve(found), *warnings(found)]


def remarks(found: Results) -> list[str]:
    """What was seen beside the verdicts."""
    return [
        *_exaggerated(found),
        *_payers(found),
        *_collapsed(found),
        *_diverged(found),
        *_relabelled(found),
    ]


def _verdicts(found: Results) -> list[str]:
    sentences = []
    for word, advice in ADVICE.items():
        ideas = sorted(found.ideas, key=lambda idea: -idea.difference.mean)
        named = [_advised(idea) for idea in ideas if last_word(idea) == word]
        if named:
            sentences.append(f"{advice}: {'; '.join(named)}.")
    steps = [
        f"{idea.name} over {idea.against} {idea.step.verdict} ({interval(idea.step.difference)})"
        for idea in found.ideas
        if idea.step is not None and idea.step.verdict in ("improves", "worse")
    ]
    if steps:
        sentences.append(f"Of the last steps alone: {'; '.join(steps)}.")
    return sentences


def last_word(idea: IdeaResult) -> str:
    """An idea may beat the baseline by what it builds on alone: if its own step does harm, it is no idea to keep."""
    if idea.step is not None and idea.step.verdict == "worse":
        return "worse"
    if idea.decision.verdict == "undecided" and idea.score.diverged_pairs == idea.score.pairs:
        return "diverged"  # more of the same tells nothing
    return standing_of(idea.decision)


def standing_of(decision: Decision) -> str:
    """The verdict; of what is undecided, whether its own interval would decide it, were nothing else compared."""
    difference = decision.difference
    beyond = difference.low > 0 or difference.high < 0
    return "alone" if decision.verdict == "undecided" and beyond else decision.verdict


def _advised(idea: IdeaResult) -> str:
    if idea.step is not None and idea.step.verdict == "worse":
        return f"{idea.name} ({points(idea.step.difference.mean)} over {idea.against})"
    return f"{idea.name} ({points(idea.difference.mean)})"


def _payers(found: Results) -> list[str]:
    parts = [f"{idea} costs '{name}' {points(-mean)}" for idea, name, mean in payers(found)]
    return [f"Classes that pay for a gain: {'; '.join(parts)}."] if parts else []


def payers(found: Results) -> list[tuple[str, str, float]]:
    """The idea, the class that pays for its gain, and the difference of that class's F1, which is below zero."""
    return [
        (idea.name, name, difference.mean)
        for idea in found.ideas
        for name, difference in idea.per_class.items()
        if difference.high < 0 and idea.decision.verdict == "improves"
    ]


def _collapsed(found: Results) -> list[str]:
    """How often, under which padding, and under which optimizer; and where an interval must not be trusted."""
    words_of = {"as_written": "with padding as written", "masked": "with padding masked"}
    sentences = []
    for padding, optimizers in collapsed_by_padding(found).items():
        parts = (f"{name} {collapsed} of {trainings}" for name, (collapsed, trainings) in optimizers.items())
        sentences.append(f"{words_of[padding]}: {', '.join(parts)}")
    made = [f"Trainings that collapsed into one class, {'; '.join(sentences)}."] if sentences else []
    if uneven := collapsed_unevenly(found):
        made.append(
            f"Some, not all, of its trainings collapsed: {'; '.join(uneven)}. There an interval from few pairs is too "
            "narrow; read the share of collapsed trainings beside it."
        )
    if unsteady := [f"{one.name} in {one.collapsed} of {one.trainings}" for one in unsteady_references(found)]:
        made.append(
            f"What others are compared with collapsed in some of its trainings ({'; '.join(unsteady)}): how often it "
            "does is part of every difference from it, and few pairs know little of that."
        )
    return made


def collapsed_by_padding(found: Results) -> dict[str, dict[str, tuple[int, int]]]:
    """By padding and optimizer how many trainings collapsed, and of how many; nothing where none did."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    if not any(kind.collapsed for kind in found.collapse):
        return counts
    for padding in ("as_written", "masked"):
        kinds = [kind for kind in found.collapse if kind.padding == padding]
        for optimizer in sorted({kind.optimizer for kind in kinds}):
            of_kind = [kind for kind in kinds if kind.optimizer == optimizer]
            counted = sum(kind.collapsed for kind in of_kind), sum(kind.trainings for kind in of_kind)
            counts.setdefault(padding, {})[optimizer] = counted
    return counts


def collapsed_unevenly(found: Results) -> list[str]:
    """Undecided ideas of whose trainings some, not all, collapsed."""
    return [
        idea.name
        for idea in found.ideas
        if 0 < idea.score.collapsed < idea.score.trainings and idea.decision.verdict == "undecided"
    ]


def unsteady_references(found: Results) -> list[ArmScore]:
    """What others are compared with, where some, not all, of its trainings collapsed."""
    against = {BASELINE, *(idea.against for idea in found.ideas)}
    scores = (found.baseline, *(idea.score for idea in found.ideas))
    return [score for score in scores if score.name in against and 0 < score.collapsed < score.trainings]


def _diverged(found: Results) -> list[str]:
    named = [f"{score.name} {score.diverged} of {score.trainings}" for score in diverged(found)]
    if not named:
        return []
    return [
        f"Trainings that diverged, their loss or weights beyond all bounds: {'; '.join(named)}. Each counts with its "
        f"best checkpoint before that; without one, as a {found.kind} that says nothing."
    ]


def diverged(found: Results) -> list[ArmScore]:
    """The arms of which a training diverged."""
    return [score for score in (found.baseline, *(idea.score for idea in found.ideas)) if score.diverged]


def _relabelled(found: Results) -> list[str]:
    agreements = dict.fromkeys(f"{relabelled.render()}." for _, relabelled in found.relabelled)
    return list(agreements) + [
        f"{idea.name}: scored on rows relabelled the same way it would look like {100 * idea.circular_macro_f1:.1f} "
        f"points (circular); on the labels given it has {100 * idea.score.macro_f1:.1f}."
        for idea in found.ideas
        if idea.circular_macro_f1 is not None
    ]


def _exaggerated(found: Results) -> list[str]:
    parts = [
        f"{name} {points(seen)}, of which probably {points(left)} is left" for name, seen, left in exaggerated(found)
    ]
    if not parts:
        return []
    return [f"Found, and therefore exaggerated, since a smaller one would have been missed: {'; '.join(parts)}."]


def exaggerated(found: Results) -> list[tuple[str, float, float]]:
    """Of what improves, and is not far beyond doubt, the difference that was found and what is probably left of it."""
    return [
        (name, seen, seen - more)
        for name, decision in _compared(found)
        for seen, more in ((decision.difference.mean, decision.exaggeration),)
        if more is not None and more >= WORTH_SAYING * seen
    ]


def _compared(found: Results) -> list[tuple[str, Decision]]:
    """All that was compared, by name."""
    steps = [(f"{idea.name} over {idea.against}", idea.step) for idea in found.ideas if idea.step is not None]
    linear = (found.linear.name, found.linear.decision)
    best = (f"best {found.kind} over {found.linear.name}", found.winner.against_linear)
    return [*((idea.name, idea.decision) for idea in found.ideas), *steps, linear, best]


def who_won(found: Results) -> str:
    """Who goes by that name where it is said on which rows it is wrong, and whether it is what to deploy."""
    best = found.winner
    chosen = "; ".join(f"'{name}' in {count}" for name, count in best.chosen.items())
    advised = "It is not what to deploy, which is" if best.deploy == LINEAR else "What to deploy is"
    return (
        f"Winner: the best {found.kind} by validation scores, chosen for each pair by the others ({chosen}). {advised} "
        f"{best.deploy}."
    )


def against_linear(found: Results) -> str:
    """What to deploy, and how the best stands beside the linear model."""
    winner, difference = found.winner, found.winner.against_linear.difference
    chosen = "; ".join(f"'{name}' in {count}" for name, count in winner.chosen.items())
    return (
        f"Deploy {winner.deploy}. Of {sum(winner.chosen.values())} pairs, the validation scores of the others chose "
        f"{chosen}. A {found.kind} so chosen has {100 * winner.macro_f1:.1f} on the sealed test, {found.linear.name} "
        f"has {100 * (winner.macro_f1 - difference.mean):.1f} on the same pairs: {interval(difference)}, "
        f"{_STANDING[standing_of(winner.against_linear)]}."
    )


def warnings(found: Results) -> list[str]:
    """What the numbers do not say of themselves."""
    n = found.rows["train"]
    sentences = [
        f"All this holds for {found.kind}s trained on {n:,} rows. More rows make every arm better, and not all alike: "
        "what an idea adds to little data, data may bring by themselves."
    ]
    if found.groups is not None and found.groups < FEW_GROUPS:
        sentences.append(
            f"{found.groups} groups of sealed rows are few: the intervals are wide for it, and rest on the groups "
            "being alike. More groups would tell more than more rows or pairs."
        )
    if found.draws is not None and 2 * found.draws <= found.looks[-1]:
        sentences.append(
            f"{found.looks[-1]} pairs have {found.draws} different draw{'s' if found.draws > 1 else ''} of training "
            "rows, since so few groups are left to draw: the intervals say little of what other training rows would "
            "have made of an idea."
        )
    if found.searches == 1:
        sentences.append(
            "Each arm was tuned once: the intervals speak of the configs that were found, not of what another search "
            "would have made of the same ideas ([budget] searches)."
        )
    elif found.searches < FEW_SEARCHES:
        sentences.append(
            f"{found.searches} searches are few: the intervals are wide, because so many say little of how searches "
            "differ."
        )
    return sentences


def _curve(found: Results) -> list[str]:
    curve = found.curve
    if curve is None:
        return []
    last = len(curve.trials) - 1
    shown = sorted({0, min(4, last), min(9, last), last})
    parts = []
    for n in shown:
        low, high = 100 * curve.low[n], 100 * curve.high[n]
        band = f"{low:.1f} to {high:.1f}" if high < 100 else f"{low:.1f} or more"
        trials = "1 trial reaches" if curve.trials[n] == 1 else f"{curve.trials[n]} reach"
        parts.append(f"{trials} {100 * curve.median[n]:.1f} ({band})")
    return [
        f"Random search of the whole space, best validation score by number of trials, median and 95 % band: "
        f"{'; '.join(parts)}. The linear model has {100 * found.linear_validation_macro_f1:.1f} on the same rows."
    ]
