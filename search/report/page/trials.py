"""The trials of a search: the leaderboard, families, learning curves, and those that said one word."""

import shlex
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from search.report.board import parameter_value
from search.report.page import charts
from search.report.page.content import Block, Bullets, Cell, Folded, Prose, Section, Table
from search.report.page.forest import between, signed
from search.report.page.messages import SENTENCES, Say
from search.report.standing import audited
from search.storage.artifacts import TrialArtifacts
from search.storage.paths import Artifacts
from search.storage.predictions import kept_classes
from search.study.create import SearchStudy
from search.study.leaderboard import EnsembleStanding, Entry, Leaderboard
from search.study.records import COLLAPSED, CONFIG, CURVE, PREDICTIONS, told, told_of_study
from sentiment.errors import InputError
from sentiment.models.registry import FAMILY, NETWORK

__all__ = [
    "SearchFound",
    "collapse_blocks",
    "curve_blocks",
    "families_section",
    "leaderboard_blocks",
]

NAMED_CURVES: Final = 5
MOST_CURVES: Final = 60
"""A page with a thousand of them would be large, and no clearer."""
MOST_COLLAPSED: Final = 20


@dataclass(frozen=True)
class SearchFound:
    """A search, as far as it can be read here."""

    study: optuna.Study
    board: Leaderboard
    opened: SearchStudy | InputError
    """With its data; or why these cannot be read."""
    artifacts: Artifacts
    language: str
    top: int
    show_texts: bool
    where: str
    """Options that lead to its storage and artifacts, as they are typed."""
    say: Say
    draw: bool = field(default_factory=lambda: find_spec("matplotlib") is not None)
    """Whether figures can be drawn."""

    @cached_property
    def trials(self) -> list[FrozenTrial]:
        """All of them, by number."""
        return self.study.get_trials(deepcopy=False)

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """What the study has on record."""
        return told_of_study(self.study)


def leaderboard_blocks(found: SearchFound) -> list[Block]:
    """The best trials, and what else there was."""
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
        whole = f"sentiment-search report {shlex.quote(board.study)} --csv{found.where}"
        blocks.append(Prose(say("board.more", count=f"{hidden:,}", command=whole), is_note=True))
    if board.best is not None:
        rows = tuple((name, parameter_value(value)) for name, value in board.best_params.items())
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


def _cells(entry: Entry, found: SearchFound) -> tuple[Cell, ...]:
    say = found.say
    name = entry.name if entry.trial is None else say("board.trial", number=entry.trial)
    name = say("board.majority") if name == "majority" else name
    if entry.trial is not None and told(found.trials[entry.trial], COLLAPSED):
        name = say("board.collapsed", name=name)
    model = say("board.baseline", name=entry.architecture or entry.name) if entry.is_linear else entry.architecture
    return (
        name,
        f"{entry.macro_f1:.4f}",
        model,
        say(f"how.{entry.how or 'baseline'}"),
        entry.token_unit,
        entry.optimizer,
        "" if entry.learning_rate is None else f"{entry.learning_rate:.2g}",
        "" if entry.epochs is None else f"{entry.epochs:g}",
        "" if entry.seconds is None else f"{entry.seconds:.1f}",
        "" if entry.latency is None else f"{entry.latency:.1f}",
    )


def families_section(found: SearchFound) -> Section:
    """The best trial of each family."""
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


def curve_blocks(found: SearchFound) -> list[Block]:
    """Learning curves of the best trials, and behind them those of the others."""
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


def collapse_blocks(found: SearchFound) -> list[Block]:
    """Who said one word, which, and under which padding and optimizer."""
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


def _collapsed(trial: FrozenTrial, found: SearchFound) -> tuple[Cell, ...]:
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
