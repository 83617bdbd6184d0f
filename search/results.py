"""What a comparison found: one table, in the terminal, as Markdown, and as values for a program; and what it means
in words.

Everything here is made from stored predictions; nothing is trained and no row is scored anew.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from search.compare import ComparedArm
from search.statistics import Difference, Optimism, holm, optimism, paired_difference, verdict
from sentiment.metrics import expected_calibration_error, macro_f1
from sentiment.relabel import relabel

__all__ = ["IdeaResult", "Results", "results"]


@dataclass(frozen=True)
class IdeaResult:
    """One idea against the baseline. Scores and differences are macro-F1 as fractions."""

    name: str
    guess: float | None
    source: str
    macro_f1: float
    """On the sealed test, mean over pairs."""
    difference: Difference
    adjusted_p: float
    """Holm, over the ideas of the comparison."""
    verdict: str
    per_class: dict[str, Difference]
    optimism: Optimism
    epochs: float
    """Trained, relative to the baseline."""
    seconds: float
    """Relative to the baseline."""
    calibration_error: float
    collapsed: float
    """Share of its trials and pairs that ended in (almost) one class."""
    config: dict[str, Any]
    circular_macro_f1: float | None
    """Of an idea that relabels: its macro-F1 on sealed rows relabelled the same way, an illusion shown for its size."""

    @property
    def guess_held(self) -> str:
        """Whether the guess lies in the interval."""
        if self.guess is None:
            return "-"
        if self.difference.low <= self.guess <= self.difference.high:
            return "held"
        return "too high" if self.guess > self.difference.high else "too low"


@dataclass(frozen=True)
class Results:
    """The whole comparison."""

    name: str
    pairs: int
    trials: int
    rows: int
    """Of the sealed test."""
    openings: int
    """Sessions that scored the sealed test, this one included."""
    baseline_macro_f1: float
    baseline_collapsed: float
    baseline_optimism: Optimism
    linear_macro_f1: float
    """TF-IDF with logistic regression, on the same sealed rows."""
    ideas: tuple[IdeaResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self)
        for idea, row in zip(self.ideas, values["ideas"], strict=True):
            row["guess_held"] = idea.guess_held
            for difference in (row["difference"], *row["per_class"].values()):
                difference["pairs"] = difference["pairs"].tolist()
        return values

    def table(self) -> list[tuple[str, ...]]:
        """Header and rows, as text."""
        header = ("idea", "guess", "measured", "95 % interval", "P(better)", "p (Holm)", "verdict", "macro-F1")
        more = ("optimism", "epochs", "seconds", "collapsed", "guess")
        rows: list[tuple[str, ...]] = [header + more]
        baseline = (f"{100 * self.baseline_macro_f1:.1f}", _points(self.baseline_optimism.mean), "1.0x", "1.0x")
        rows.append(("baseline", *[""] * 6, *baseline, f"{self.baseline_collapsed:.0%}", ""))
        for idea in self.ideas:
            d = idea.difference
            rows.append(
                (
                    idea.name,
                    "" if idea.guess is None else _points(idea.guess),
                    _points(d.mean),
                    f"{_points(d.low)} to {_points(d.high)}",
                    f"{d.p_better:.3f}",
                    f"{idea.adjusted_p:.3f}",
                    idea.verdict,
                    f"{100 * idea.macro_f1:.1f}",
                    _points(idea.optimism.mean),
                    f"{idea.epochs:.1f}x",
                    f"{idea.seconds:.1f}x",
                    f"{idea.collapsed:.0%}",
                    idea.guess_held,
                )
            )
        rows.append(("TF-IDF + logistic regression", *[""] * 6, f"{100 * self.linear_macro_f1:.1f}", *[""] * 5))
        return rows

    def render(self) -> str:
        """For the terminal."""
        table = self.table()
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.heading(), "", *lines, "", *self.words()])

    def markdown(self) -> str:
        """For a README, a note, or the dashboard."""
        header, *rows = self.table()
        lines = [header, ("---",) * len(header), *rows]
        cells = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n\n".join([self.heading(), cells, *self.words()])

    def heading(self) -> str:
        """What was compared, and how."""
        return (
            f"{self.name}: differences in macro-F1, in points, on {self.rows:,} sealed test rows; {self.trials} tuning "
            f"trials and {self.pairs} pairs for each arm; sealed test opened {self.openings} time"
            f"{'s' if self.openings != 1 else ''}."
        )

    def words(self) -> list[str]:
        """What it means, in sentences that a student can act on."""
        said = {
            "improves": "Keep",
            "worse": "Leave out",
            "no difference": "Not worth the trouble",
            "undecided": "Not known yet",
        }
        sentences = []
        for word, advice in said.items():
            found = [
                f"{idea.name} ({_points(idea.difference.mean)}, {_points(idea.difference.low)} to "
                f"{_points(idea.difference.high)})"
                for idea in sorted(self.ideas, key=lambda idea: -idea.difference.mean)
                if idea.verdict == word
            ]
            if found:
                sentences.append(f"{advice}: {', '.join(found)}.")
        payers = [
            f"{idea.name} costs '{name}' {_points(-difference.mean)}"
            for idea in self.ideas
            for name, difference in idea.per_class.items()
            if difference.high < 0
        ]
        if payers:
            sentences.append(f"Classes that pay for it: {'; '.join(payers)}.")
        sentences += [
            f"{idea.name}: scored on rows relabelled the same way it would look like "
            f"{100 * idea.circular_macro_f1:.1f} points (circular); on the labels given it has "
            f"{100 * idea.macro_f1:.1f}."
            for idea in self.ideas
            if idea.circular_macro_f1 is not None
        ]
        best = max([self.baseline_macro_f1, *(idea.macro_f1 for idea in self.ideas)])
        gap = 100 * (best - self.linear_macro_f1)
        if gap <= 0:
            below = f"The best arm is {-gap:.1f} points below the linear baseline"
            sentences.append(f"{below}: none of this is worth deploying before it.")
        else:
            sentences.append(f"The best arm is {gap:.1f} points above the linear baseline.")
        return sentences


def results(
    name: str,
    arms: tuple[ComparedArm, ...],
    texts: list[str],
    labels: np.ndarray,
    classes: tuple[str, ...],
    *,
    trials: int,
    openings: int,
    linear: np.ndarray,
) -> Results:
    """Compare every arm with the first.

    Args:
        name: of the comparison.
        arms: what `compare` returned; the baseline first.
        texts: of the sealed test rows.
        labels: of the sealed test rows, int [n].
        classes: names of the K classes.
        trials: tuning trials of each arm.
        openings: how often the sealed test was scored.
        linear: what the linear baseline predicts for the sealed rows, int [n].
    """
    k = len(classes)
    baseline, *ideas = arms
    before = baseline.probabilities.argmax(axis=2)
    differences = [paired_difference(labels, before, arm.probabilities.argmax(axis=2), k) for arm in ideas]
    adjusted = holm([difference.p_value for difference in differences])
    return Results(
        name=name,
        pairs=len(before),
        trials=trials,
        rows=len(labels),
        openings=openings,
        baseline_macro_f1=_mean_macro_f1(baseline, labels, k),
        baseline_collapsed=baseline.collapsed / baseline.runs,
        baseline_optimism=optimism(baseline.tuned_macro_f1, baseline.validation_macro_f1),
        linear_macro_f1=macro_f1(labels, linear, k),
        ideas=tuple(
            IdeaResult(
                name=arm.arm.name,
                guess=arm.arm.guess,
                source=arm.arm.source,
                macro_f1=_mean_macro_f1(arm, labels, k),
                difference=difference,
                adjusted_p=float(p),
                verdict=verdict(difference, float(p)),
                per_class={
                    class_name: paired_difference(labels, before, arm.probabilities.argmax(axis=2), k, one_class=index)
                    for index, class_name in enumerate(classes)
                },
                optimism=optimism(arm.tuned_macro_f1, arm.validation_macro_f1),
                epochs=arm.epochs / baseline.epochs,
                seconds=arm.seconds / baseline.seconds,
                calibration_error=float(np.mean([expected_calibration_error(p, labels) for p in arm.probabilities])),
                collapsed=arm.collapsed / arm.runs,
                config=arm.config.to_dict(),
                circular_macro_f1=_circular(arm, texts, labels, classes),
            )
            for arm, difference, p in zip(ideas, differences, adjusted, strict=True)
        ),
    )


def _circular(arm: ComparedArm, texts: list[str], labels: np.ndarray, classes: tuple[str, ...]) -> float | None:
    if arm.arm.relabel is None:
        return None
    found = relabel(texts, labels, classes, arm.arm.relabel, arm.arm.threshold)
    return _mean_macro_f1(arm, found.labels, len(classes))


def _mean_macro_f1(arm: ComparedArm, labels: np.ndarray, k: int) -> float:
    return float(np.mean([macro_f1(labels, pair.argmax(axis=1), k) for pair in arm.probabilities]))


def _points(fraction: float) -> str:
    return f"{100 * fraction:+.1f}"
