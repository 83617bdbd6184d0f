"""The page of a comparison: the verdicts, the intervals behind them, and all that was seen on the way."""

import shlex
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from optuna.trial import TrialState

from search.comparison.compare import openings
from search.comparison.decisions import Decision, chosen_by_others, runs_of
from search.comparison.ideas import PAIRS
from search.comparison.pairs import VALIDATION
from search.comparison.results import ArmScore, IdeaResult, Results
from search.comparison.setting import Setting, arm_and_pair
from search.comparison.slices import Slice
from search.report.figures import MINUS
from search.report.page import charts, english, korean
from search.report.page.content import Block, Bullets, Cell, Commands, Examples, Headline, Page, Prose, Section, Table
from search.report.page.data import data_section, environments, ledger_section, times
from search.report.page.forest import Measured, ends, forest, interval, signed, verdict_badge
from search.report.page.messages import Say, sayer
from search.report.page.model import class_blocks, slice_name
from search.report.points import end
from search.report.words import last_word
from search.statistics import Difference
from search.study.records import CURVE, FINGERPRINT, told
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR

__all__ = ["comparison_page"]

SENTENCES: Final[dict[str, Any]] = {"en": english, "ko": korean}
SENTENCES_EACH: Final = 4
"""So many ideas have a sentence each on the first screen; of more, those of one verdict share theirs."""
WITH_EXAMPLES: Final = 6
"""Slices, the worst, that are shown with texts."""
EXAMPLES: Final = 10
CURVES: Final = 5
"""Arms whose learning curves are told apart."""


@dataclass(frozen=True)
class _Found:
    """A comparison, as far as it can be read here."""

    results: Results
    setting: Setting | None
    language: str
    show_texts: bool
    command: str | None
    say: Say
    draw: bool = field(default_factory=lambda: find_spec("matplotlib") is not None)


def comparison_page(
    results: Results,
    setting: Setting | None = None,
    *,
    language: str = "en",
    show_texts: bool = True,
    command: str | None = None,
) -> Page:
    """What a comparison has found, as a page.

    Args:
        results: what was measured.
        setting: where it ran; None leaves out what stands in its studies alone.
        language: one of `LANGUAGES`.
        show_texts: whether texts of reviews may stand on the page.
        command: that makes the comparison again.
    """
    found = _Found(results, setting, language, show_texts, command, sayer(language))
    say = found.say
    facts = (
        (say("fact.rows"), " / ".join(f"{count:,}" for count in results.rows.values())),
        (say("fact.classes"), ", ".join(results.classes)),
        (
            say("fact.trials.arm"),
            f"{results.trials} × {results.searches}" if results.searches > 1 else f"{results.trials}",
        ),
        (say("fact.pairs"), ", ".join(map(str, results.looks))),
        (say("fact.openings"), times(results.openings, say)),
    )
    sections = [
        _remarks(found),
        Section("ideas", say("section.ideas"), (_ideas(found), _per_class(found))),
        Section("arms", say("section.arms"), (_arms(found),)),
        *_curves(found),
        *_tuning(found),
        Section("collapse", say("section.collapse"), tuple(_collapse(found))),
        *_model(found),
        Section("errors", say("section.errors.comparison"), tuple(_errors(found))),
        *_study(found),
        Section("limits", say("section.limits"), (Bullets(tuple(SENTENCES[language].warnings(results))),)),
    ]
    return Page(
        language=language,
        title=results.name,
        kind=say("kind.comparison"),
        facts=facts,
        headline=_headline(found),
        first=tuple(_forests(found)),
        sections=tuple(section for section in sections if section.blocks),
    )


# ---------------------------------------------------------------------------------------------- first screen


def _headline(found: _Found) -> Headline:
    results, say = found.results, found.say
    best_first = sorted(results.ideas, key=lambda idea: -idea.difference.mean)
    deploy = results.winner.deploy
    text = say("deploy.linear") if deploy == LINEAR else say("deploy.arm", name=deploy)
    if len(best_first) <= SENTENCES_EACH:
        return Headline(text, tuple((verdict_badge(_verdict(idea), say), _said(idea, say)) for idea in best_first))
    grouped = []
    for word in ("improves", "worse", "no difference", "alone", "undecided", "diverged"):
        own = [idea for idea in best_first if last_word(idea) == word]
        if own:
            names = "; ".join(f"{idea.name} ({signed(_advised(idea).mean)})" for idea in own)
            grouped.append((verdict_badge(_verdict(own[0]), say), say(f"group.{word}", names=names)))
    return Headline(text, tuple(grouped))


def _advised(idea: IdeaResult) -> Difference:
    """By what an idea is judged: where its own step does harm, by that."""
    step = idea.step
    return step.difference if step is not None and step.verdict == "worse" else idea.difference


def _verdict(idea: IdeaResult) -> str:
    word = last_word(idea)
    return {"alone": "undecided", "diverged": "worse"}.get(word, word)


def _said(idea: IdeaResult, say: Say) -> str:
    word, difference = last_word(idea), idea.difference
    if word == "diverged":
        return say("idea.diverged", name=idea.name)
    if idea.step is not None and idea.step.verdict == "worse":
        step = idea.step.difference
        return say(
            "idea.step worse",
            name=idea.name,
            against=idea.against,
            difference=signed(step.mean),
            range=_range(step, say),
        )
    return say(f"idea.{word}", name=idea.name, difference=signed(difference.mean), range=_range(difference, say))


def _range(difference: Difference, say: Say) -> str:
    low, high = (end(one).replace("-", MINUS) for one in (difference.low, difference.high))
    return say("range", low=low, high=high)


def _forests(found: _Found) -> list[Block]:
    results, say = found.results, found.say
    blocks: list[Block] = []
    if results.ideas:
        lines = [_measured(idea.name, idea.decision, idea.guess) for idea in results.ideas]
        blocks.append(forest(say("forest.comparison"), lines, say))
    if steps := _steps(results, say):
        blocks.append(forest(say("forest.steps"), steps, say, explained=False))
    kind = say(results.kind)
    beside = [
        _measured(say("forest.linear.baseline", name=results.linear.name), results.linear.decision),
        _measured(say("forest.best", kind=kind, name=results.linear.name), results.winner.against_linear),
    ]
    blocks.append(forest(say("forest.linear"), beside, say, explained=False))
    blocks.append(Prose(SENTENCES[found.language].against_linear(results)))
    return blocks


def _steps(results: Results, say: Say) -> list[Measured]:
    """Each under the idea that it is set against."""
    lines = []
    for against in dict.fromkeys(idea.against for idea in results.ideas if idea.step is not None):
        lines.append(Measured(say("forest.against", name=against)))
        lines += [
            _measured(idea.name, idea.step)
            for idea in results.ideas
            if idea.step is not None and idea.against == against
        ]
    return lines


def _measured(name: str, decision: Decision, guess: float | None = None) -> Measured:
    difference = decision.difference
    return Measured(name, difference.mean, difference.low, difference.high, decision.verdict, guess)


# ---------------------------------------------------------------------------------------------- tables


def _remarks(found: _Found) -> Section:
    items = tuple(SENTENCES[found.language].remarks(found.results))
    return Section("remarks", found.say("section.remarks"), (Bullets(items),) if items else ())


def _ideas(found: _Found) -> Table:
    results, say = found.results, found.say
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
    p = "<0.001" if decision.adjusted_p < 0.0005 else f"{decision.adjusted_p:.3f}"
    return (
        signed(difference.mean),
        ends(difference),
        f"{difference.p_better:.3f}",
        p,
        verdict_badge(decision.verdict, say),
    )


def _per_class(found: _Found) -> Table:
    results, say = found.results, found.say
    rows = []
    for idea in results.ideas:
        differences = [*(idea.per_class[name] for name in results.classes if name in idea.per_class), idea.calibration]
        rows.append((idea.name, *map(interval, differences)))
    header = (say("ideas.idea"), *results.classes, say("ideas.calibration"))
    return Table(say("ideas.classes"), header, tuple(rows), numbers=frozenset(range(1, len(header))))


def _arms(found: _Found) -> Table:
    results, say = found.results, found.say
    rows = []
    for score in (results.baseline, *(idea.score for idea in results.ideas)):
        corrected, optimism = "", score.optimism
        if score.corrected is not None:
            low, high = 100 * score.corrected.low, 100 * score.corrected.high
            corrected = f"{100 * score.corrected.corrected:.1f} ({low:.1f} … {high:.1f})"
        rows.append(
            (
                score.name,
                f"{100 * score.tuned_macro_f1:.1f}",
                corrected,
                f"{100 * score.validation_macro_f1:.1f}",
                interval(optimism),
                f"{100 * score.calibration_error:.1f}",
                f"{score.collapsed} / {score.trainings}",
                f"{score.diverged} / {score.trainings}",
            )
        )
    columns = ("arm", "best", "corrected", "fresh", "optimism", "calibration", "collapsed", "diverged")
    header = tuple(say(f"arms.{name}") for name in columns)
    caption = say("arms.caption", trials=results.trials)
    return Table(caption, header, tuple(rows), numbers=frozenset(range(1, 8)))


def _collapse(found: _Found) -> list[Block]:
    say, shares = found.say, found.results.collapse
    if not any(share.collapsed for share in shares):
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
        for share in shares
    )
    header = tuple(say(f"column.{name}") for name in columns)
    return [Table(say("collapse.comparison"), header, rows, numbers=frozenset((3, 4, 5)))]


def _tuning(found: _Found) -> list[Section]:
    results, say = found.results, found.say
    if results.curve is None:
        return []
    block: Block = Prose(say("figures.missing"), is_note=True)
    if found.draw:
        block = charts.tuning(results.curve, results.linear_validation_macro_f1, say)
    return [Section("tuning", say("section.tuning"), (block,))]


def _errors(found: _Found) -> list[Block]:
    say, slices = found.say, found.results.slices

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
    who = Prose(SENTENCES[found.language].who_won(found.results))
    blocks: list[Block] = [who, Table(say("errors.comparison"), header, rows, numbers=frozenset((1, 2, 3, 4)))]
    if slices.notes:
        blocks.append(Bullets(tuple(slices.notes), language="en"))
    if not found.show_texts:
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


# ---------------------------------------------------------------------------------------------- its studies


def _curves(found: _Found) -> list[Section]:
    """Of the pairs, an arm in a colour."""
    if found.setting is None or not found.draw:
        return []
    say, arms = found.say, [arm.name for arm in found.setting.comparison.arms]
    lines = []
    for trial in found.setting.trials(PAIRS, TrialState.COMPLETE):
        curve, (arm, _) = told(trial, CURVE) or (), arm_and_pair(trial)
        if len(curve) > 1 and arm in arms:
            number = arms.index(arm)
            x, y = [row["epoch"] for row in curve], [row["macro_f1"] for row in curve]
            lines.append(charts.Line(arm if number < CURVES else "", x, y, series=number))
    if not lines:
        return []
    figure = charts.curves(lines, None, say("pairs.curves.caption"), say)
    return [Section("curves", say("section.curves"), (figure,))]


def _model(found: _Found) -> list[Section]:
    """The model that the other pairs chose, on the sealed rows of each pair."""
    if found.setting is None:
        return []
    say, setting, results = found.say, found.setting, found.results
    try:
        dataset = setting.dataset
        names = [arm.name for arm in setting.comparison.arms]
        if results.winner.deploy == LINEAR:
            said = setting.probabilities(LINEAR)[: results.linear.pairs]
        else:
            finished = setting.finished_pairs()
            every = {name: setting.probabilities(name) for name in names}
            scores = {
                name: np.array([told(finished[name, pair], VALIDATION) for pair in range(len(every[name]))])
                for name in names
            }
            *_, last = chosen_by_others(scores, results.looks, results.searches)
            said = runs_of(last, every)
    except InputError as error:
        return [Section("classes", say("section.classes"), (Prose(say("no.predictions", reason=str(error))),))]
    labels = np.tile(dataset.labels("test"), len(said))
    where = Prose(say("classes.sealed", rows=f"{len(dataset.split.test):,}", pairs=len(said)), is_note=True)
    name = results.winner.deploy
    blocks = class_blocks(name, said.reshape(-1, said.shape[2]), labels, results.classes, say, draw=found.draw)
    return [Section("classes", say("section.classes"), (where, *blocks))]


def _study(found: _Found) -> list[Section]:
    """The data, the ledger, and how to make it again."""
    setting, say = found.setting, found.say
    commands = [] if found.command is None else [found.command]
    commands.append(f"sentiment-search report {shlex.quote(found.results.name)} --html report.html")
    facts: list[tuple[str, str]] = [(say("fact.study"), found.results.name)]
    sections = []
    if setting is not None:
        recorded = setting.recorded()
        facts.append((say("fact.seed"), str(setting.comparison.seed)))
        facts.append((say("fact.fingerprint"), str(recorded.get(FINGERPRINT, ""))))
        facts.append((say("fact.environment"), "; ".join(environments(setting.trials(PAIRS, TrialState.COMPLETE)))))
        try:
            dataset: Any = setting.dataset
        except InputError as error:
            dataset = error
        sections.append(data_section(dataset, setting.comparison.data, found.results.rows, say))
        sections.append(ledger_section(openings(setting), say))
    rows = tuple((what, much) for what, much in facts if much)
    table = Table(say("again.facts"), (say("column.fact"), say("column.value")), rows)
    blocks = Commands(tuple(commands), say("again.commands")), table, Prose(say("again.words"), is_note=True)
    return [*sections, Section("again", say("section.again"), blocks)]
