"""The results of a comparison as text: tables for the terminal and for Markdown, rows for a program, and words.

No number is made here; differences and scores are shown in points (1 point is .01 of macro-F1).
"""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from search.comparison.decisions import Decision
from search.comparison.ideas import BASELINE
from search.comparison.results import ArmScore, IdeaResult, LinearScore, Results
from search.statistics import FEW_GROUPS, Difference
from sentiment import foreign
from sentiment.terminal import in_columns

__all__ = ["Table", "heading", "markdown", "render", "rows", "tables", "to_dict", "words", "write_csv"]


@dataclass(frozen=True)
class Table:
    """A title, a header and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def render(self) -> str:
        """In columns, for the terminal."""
        return "\n".join([self.title, *in_columns(self.header, self.rows)])

    def markdown(self) -> str:
        """As a Markdown table."""
        return f"**{foreign.markdown(self.title)}**\n\n{foreign.markdown_table(self.header, self.rows)}"


def render(found: Results) -> str:
    """For the terminal."""
    parts = [heading(found), *(table.render() for table in tables(found)), found.slices.render()]
    return "\n\n".join([*parts, "\n".join(words(found))])


def markdown(found: Results) -> str:
    """For a README, a note, or the dashboard; it holds no text of any review."""
    said = "\n".join(f"- {foreign.markdown(sentence)}" for sentence in words(found))
    shown = (table.markdown() for table in tables(found))
    return "\n\n".join([foreign.markdown(heading(found)), said, *shown, found.slices.markdown()])


def to_dict(found: Results) -> dict[str, Any]:
    """Plain values for JSON, without the text of any review."""
    values: dict[str, Any] = _plain(asdict(found) | {"slices": found.slices.to_rows(), "words": words(found)})
    for idea, row in zip(found.ideas, values["ideas"], strict=True):
        row["name"], row["guess_held"] = idea.name, idea.guess_held
        row["exaggeration"] = idea.decision.exaggeration
    for _, relabelled in values["relabelled"]:
        del relabelled["labels"]
    return values


def rows(found: Results) -> list[dict[str, Any]]:
    """One flat row for each idea, for a program; macro-F1 as fractions."""
    return [_row(idea) for idea in found.ideas]


def write_csv(path: Path, values: Sequence[dict[str, Any]]) -> None:
    """Write flat rows of equal keys; no cell is a formula."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(foreign.cell, values[0] if values else ()))
        writer.writerows(map(foreign.cell, row.values()) for row in values)


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
        f"{found.precision}, with {found.trials} tuning trials{searches}. {looks}{stop}. Sealed test opened {opened}. "
        "Intervals and p-values hold for all looks together, those that may yet be added included; p-values for all "
        "that is compared, too."
    )


def tables(found: Results) -> list[Table]:
    """Everything but the slices, most important first."""
    made = [_ideas(found), _last_steps(found), _per_class(found), _arms(found), _collapse(found)]
    return [table for table in made if table.rows]


def words(found: Results) -> list[str]:
    """What it means, in sentences that a student can act on."""
    return [
        *_verdicts(found),
        *_exaggerated(found),
        *_payers(found),
        *_collapsed(found),
        *_diverged(found),
        *_relabelled(found),
        _against_linear(found),
        *_curve(found),
        *_warnings(found),
    ]


# ---------------------------------------------------------------------------------------------- tables


def _ideas(found: Results) -> Table:
    header = ("idea", "guess", "measured", "95 % interval", "P(better)", "p (Holm)", "verdict", "macro-F1", "pairs")
    more = ("optimism", "epochs", "seconds", "the guess")
    baseline = (_named(found.baseline), *[""] * 6, *_macro_f1(found.baseline), *_price(found.baseline), "")
    ideas = [
        (
            _named(idea.score),
            "" if idea.guess is None else _points(idea.guess),
            *_decided(idea.decision),
            *_macro_f1(idea.score),
            *_price(idea.score),
            idea.guess_held,
        )
        for idea in found.ideas
    ]
    model = found.linear
    linear = (model.name, "", *_decided(model.decision), *_macro_f1(model), "", "", f"{model.seconds:.1f}x", "")
    title = f"Each idea against the baseline; macro-F1 over the {found.shared_pairs} pairs that all arms have"
    return Table(title, header + more, (baseline, *ideas, linear))


def _last_steps(found: Results) -> Table:
    header = ("idea", "against", "measured", "95 % interval", "P(better)", "p (Holm)", "verdict")
    steps = [
        (_named(idea.score), idea.against, *_decided(idea.step))
        for idea in found.ideas
        if idea.step is not None and idea.against is not None
    ]
    return Table("What the last step alone brought", header, tuple(steps))


def _per_class(found: Results) -> Table:
    return Table(
        "Which class gains and which pays: F1 of each, and the calibration error (below zero is better)",
        ("idea", *found.classes, "calibration error"),
        tuple(
            (idea.name, *(_interval(idea.per_class[name]) for name in found.classes), _interval(idea.calibration))
            for idea in found.ideas
        ),
    )


def _arms(found: Results) -> Table:
    # The corrected score is of one search; the others are means over all of them.
    run = "that run on new rows" if found.searches == 1 else "best of its first search on new rows"
    header = ("arm", "best of its search", run, "on fresh seeds", "optimism", "calibration error")
    scores = [found.baseline, *(idea.score for idea in found.ideas)]
    return Table(
        f"Validation macro-F1: what {found.trials} trials seemed to reach, and what is left of it",
        (*header, "collapsed", "diverged"),
        tuple(
            (
                score.name,
                f"{100 * score.tuned_macro_f1:.1f}",
                _corrected(score),
                f"{100 * score.validation_macro_f1:.1f}",
                f"{_points(score.optimism.mean)} ({_points(score.optimism.low)} to {_points(score.optimism.high)})",
                f"{100 * score.calibration_error:.1f}",
                f"{score.collapsed} of {score.trainings}",
                f"{score.diverged} of {score.trainings}",
            )
            for score in scores
        ),
    )


def _corrected(score: ArmScore) -> str:
    corrected = score.corrected
    if corrected is None:
        return ""
    return f"{100 * corrected.corrected:.1f} ({100 * corrected.low:.1f} to {100 * corrected.high:.1f})"


def _collapse(found: Results) -> Table:
    return Table(
        "How often a training ended in (almost) one class",
        ("padding", "architecture", "optimizer", "trainings", "collapsed", "share", "95 % interval"),
        tuple(
            (
                kind.padding.replace("_", " "),
                kind.architecture,
                kind.optimizer,
                str(kind.trainings),
                str(kind.collapsed),
                f"{kind.collapsed / kind.trainings:.0%}",
                f"{kind.low:.0%} to {kind.high:.0%}",
            )
            for kind in found.collapse
        ),
    )


def _decided(decision: Decision) -> tuple[str, ...]:
    difference = decision.difference
    return (
        _points(difference.mean),
        f"{_points(difference.low)} to {_points(difference.high)}",
        f"{difference.p_better:.3f}",
        "<0.001" if decision.adjusted_p < 0.0005 else f"{decision.adjusted_p:.3f}",
        decision.verdict,
    )


def _named(score: ArmScore) -> str:
    return f"{score.name} (diverged)" if score.diverged_pairs == score.pairs else score.name


def _macro_f1(score: ArmScore | LinearScore) -> tuple[str, str]:
    return f"{100 * score.macro_f1:.1f}", str(score.pairs)


def _price(score: ArmScore) -> tuple[str, str, str]:
    return _points(score.optimism.mean), f"{score.epochs:.1f}x", f"{score.seconds:.1f}x"


def _interval(difference: Difference) -> str:
    return f"{_points(difference.mean)} ({_points(difference.low)} to {_points(difference.high)})"


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"


# ---------------------------------------------------------------------------------------------- words

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

_ADVICE = {
    "improves": "Keep",
    "worse": "Leave out",
    "no difference": "Not worth the trouble",
    "alone": "Beyond noise if compared alone, not among all that is compared; more test rows or pairs would tell",
    "undecided": "Not known yet, more test rows or pairs would tell",
    "diverged": "Leave out, every pair of it diverged",
}


def _verdicts(found: Results) -> list[str]:
    sentences = []
    for word, advice in _ADVICE.items():
        ideas = sorted(found.ideas, key=lambda idea: -idea.difference.mean)
        named = [_advised(idea) for idea in ideas if _last_word(idea) == word]
        if named:
            sentences.append(f"{advice}: {'; '.join(named)}.")
    steps = [
        f"{idea.name} over {idea.against} {idea.step.verdict} ({_interval(idea.step.difference)})"
        for idea in found.ideas
        if idea.step is not None and idea.step.verdict in ("improves", "worse")
    ]
    if steps:
        sentences.append(f"Of the last steps alone: {'; '.join(steps)}.")
    return sentences


def _last_word(idea: IdeaResult) -> str:
    """An idea may beat the baseline by what it builds on alone: if its own step does harm, it is no idea to keep."""
    if idea.step is not None and idea.step.verdict == "worse":
        return "worse"
    if idea.decision.verdict == "undecided" and idea.score.diverged_pairs == idea.score.pairs:
        return "diverged"  # more of the same tells nothing
    return _alone(idea.decision)


def _alone(decision: Decision) -> str:
    """The verdict; of what is undecided, whether its own interval would decide it, were nothing else compared."""
    difference = decision.difference
    beyond = difference.low > 0 or difference.high < 0
    return "alone" if decision.verdict == "undecided" and beyond else decision.verdict


def _advised(idea: IdeaResult) -> str:
    if idea.step is not None and idea.step.verdict == "worse":
        return f"{idea.name} ({_points(idea.step.difference.mean)} over {idea.against})"
    return f"{idea.name} ({_points(idea.difference.mean)})"


def _payers(found: Results) -> list[str]:
    payers = [
        f"{idea.name} costs '{name}' {_points(-difference.mean)}"
        for idea in found.ideas
        for name, difference in idea.per_class.items()
        if difference.high < 0 and idea.decision.verdict == "improves"
    ]
    return [f"Classes that pay for a gain: {'; '.join(payers)}."] if payers else []


def _collapsed(found: Results) -> list[str]:
    """How often, under which padding, and under which optimizer; and where an interval must not be trusted."""
    sentences = []
    for padding, word in (("as_written", "with padding as written"), ("masked", "with padding masked")):
        kinds = [kind for kind in found.collapse if kind.padding == padding]
        parts = []
        for optimizer in sorted({kind.optimizer for kind in kinds}):
            of_kind = [kind for kind in kinds if kind.optimizer == optimizer]
            collapsed, trainings = sum(k.collapsed for k in of_kind), sum(k.trainings for k in of_kind)
            parts.append(f"{optimizer} {collapsed} of {trainings}")
        if parts and any(kind.collapsed for kind in found.collapse):
            sentences.append(f"{word}: {', '.join(parts)}")
    uneven = [
        idea.name
        for idea in found.ideas
        if 0 < idea.score.collapsed < idea.score.trainings and idea.decision.verdict == "undecided"
    ]
    made = [f"Trainings that collapsed into one class, {'; '.join(sentences)}."] if sentences else []
    if uneven:
        made.append(
            f"Some, not all, of its trainings collapsed: {'; '.join(uneven)}. There an interval from few pairs is too "
            "narrow; read the share of collapsed trainings beside it."
        )
    against = {BASELINE, *(idea.against for idea in found.ideas)}
    unsteady = [
        f"{score.name} in {score.collapsed} of {score.trainings}"
        for score in (found.baseline, *(idea.score for idea in found.ideas))
        if score.name in against and 0 < score.collapsed < score.trainings
    ]
    if unsteady:
        made.append(
            f"What others are compared with collapsed in some of its trainings ({'; '.join(unsteady)}): how often it "
            "does is part of every difference from it, and few pairs know little of that."
        )
    return made


def _diverged(found: Results) -> list[str]:
    scores = (found.baseline, *(idea.score for idea in found.ideas))
    named = [f"{score.name} {score.diverged} of {score.trainings}" for score in scores if score.diverged]
    if not named:
        return []
    return [
        f"Trainings that diverged, their loss or weights beyond all bounds: {'; '.join(named)}. Each counts with its "
        "best checkpoint before that; without one, as a network that says nothing."
    ]


def _relabelled(found: Results) -> list[str]:
    agreements = dict.fromkeys(f"{relabelled.render()}." for _, relabelled in found.relabelled)
    return list(agreements) + [
        f"{idea.name}: scored on rows relabelled the same way it would look like {100 * idea.circular_macro_f1:.1f} "
        f"points (circular); on the labels given it has {100 * idea.score.macro_f1:.1f}."
        for idea in found.ideas
        if idea.circular_macro_f1 is not None
    ]


def _exaggerated(found: Results) -> list[str]:
    """Of what improves, and is not far beyond doubt, what is probably left."""
    parts = [
        f"{name} {_points(seen)}, of which probably {_points(seen - more)} is left"
        for name, decision in _compared(found)
        for seen, more in ((decision.difference.mean, decision.exaggeration),)
        if more is not None and more >= WORTH_SAYING * seen
    ]
    if not parts:
        return []
    return [f"Found, and therefore exaggerated, since a smaller one would have been missed: {'; '.join(parts)}."]


def _compared(found: Results) -> list[tuple[str, Decision]]:
    """All that was compared, by name."""
    steps = [(f"{idea.name} over {idea.against}", idea.step) for idea in found.ideas if idea.step is not None]
    linear = (found.linear.name, found.linear.decision)
    best = (f"best network over {found.linear.name}", found.winner.against_linear)
    return [*((idea.name, idea.decision) for idea in found.ideas), *steps, linear, best]


def _against_linear(found: Results) -> str:
    winner, difference = found.winner, found.winner.against_linear.difference
    chosen = "; ".join(f"'{name}' in {count}" for name, count in winner.chosen.items())
    return (
        f"Deploy {winner.deploy}. Of {sum(winner.chosen.values())} pairs, the validation scores of the others chose "
        f"{chosen}. A network so chosen has {100 * winner.macro_f1:.1f} on the sealed test, {found.linear.name} has "
        f"{100 * (winner.macro_f1 - difference.mean):.1f} on the same pairs: {_interval(difference)}, "
        f"{_STANDING[_alone(winner.against_linear)]}."
    )


def _warnings(found: Results) -> list[str]:
    """What the numbers do not say of themselves."""
    n = found.rows["train"]
    sentences = [
        f"All this holds for networks trained on {n:,} rows. More rows make every arm better, and not all alike: what "
        "an idea adds to little data, data may bring by themselves."
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


# ---------------------------------------------------------------------------------------------- values


def _row(idea: IdeaResult) -> dict[str, Any]:
    row: dict[str, Any] = {"idea": idea.name, "guess": idea.guess, "source": idea.source}
    row |= _difference(idea.decision, "") | {"exaggeration": idea.decision.exaggeration}
    row |= {"guess held": idea.guess_held, "macro-F1": idea.score.macro_f1, "pairs": len(idea.difference.pairs)}
    row |= {"optimism": idea.score.optimism.mean, "epochs": idea.score.epochs, "seconds": idea.score.seconds}
    row |= {"collapsed": idea.score.collapsed, "diverged": idea.score.diverged, "trainings": idea.score.trainings}
    row |= {"calibration error": idea.score.calibration_error, "calibration difference": idea.calibration.mean}
    row |= {f"F1 {name}": difference.mean for name, difference in idea.per_class.items()}
    row |= {"circular macro-F1": idea.circular_macro_f1, "against": idea.against}
    if idea.step is not None:
        row |= _difference(idea.step, "step ")
    else:
        row |= dict.fromkeys(f"step {name}" for name in ("difference", "low", "high", "P(better)", "p", "verdict"))
    return row


def _difference(decision: Decision, prefix: str) -> dict[str, Any]:
    difference = decision.difference
    values = {"difference": difference.mean, "low": difference.low, "high": difference.high}
    values |= {"P(better)": difference.p_better, "p": decision.adjusted_p}
    return {f"{prefix}{name}": value for name, value in (values | {"verdict": decision.verdict}).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
