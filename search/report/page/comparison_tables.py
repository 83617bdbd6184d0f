"""The tables of a comparison's page: every number of every idea, and where the winner goes wrong."""

from typing import Final

from search.comparison.decisions import Decision
from search.comparison.results import ArmScore, Results
from search.comparison.slices import Slice, Slices
from search.report.page.content import Block, Bullets, Cell, Examples, Prose, Table
from search.report.page.forest import ends, interval, signed, verdict_badge
from search.report.page.messages import Say
from search.report.page.model import slice_name
from search.report.tables import p_value

__all__ = ["arms_table", "classes_table", "collapse_blocks", "ideas_table", "slice_blocks"]

WITH_EXAMPLES: Final = 6
"""Slices, the worst, that are shown with texts."""
EXAMPLES: Final = 10


def ideas_table(results: Results, say: Say) -> Table:
    """Each idea and the linear model against the baseline, and what they cost."""
    columns = ("idea", "guess", "measured", "range", "better", "p", "verdict", "score", "pairs", "optimism", "epochs")
    header = tuple(say(f"ideas.{name}") for name in (*columns, "seconds", "held"))
    baseline, linear = results.baseline, results.linear
    rows: list[tuple[Cell, ...]] = [(baseline.name, *[""] * 6, *_score(baseline), "")]
    for idea in results.ideas:
        guess = "" if idea.guess is None else signed(idea.guess)
        held = say(f"held.{idea.guess_held}") if idea.guess_held else ""
        rows.append((idea.name, guess, *_decided(idea.decision, say), *_score(idea.score), held))
    scored = f"{100 * linear.macro_f1:.1f}", str(linear.pairs), "", "", f"{linear.seconds:.1f}×", ""
    rows.append((linear.name, "", *_decided(linear.decision, say), *scored))
    caption = say("ideas.caption", pairs=results.shared_pairs)
    return Table(caption, header, tuple(rows), numbers=frozenset((1, 2, 3, 4, 5, 7, 8, 9, 10, 11)))


def _score(score: ArmScore) -> tuple[str, ...]:
    """Of an arm by itself, and its price."""
    prices = f"{score.epochs:.1f}×", f"{score.seconds:.1f}×"
    return f"{100 * score.macro_f1:.1f}", str(score.pairs), signed(score.optimism.mean), *prices


def _decided(decision: Decision, say: Say) -> tuple[Cell, ...]:
    difference = decision.difference
    return (
        signed(difference.mean),
        ends(difference),
        f"{difference.p_better:.3f}",
        p_value(decision.adjusted_p),
        verdict_badge(decision.verdict, say),
    )


def classes_table(results: Results, say: Say) -> Table:
    """Which class gains and which pays."""
    rows = []
    for idea in results.ideas:
        differences = [*(idea.per_class[name] for name in results.classes if name in idea.per_class), idea.calibration]
        rows.append((idea.name, *map(interval, differences)))
    header = (say("ideas.idea"), *results.classes, say("ideas.calibration"))
    return Table(say("ideas.classes"), header, tuple(rows), numbers=frozenset(range(1, len(header))))


def arms_table(results: Results, say: Say) -> Table:
    """What each search seemed to reach, and what is left of it."""
    rows = []
    for score in (results.baseline, *(idea.score for idea in results.ideas)):
        corrected = ""
        if score.corrected is not None:
            low, high = 100 * score.corrected.low, 100 * score.corrected.high
            corrected = f"{100 * score.corrected.corrected:.1f} ({low:.1f} … {high:.1f})"
        rows.append(
            (
                score.name,
                f"{100 * score.tuned_macro_f1:.1f}",
                corrected,
                f"{100 * score.validation_macro_f1:.1f}",
                interval(score.optimism),
                f"{100 * score.calibration_error:.1f}",
                f"{score.collapsed} / {score.trainings}",
                f"{score.diverged} / {score.trainings}",
            )
        )
    # The corrected score is of one search; the others are means over all of them.
    run = "corrected" if results.searches == 1 else "corrected.first"
    columns = ("arm", "best", run, "fresh", "optimism", "calibration", "collapsed", "diverged")
    header = tuple(say(f"arms.{name}") for name in columns)
    caption = say("arms.caption", trials=results.trials)
    return Table(caption, header, tuple(rows), numbers=frozenset(range(1, 8)))


def collapse_blocks(results: Results, say: Say) -> list[Block]:
    """How often a training said one word."""
    if not any(share.collapsed for share in results.collapse):
        return [Prose(say("collapse.none"))]
    columns = ("padding", "architecture", "optimizer", "trainings", "collapsed", "interval")
    rows = tuple(
        (
            say(f"padding.{share.padding}") if share.padding in ("masked", "as_written") else share.padding,
            share.architecture,
            share.optimizer,
            f"{share.trainings:,}",
            f"{share.collapsed:,}",
            f"{share.low:.0%} … {share.high:.0%}",
        )
        for share in results.collapse
    )
    header = tuple(say(f"column.{name}") for name in columns)
    return [Table(say("collapse.comparison"), header, rows, numbers=frozenset((3, 4, 5)))]


def slice_blocks(slices: Slices, say: Say, *, show_texts: bool) -> list[Block]:
    """Where the baseline and the winner go wrong on the sealed rows; with `show_texts`, examples."""

    def cells(one: Slice, name: str) -> tuple[str, ...]:
        shares = tuple(
            f"{100 * rate.mean:.1f} ({100 * rate.low:.1f} … {100 * rate.high:.1f})"
            for rate in (one.winner, one.baseline)
        )
        return (name, f"{one.rows:,}", *shares, interval(one.gain))

    def named(one: Slice) -> str:
        return slice_name(one.kind, one.name, say)

    columns = ("slice", "rows", "wrong.winner", "wrong.baseline", "gain")
    rows = (cells(slices.whole, say("slice.all")), *(cells(one, named(one)) for one in slices.slices))
    header = tuple(say(f"column.{name}") for name in columns)
    blocks: list[Block] = [Table(say("errors.comparison"), header, rows, numbers=frozenset((1, 2, 3, 4)))]
    if slices.notes:
        blocks.append(Bullets(tuple(slices.notes), language="en"))
    if not show_texts:
        return [*blocks, Prose(say("errors.no.texts"), is_note=True)]
    examples = tuple(
        (
            example.text,
            say("errors.example.comparison", slice=named(one), label=example.label, said=example.predicted),
        )
        for one in slices.slices[:WITH_EXAMPLES]
        for example in one.examples
    )
    unique = tuple({text: (text, said) for text, said in reversed(examples)}.values())[::-1][:EXAMPLES]
    return [*blocks, Prose(say("errors.surest")), Examples(unique)] if unique else blocks
