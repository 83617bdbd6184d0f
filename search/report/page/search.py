"""The page of a search: what to deploy, how sure that is, what it costs, and all that was seen on the way."""

import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import optuna

from search.report.page import charts
from search.report.page.content import Block, Bullets, Commands, Headline, Page, Prose, Section, Table
from search.report.page.data import data_section, environments, ledger_section, times
from search.report.page.forest import Measured, forest
from search.report.page.importance import importance_blocks
from search.report.page.messages import SENTENCES, Say, sayer
from search.report.page.model import class_blocks, error_blocks
from search.report.page.trials import (
    SearchFound,
    collapse_blocks,
    curve_blocks,
    families_section,
    leaderboard_blocks,
)
from search.statistics import NO_DIFFERENCE, score_error
from search.storage.paths import Artifacts
from search.storage.predictions import kept_predictions
from search.study.costs import costs_of
from search.study.create import SearchStudy
from search.study.importance import importances
from search.study.leaderboard import EnsembleStanding, Entry, Leaderboard
from search.study.records import BASELINES, COMMAND, DATA, FINGERPRINT, OPENINGS, PREDICTIONS, SEED, TRIALS, told
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.reviews.source import DataSource

__all__ = ["search_page"]


def search_page(
    study: optuna.Study,
    board: Leaderboard,
    opened: SearchStudy | InputError,
    artifacts: Artifacts,
    *,
    language: str = "en",
    top: int = 10,
    show_texts: bool = True,
    where: str = "",
) -> Page:
    """What a search has found, as a page.

    Args:
        study: of the search.
        board: its standing.
        opened: the study with its data; or why they cannot be read, and then what needs them is left out.
        artifacts: where its predictions are.
        language: one of `LANGUAGES`.
        top: trials in the leaderboard.
        show_texts: whether texts of reviews may stand on the page.
        where: options that lead to the study's storage and artifacts, as they are typed; nothing for the usual ones.
    """
    found = SearchFound(study, board, opened, artifacts, language, top, show_texts, where, sayer(language))
    say, asked = found.say, found.recorded.get(TRIALS)
    done = board.counts.get("complete", 0) + board.counts.get("pruned", 0)
    rows = " / ".join(f"{count:,}" for count in board.rows.values())
    ended = [trial.datetime_complete for trial in found.trials if trial.datetime_complete is not None]
    facts = [
        (say("fact.trials"), f"{done:,} / {asked:,}" if isinstance(asked, int) else f"{done:,}"),
        (say("fact.rows"), rows),
        (say("fact.classes"), ", ".join(map(str, found.recorded.get("classes", ())))),
        (say("fact.last"), f"{max(ended):%Y-%m-%d %H:%M}" if ended else ""),
        (say("fact.openings"), times(len(found.recorded.get(OPENINGS, ())), say)),
    ]
    sections = [
        Section("leaderboard", say("section.leaderboard"), tuple(leaderboard_blocks(found))),
        *([families_section(found)] if board.families else []),
        Section("curves", say("section.curves"), tuple(curve_blocks(found))),
        Section("importance", say("section.importance"), tuple(importance_blocks(importances(found.study), say))),
        Section("collapse", say("section.collapse"), tuple(collapse_blocks(found))),
        *_model(found),
        *([_data(found)] if DATA in found.recorded else []),
        ledger_section(found.recorded.get(OPENINGS, ()), say),
        _again(found),
        _limits(found),
    ]
    return Page(
        language=language,
        title=board.study,
        kind=say("kind.search"),
        facts=tuple((what, much) for what, much in facts if much),
        headline=_headline(found),
        first=tuple(_first(found)),
        sections=tuple(sections),
        running=bool(board.counts.get("running")),
    )


# ---------------------------------------------------------------------------------------------- first screen


def _headline(found: SearchFound) -> Headline:
    board, say, words = found.board, found.say, SENTENCES[found.language]
    advised = board.recommended
    if advised is None:
        return Headline(say("deploy.none"))
    return Headline(_advice(advised, say), ((None, words.standing(board)),))


def _advice(advised: Entry | EnsembleStanding, say: Say) -> str:
    if isinstance(advised, EnsembleStanding):
        return say("deploy.ensemble", members=advised.members)
    if advised.is_linear or advised.trial is None:
        return say("deploy.baseline")
    return say("deploy.trial", number=advised.trial, model=advised.architecture)


def _first(found: SearchFound) -> list[Block]:
    board, say, words = found.board, found.say, SENTENCES[found.language]
    blocks: list[Block] = []
    if lines := _against_linear(board, say):
        blocks.append(forest(say("forest.search"), lines, say, words="alone"))
    if board.best is not None:
        blocks.append(Prose(words.optimism(board)))
        if board.ensemble is not None:
            blocks.append(Prose(words.ensemble(board.ensemble)))
    if not found.draw:
        blocks.append(Prose(say("figures.missing"), is_note=True))
    elif (costs := costs_of(board)) is not None:
        blocks.append(charts.costs(costs, None if board.linear is None else board.linear.macro_f1, say))
    return blocks


def _against_linear(board: Leaderboard, say: Say) -> list[Measured]:
    lines = []
    if board.against_linear is not None and board.best is not None and not board.best.is_linear:
        name = say("forest.search.best", number=board.best.trial)
        lines.append(_measured(name, *(board.against_linear[part] for part in ("corrected", "low", "high"))))
    for one in board.families:
        if one.against_linear is not None:
            name = say("forest.search.family", family=one.family, number=one.best.trial)
            lines.append(_measured(name, *(one.against_linear[part] for part in ("corrected", "low", "high"))))
    if board.ensemble is not None:
        name = say("forest.search.ensemble", members=board.ensemble.members)
        # Where the linear baseline is the best trial, it is measured against that.
        beside = board.ensemble.above_best if board.best == board.linear else board.ensemble.above_linear
        if beside is not None:
            lines.append(_measured(name, *beside))
    return lines


def _measured(name: str, mean: float, low: float, high: float) -> Measured:
    verdict = "improves" if low > 0 else "worse" if high < 0 else "undecided"
    return Measured(name, mean, low, high, "no difference" if -NO_DIFFERENCE < low <= high < NO_DIFFERENCE else verdict)


# ---------------------------------------------------------------------------------------------- the model


def _model(found: SearchFound) -> list[Section]:
    board, say = found.board, found.say
    advised = board.recommended
    if advised is None:
        return []
    if isinstance(found.opened, InputError):
        left_out = Prose(say("no.data", reason=str(found.opened)))
        return [Section("classes", say("section.classes"), (left_out,))]
    dataset = found.opened.dataset
    labels, classes = dataset.labels("validation"), dataset.classes
    try:
        said = _said(advised, found, found.opened)
        if len(said) != len(labels):
            raise InputError(f"{len(said)} predictions for {len(labels)} rows")
    except InputError as error:
        return [Section("classes", say("section.classes"), (Prose(say("no.predictions", reason=str(error))),))]
    where = Prose(say("classes.validation", rows=f"{len(labels):,}"), is_note=True)
    figures = class_blocks(_name(advised, say), said, labels, classes, say, draw=found.draw)
    ratings = [dataset.reviews.ratings[row] for row in dataset.split.validation]
    texts = dataset.texts("validation")
    errors = error_blocks(said, labels, classes, texts, ratings, say, show_texts=found.show_texts)
    return [
        Section("classes", say("section.classes"), (where, *figures)),
        Section("errors", say("section.errors"), tuple(errors)),
    ]


def _name(advised: Entry | EnsembleStanding, say: Say) -> str:
    if isinstance(advised, EnsembleStanding):
        return say("forest.search.ensemble", members=advised.members)
    return advised.name if advised.trial is None else say("board.trial", number=advised.trial)


def _said(advised: Entry | EnsembleStanding, found: SearchFound, opened: SearchStudy) -> np.ndarray:
    """Of the validation rows: probabilities [n, K], or of an older study classes [n].

    Raises:
        InputError: it is not at hand.
    """
    if opened.predictions is None:
        raise InputError("no predictions were kept")
    read: Callable[[Any], np.ndarray] = partial(kept_predictions, opened.predictions)
    if isinstance(advised, EnsembleStanding):
        said = [read(told(found.trials[number], PREDICTIONS, {})) for number in advised.weights]
        if any(one.ndim == 1 for one in said):
            raise InputError("an older study kept classes alone")
        mean: np.ndarray = np.tensordot(np.array(list(advised.weights.values())), np.stack(said), axes=1)
        return mean
    if advised.trial is not None:
        return read(told(found.trials[advised.trial], PREDICTIONS, {}))
    return read(found.recorded.get(BASELINES, {}).get(LINEAR, {}).get(PREDICTIONS, {}))


# ---------------------------------------------------------------------------------------------- the study


def _data(found: SearchFound) -> Section:
    dataset = found.opened if isinstance(found.opened, InputError) else found.opened.dataset
    return data_section(dataset, DataSource.from_dict(found.recorded[DATA]), found.board.rows, found.say)


def _again(found: SearchFound) -> Section:
    say, name, advised, where = found.say, shlex.quote(found.board.study), found.board.recommended, found.where
    commands = [str(found.recorded[COMMAND])] if COMMAND in found.recorded else []
    commands.append(f"sentiment-search report {name} --html report.html{where}")
    if advised is not None:
        which = "--ensemble" if isinstance(advised, EnsembleStanding) else ""
        if isinstance(advised, Entry) and advised.trial is not None:
            which = f"--trial {advised.trial}"
            commands.append(f"sentiment-search replay {name} {which}{where}")
        if which:
            commands.append(f"sentiment-search export {name} {which} --to my-model{where}")
            commands.append(f"sentiment-search evaluate my-model --sealed {name}{where}")
    facts = [(say("fact.study"), found.board.study)]
    facts += [
        (say(f"fact.{key}"), str(found.recorded.get(at, "")))
        for key, at in (("seed", SEED), ("fingerprint", FINGERPRINT))
    ]
    facts.append((say("fact.environment"), "; ".join(environments(found.trials))))
    rows = tuple((what, much) for what, much in facts if much)
    table = Table(say("again.facts"), (say("column.fact"), say("column.value")), rows)
    blocks = Commands(tuple(commands), say("again.commands")), table, Prose(say("again.words"), is_note=True)
    return Section("again", say("section.again"), blocks)


def _limits(found: SearchFound) -> Section:
    board, say = found.board, found.say
    items = [say("limits.validation", name=f"{shlex.quote(board.study)}{found.where}")]
    if "train" in board.rows:
        items.append(say("limits.rows", rows=f"{board.rows['train']:,}"))
    if board.best is not None and sum(board.class_sizes) > 0:
        items.append(
            say("limits.one.standard", error=f"{100 * score_error(board.best.macro_f1, board.class_sizes):.1f}")
        )
    items += [say(f"limits.{name}") for name in ("search", "same", "labels")]
    return Section("limits", say("section.limits"), (Bullets(tuple(items)),))
