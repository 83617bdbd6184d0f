"""The page of a search: what to deploy, how sure that is, what it costs, and all that was seen on the way."""

import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from search.report.page import charts, english, korean
from search.report.page.content import (
    Block,
    Bullets,
    Cell,
    Commands,
    Folded,
    Headline,
    Page,
    Prose,
    Section,
    Table,
)
from search.report.page.data import data_section, environments, ledger_section, times
from search.report.page.forest import Measured, between, forest, signed
from search.report.page.importance import importance_blocks
from search.report.page.messages import Say, sayer
from search.report.page.model import class_blocks, error_blocks
from search.report.standing import audited
from search.statistics import NO_DIFFERENCE, score_error
from search.storage.artifacts import TrialArtifacts
from search.storage.paths import Artifacts
from search.storage.predictions import kept_classes, kept_predictions
from search.study.create import SearchStudy
from search.study.importance import importances
from search.study.leaderboard import EnsembleStanding, Entry, Leaderboard
from search.study.records import (
    BASELINES,
    COLLAPSED,
    CONFIG,
    CURVE,
    DATA,
    FINGERPRINT,
    OPENINGS,
    PREDICTIONS,
    SEED,
    SPACE,
    TRIALS,
    told,
    told_of_study,
)
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.models.registry import FAMILY, NETWORK
from sentiment.reviews.source import DataSource

__all__ = ["search_page"]

NAMED_CURVES: Final = 5
MOST_CURVES: Final = 60
"""A page with a thousand of them would be large, and no clearer."""
MOST_COLLAPSED: Final = 20

SENTENCES: Final[dict[str, Any]] = {"en": english, "ko": korean}


@dataclass(frozen=True)
class _Found:
    """A search, as far as it can be read here."""

    study: optuna.Study
    board: Leaderboard
    opened: SearchStudy | InputError
    """With its data; or why these cannot be read."""
    artifacts: Artifacts
    language: str
    top: int
    show_texts: bool
    say: Say
    draw: bool = field(default_factory=lambda: find_spec("matplotlib") is not None)

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    @cached_property
    def recorded(self) -> dict[str, Any]:
        return told_of_study(self.study)


def search_page(
    study: optuna.Study,
    board: Leaderboard,
    opened: SearchStudy | InputError,
    artifacts: Artifacts,
    *,
    language: str = "en",
    top: int = 10,
    show_texts: bool = True,
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
    """
    found = _Found(study, board, opened, artifacts, language, top, show_texts, sayer(language))
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
        Section("leaderboard", say("section.leaderboard"), tuple(_leaderboard(found))),
        *([_families(found)] if board.families else []),
        Section("curves", say("section.curves"), tuple(_curves(found))),
        Section("importance", say("section.importance"), tuple(importance_blocks(importances(found.study), say))),
        Section("collapse", say("section.collapse"), tuple(_collapse(found))),
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


def _headline(found: _Found) -> Headline:
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


def _first(found: _Found) -> list[Block]:
    board, say, words = found.board, found.say, SENTENCES[found.language]
    blocks: list[Block] = []
    if lines := _against_linear(board, say):
        blocks.append(forest(say("forest.search"), lines, say))
    elif board.best is not None:
        blocks.append(Prose(say("forest.no.interval"), is_note=True))
    if board.best is not None:
        blocks.append(Prose(words.optimism(board)))
        if board.ensemble is not None:
            blocks.append(Prose(words.ensemble(board.ensemble)))
    if not found.draw:
        blocks.append(Prose(say("figures.missing"), is_note=True))
    elif costs := _costs(found):
        blocks += costs
    return blocks


def _against_linear(board: Leaderboard, say: Say) -> list[Measured]:
    lines = []
    for one in board.families:
        if one.against_linear is not None:
            name = say("forest.search.family", family=one.family, number=one.best.trial)
            lines.append(_measured(name, *(one.against_linear[part] for part in ("corrected", "low", "high"))))
    if not lines and board.against_linear is not None and board.best is not None and not board.best.is_linear:
        name = say("forest.search.best", number=board.best.trial)
        lines.append(_measured(name, *(board.against_linear[part] for part in ("corrected", "low", "high"))))
    if board.ensemble is not None and board.ensemble.above_linear is not None:
        name = say("forest.search.ensemble", members=board.ensemble.members)
        lines.append(_measured(name, *board.ensemble.above_linear))
    return lines


def _measured(name: str, mean: float, low: float, high: float) -> Measured:
    verdict = "improves" if low > 0 else "worse" if high < 0 else "undecided"
    return Measured(name, mean, low, high, "no difference" if -NO_DIFFERENCE < low <= high < NO_DIFFERENCE else verdict)


def _costs(found: _Found) -> list[Block]:
    board, say = found.board, found.say
    points = [
        charts.Point(say("board.trial", number=entry.trial), entry.family, entry.latency, entry.macro_f1)
        for entry in board.entries
        if entry.trial is not None and entry.latency
    ]
    if not points:
        return []
    latencies = {entry.trial: entry.latency for entry in board.entries}
    together = None
    if board.ensemble is not None and all(latencies.get(number) for number in board.ensemble.weights):
        milliseconds = sum(latencies[number] or 0.0 for number in board.ensemble.weights)
        together = (len(board.ensemble.weights), milliseconds, board.ensemble.macro_f1)
    return [charts.costs(points, None if board.linear is None else board.linear.macro_f1, together, say)]


# ---------------------------------------------------------------------------------------------- trials


def _leaderboard(found: _Found) -> list[Block]:
    board, say = found.board, found.say
    shown = [e for rank, e in enumerate(board.entries) if rank < found.top or e.trial is None or e.is_linear]
    columns = ("trial", "score", "model", "how", "tokens", "optimizer", "rate", "epochs", "seconds", "latency")
    marked = frozenset(rank for rank, entry in enumerate(shown) if _is_advised(entry, board))
    table = Table(
        say("board.caption"),
        tuple(say(f"column.{name}") for name in columns),
        tuple(_cells(entry, found) for entry in shown),
        numbers=frozenset((1, 6, 7, 8, 9)),
        marked=marked,
    )
    blocks: list[Block] = [table, Prose(SENTENCES[found.language].counted(board), is_note=True)]
    if hidden := len(board.entries) - len(shown):
        whole = f"sentiment-search report {shlex.quote(board.study)} --csv"
        blocks.append(Prose(say("board.more", count=f"{hidden:,}", command=whole), is_note=True))
    if board.best is not None:
        rows = tuple((name, _value(value)) for name, value in board.best_params.items())
        header = say("column.parameter"), say("column.value")
        blocks.append(Folded(say("params.summary"), (Table(say("params.summary"), header, rows),)))
    if board.edges:
        blocks += [Prose(say("edges")), Bullets(tuple(f"{edge}." for edge in board.edges), language="en")]
    if board.audit is not None:
        blocks.append(Bullets((audited(board.audit),), language="en"))
    return blocks


def _is_advised(entry: Entry, board: Leaderboard) -> bool:
    advised = board.recommended
    if isinstance(advised, EnsembleStanding):
        return entry.trial in advised.weights
    return entry == advised


def _cells(entry: Entry, found: _Found) -> tuple[Cell, ...]:
    say = found.say
    name = entry.name if entry.trial is None else say("board.trial", number=entry.trial)
    name = say("board.majority") if name == "majority" else name
    if entry.trial is not None and told(found.trials[entry.trial], COLLAPSED):
        name = say("board.collapsed", name=name)
    model = say("board.baseline", name=entry.architecture or entry.name) if entry.is_linear else entry.architecture
    came = "baseline" if entry.how is None or entry.is_linear else entry.how
    return (
        name,
        f"{entry.macro_f1:.4f}",
        model,
        say(f"how.{came}"),
        entry.token_unit,
        entry.optimizer,
        "" if entry.learning_rate is None else f"{entry.learning_rate:.2g}",
        "" if entry.epochs is None else f"{entry.epochs:g}",
        "" if entry.seconds is None else f"{entry.seconds:.1f}",
        "" if entry.latency is None else f"{entry.latency:.1f}",
    )


def _families(found: _Found) -> Section:
    say = found.say
    rows = []
    for one in found.board.families:
        above = ""
        if one.against_linear is not None:
            mean, low, high = (one.against_linear[name] for name in ("corrected", "low", "high"))
            above = f"{signed(mean)} ({between(low, high)})"
        latency = "" if one.best.latency is None else f"{one.best.latency:.1f}"
        best = say("board.trial", number=one.best.trial)
        score, seconds = f"{one.best.macro_f1:.4f}", f"{one.seconds:,.0f}"
        rows.append((one.family, best, score, above, latency, f"{one.trials:,}", seconds))
    columns = ("family", "best", "score", "above", "latency", "trials", "seconds")
    header = tuple(say(f"column.{name}") for name in columns)
    table = Table(say("families.caption"), header, tuple(rows), numbers=frozenset((2, 3, 4, 5, 6)))
    return Section("families", say("section.families"), (table,))


def _curves(found: _Found) -> list[Block]:
    board, say = found.board, found.say
    if not found.draw:
        return [Prose(say("figures.missing"), is_note=True)]
    scored = {
        trial.number: trial
        for trial in found.trials
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and len(told(trial, CURVE, ())) > 1
    }
    best = [entry.trial for entry in board.entries if entry.trial in scored][:NAMED_CURVES]
    others = [number for number in scored if number not in best][-MOST_CURVES:]
    lines = []
    for number in (*best, *others):
        trial, curve = scored[number or 0], told(scored[number or 0], CURVE)
        config = told(trial, CONFIG, {})
        name = f"{say('board.trial', number=number)}, {config.get('architecture', config.get(FAMILY, ''))}"
        lines.append(
            charts.Line(
                name if number in best else "",
                [row["epoch"] for row in curve],
                [row["macro_f1"] for row in curve],
                stopped=trial.state == TrialState.PRUNED,
                series=best.index(number) if number in best else 0,
            )
        )
    if not lines:
        return [Prose(say("curves.none"))]
    return [charts.curves(lines, None if board.linear is None else board.linear.macro_f1, say("curves.caption"), say)]


def _collapse(found: _Found) -> list[Block]:
    say = found.say
    finished = [trial for trial in found.trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    collapsed = [trial for trial in finished if told(trial, COLLAPSED)]
    if not collapsed:
        return [Prose(say("collapse.none"))]
    header = tuple(say(f"column.{name}") for name in ("trial", "said", "share", "padding", "optimizer"))
    rows = tuple(_collapsed(trial, found) for trial in collapsed[:MOST_COLLAPSED])
    kinds: Counter[tuple[str, str]] = Counter()
    of_kind: Counter[tuple[str, str]] = Counter()
    for trial in finished:
        if told(trial, CONFIG, {}).get(FAMILY, NETWORK) == NETWORK:
            kinds[_kind(trial, say)] += 1
            of_kind[_kind(trial, say)] += bool(told(trial, COLLAPSED))
    counted = tuple(
        (padding, optimizer, str(kinds[padding, optimizer]), str(of_kind[padding, optimizer]))
        for padding, optimizer in sorted(kinds)
    )
    names = tuple(say(f"column.{name}") for name in ("padding", "optimizer", "trainings", "collapsed"))
    return [
        Table(say("collapse.caption"), header, rows, numbers=frozenset((2,))),
        Table(say("collapse.kinds"), names, counted, numbers=frozenset((2, 3))),
    ]


def _kind(trial: FrozenTrial, say: Say) -> tuple[str, str]:
    config = told(trial, CONFIG, {})
    padding = str(config.get("padding", ""))
    return say(f"padding.{padding}") if padding in ("masked", "as_written") else padding, config.get("optimizer", "")


def _collapsed(trial: FrozenTrial, found: _Found) -> tuple[Cell, ...]:
    """Which class it said, of how many rows: from its predictions, or in the words that were recorded."""
    said, share = str(told(trial, COLLAPSED)), ""
    try:
        folder = TrialArtifacts.of(found.artifacts, found.study.study_name).predictions
        classes = kept_classes(folder, told(trial, PREDICTIONS, {}))
        counts = np.bincount(classes)
        said, share = str(found.recorded["classes"][int(counts.argmax())]), f"{100 * counts.max() / len(classes):.1f} %"
    except (InputError, LookupError):
        pass
    return (found.say("board.trial", number=trial.number), said, share, *_kind(trial, found.say))


# ---------------------------------------------------------------------------------------------- the model


def _model(found: _Found) -> list[Section]:
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


def _said(advised: Entry | EnsembleStanding, found: _Found, opened: SearchStudy) -> np.ndarray:
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


def _data(found: _Found) -> Section:
    dataset = found.opened if isinstance(found.opened, InputError) else found.opened.dataset
    return data_section(dataset, DataSource.from_dict(found.recorded[DATA]), found.board.rows, found.say)


def _again(found: _Found) -> Section:
    say, name, advised = found.say, shlex.quote(found.board.study), found.board.recommended
    commands = [*_run(found), f"sentiment-search report {name} --html report.html"]
    if advised is not None:
        which = "--ensemble" if isinstance(advised, EnsembleStanding) else ""
        if isinstance(advised, Entry) and advised.trial is not None:
            which = f"--trial {advised.trial}"
            commands.append(f"sentiment-search replay {name} {which}")
        if which:
            commands.append(f"sentiment-search export {name} {which} --to my-model")
            commands.append(f"sentiment-search evaluate my-model --sealed {name}")
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


def _run(found: _Found) -> list[str]:
    """The search itself as a command, where flags can say all of it."""
    source = DataSource.from_dict(found.recorded[DATA]) if DATA in found.recorded else None
    if source is None or found.recorded.get(SPACE) or source.fractions != (0.8, 0.1, 0.1) or source.split_seed:
        return []
    rule = source.classes
    if not isinstance(rule, str):
        rule = " ".join(f"{name}={','.join(map(str, values))}" for name, values in rule.items())
    words = ["sentiment-search", "run", "--data", *source.paths, "--text", source.text, "--label", source.label]
    words += ["--classes", rule]
    for flag, value in (
        ("--group", source.group),
        ("--encoding", source.encoding),
        ("--validation", source.validation_path),
        ("--test", source.test_path),
        ("--max-rows", source.max_rows),
        ("--trials", found.recorded.get(TRIALS)),
        ("--seed", found.recorded.get(SEED) or None),
        ("--name", found.board.study),
    ):
        words += [] if value is None else [flag, str(value)]
    return [shlex.join(words)]


def _limits(found: _Found) -> Section:
    board, say = found.board, found.say
    items = [say("limits.validation", name=shlex.quote(board.study))]
    if "train" in board.rows:
        items.append(say("limits.rows", rows=f"{board.rows['train']:,}"))
    if board.best is not None and sum(board.class_sizes) > 0:
        items.append(
            say("limits.one.standard", error=f"{100 * score_error(board.best.macro_f1, board.class_sizes):.1f}")
        )
    items += [say(f"limits.{name}") for name in ("search", "same", "labels")]
    return Section("limits", say("section.limits"), (Bullets(tuple(items)),))


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
