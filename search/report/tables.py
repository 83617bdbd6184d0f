"""The tables of a comparison; differences and scores are shown in points (1 point is .01 of macro-F1)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from search.report.points import MOST_DIGITS, between, points
from search.statistics import ALPHA
from sentiment import foreign
from sentiment.terminal import in_columns

if TYPE_CHECKING:  # who shows a search alone need not wait for what trains a comparison
    from search.comparison.decisions import Decision
    from search.comparison.results import ArmScore, LinearScore, Results
    from search.statistics import Difference, Optimism

__all__ = ["Table", "interval", "p_value", "points", "tables"]

LEAST_P: Final = 0.0005


@dataclass(frozen=True)
class Table:
    """A title, a header and rows of text."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    spare: tuple[str, ...] = ()
    """Heads of columns that a narrow terminal goes without, the first of them first."""

    def render(self, width: int | None = None) -> str:
        """In columns, for a terminal of so many if they are given."""
        return "\n".join([self.title, *in_columns(self.header, self.rows, width=width, spare=self.spare)])

    def markdown(self) -> str:
        """As a Markdown table."""
        return f"**{foreign.markdown(self.title)}**\n\n{foreign.markdown_table(self.header, self.rows)}"


def tables(found: "Results") -> list[Table]:
    """Everything but the slices, most important first."""
    made = [_ideas(found), _last_steps(found), _per_class(found), _arms(found), _collapse(found)]
    return [table for table in made if table.rows]


def _ideas(found: "Results") -> Table:
    header = ("idea", "guess", "measured", "95 % interval", "P(better)", "p (Holm)", "verdict", "macro-F1", "pairs")
    more = ("optimism", "epochs", "seconds", "guess held?")
    baseline = (_named(found.baseline), *[""] * 6, *_macro_f1(found.baseline), *_price(found.baseline), "")
    ideas = [
        (
            _named(idea.score),
            "" if idea.guess is None else points(idea.guess),
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
    spare = ("optimism", "epochs", "pairs", "seconds", "macro-F1", "P(better)", "p (Holm)", "guess held?", "guess")
    return Table(title, header + more, (baseline, *ideas, linear), spare)


def _last_steps(found: "Results") -> Table:
    header = ("idea", "against", "measured", "95 % interval", "P(better)", "p (Holm)", "verdict")
    steps = [
        (_named(idea.score), idea.against, *_decided(idea.step))
        for idea in found.ideas
        if idea.step is not None and idea.against is not None
    ]
    return Table("What the last step alone brought", header, tuple(steps), ("P(better)", "p (Holm)"))


def _per_class(found: "Results") -> Table:
    return Table(
        "Which class gains and which pays: F1 of each, and the calibration error (below zero is better)",
        ("idea", *found.classes, "calibration error"),
        tuple(
            (idea.name, *(interval(idea.per_class[name]) for name in found.classes), interval(idea.calibration))
            for idea in found.ideas
        ),
    )


def _arms(found: "Results") -> Table:
    # The corrected score is of one search; the others are means over all of them.
    run = "best on new rows" if found.searches == 1 else "best of its first search on new rows"
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
                interval(score.optimism),
                f"{100 * score.calibration_error:.1f}",
                f"{score.collapsed} of {score.trainings}",
                f"{score.diverged} of {score.trainings}",
            )
            for score in scores
        ),
        ("calibration error", "diverged", "collapsed", run),
    )


def _corrected(score: "ArmScore") -> str:
    corrected = score.corrected
    if corrected is None:
        return ""
    return f"{100 * corrected.corrected:.1f} ({100 * corrected.low:.1f} to {100 * corrected.high:.1f})"


def _collapse(found: "Results") -> Table:
    return Table(
        "How often a training ended in (almost) one class",
        ("padding", "model", "optimizer", "collapsed", "share", "95 % interval"),
        tuple(
            (
                kind.padding.replace("_", " "),
                kind.architecture,
                kind.optimizer,
                f"{kind.collapsed} of {kind.trainings}",
                f"{kind.collapsed / kind.trainings:.0%}",
                f"{kind.low:.0%} to {kind.high:.0%}",
            )
            for kind in found.collapse
        ),
        ("share", "95 % interval"),
    )


def _decided(decision: "Decision") -> tuple[str, ...]:
    difference = decision.difference
    return (
        points(difference.mean),
        between(difference.low, difference.high),
        f"{difference.p_better:.3f}",
        p_value(decision.adjusted_p),
        decision.verdict,
    )


def _named(score: "ArmScore") -> str:
    return f"{score.name} (diverged)" if score.diverged_pairs == score.pairs else score.name


def _macro_f1(score: "ArmScore | LinearScore") -> tuple[str, str]:
    return f"{100 * score.macro_f1:.1f}", str(score.pairs)


def _price(score: "ArmScore") -> tuple[str, str, str]:
    return points(score.optimism.mean), f"{score.epochs:.1f}x", f"{score.seconds:.1f}x"


def interval(difference: "Difference | Optimism") -> str:
    """In points."""
    return f"{points(difference.mean)} ({between(difference.low, difference.high)})"


def p_value(p: float) -> str:
    """With as many digits as tell on which side of the level it lies."""
    if p < LEAST_P:
        return "<0.001"
    shown = f"{p:.3f}"
    for digits in range(4, MOST_DIGITS + 1):
        if p == ALPHA or float(shown) != ALPHA:
            break
        shown = f"{p:.{digits}f}"
    return shown
