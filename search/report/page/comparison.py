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
from search.comparison.results import IdeaResult, Results
from search.comparison.setting import Setting, arm_and_pair
from search.report.figures import MINUS
from search.report.page import charts
from search.report.page.comparison_tables import (
    arms_table,
    classes_table,
    collapse_blocks,
    ideas_table,
    slice_blocks,
)
from search.report.page.content import Block, Bullets, Commands, Headline, Page, Prose, Section, Table
from search.report.page.data import data_section, environments, ledger_section, times
from search.report.page.forest import Measured, forest, signed, verdict_badge
from search.report.page.messages import SENTENCES, Say, sayer
from search.report.page.model import class_blocks
from search.report.points import end
from search.report.words import last_word
from search.statistics import Difference
from search.study.records import COMMAND, CURVE, FINGERPRINT, told
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.baselines import LINEAR

__all__ = ["comparison_page"]

SENTENCES_EACH: Final = 4
"""So many ideas have a sentence each on the first screen; of more, those of one verdict share theirs."""
CURVES: Final = 5
"""Arms whose learning curves are told apart."""


@dataclass(frozen=True)
class _Found:
    """A comparison, as far as it can be read here."""

    results: Results
    setting: Setting | None
    language: str
    where: str
    """Options that lead to it, as they are typed."""
    say: Say
    draw: bool = field(default_factory=lambda: find_spec("matplotlib") is not None)


def comparison_page(
    results: Results,
    setting: Setting | None = None,
    *,
    language: str = "en",
    show_texts: bool = True,
    where: str = "",
) -> Page:
    """What a comparison has found, as a page.

    Args:
        results: what was measured.
        setting: where it ran; None leaves out what stands in its studies alone.
        language: one of `LANGUAGES`.
        show_texts: whether texts of reviews may stand on the page.
        where: options that lead to its storage and artifacts, as they are typed; nothing for the usual ones.
    """
    found = _Found(results, setting, language, where, sayer(language))
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
    errors = slice_blocks(results.slices, say, show_texts=show_texts)
    sections = [
        _remarks(found),
        Section("ideas", say("section.ideas"), (ideas_table(results, say), classes_table(results, say))),
        Section("arms", say("section.arms"), (arms_table(results, say),)),
        *_curves(found),
        *_tuning(found),
        Section("collapse", say("section.collapse"), tuple(collapse_blocks(results, say))),
        *_model(found),
        Section("errors", say("section.errors.comparison"), (Prose(SENTENCES[language].who_won(results)), *errors)),
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
    return "undecided" if word in ("alone", "diverged") else word


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


def _tuning(found: _Found) -> list[Section]:
    results, say = found.results, found.say
    if results.curve is None:
        return []
    block: Block = Prose(say("figures.missing"), is_note=True)
    if found.draw:
        block = charts.tuning(results.curve, results.linear_validation_macro_f1, say)
    return [Section("tuning", say("section.tuning"), (block,))]


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
    labels, n_classes = dataset.labels("test"), len(results.classes)
    mean = np.mean([macro_f1(labels, one.argmax(axis=1), n_classes) for one in said])
    where = say("classes.sealed", rows=f"{len(labels):,}", pairs=len(said), mean=f"{100 * mean:.1f}")
    # What is deployed is trained anew; these are the arms that the other pairs chose in each.
    chosen = ", ".join(say("chosen.in", name=name, count=count) for name, count in results.winner.chosen.items())
    name = LINEAR if results.winner.deploy == LINEAR else say("chosen", arms=chosen)
    pooled, repeated = said.reshape(-1, n_classes), np.tile(labels, len(said))
    blocks = class_blocks(name, pooled, repeated, results.classes, say, draw=found.draw)
    return [Section("classes", say("section.classes"), (Prose(where, is_note=True), *blocks))]


def _study(found: _Found) -> list[Section]:
    """The data, the ledger, and how to make it again."""
    setting, say = found.setting, found.say
    commands = [f"sentiment-search report {shlex.quote(found.results.name)} --html report.html{found.where}"]
    facts: list[tuple[str, str]] = [(say("fact.study"), found.results.name)]
    sections = []
    if setting is not None:
        recorded = setting.recorded()
        commands[:0] = [str(recorded[COMMAND])] if COMMAND in recorded else []
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
