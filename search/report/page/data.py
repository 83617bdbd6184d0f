"""What happened to the rows before anything was learned, and each time that the sealed ones were scored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from optuna.trial import FrozenTrial

from search.report.page.content import Block, Bullets, Prose, Section, Table
from search.report.page.messages import MESSAGES, Say
from search.study.records import ENVIRONMENT, told
from sentiment.errors import InputError
from sentiment.reviews.dataset import Dataset
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import PARTS, shares_to_draw

__all__ = ["data_section", "environments", "ledger_section", "times"]

ROWS: Final = 8
"""Numbers of rows left out that are named."""


def data_section(dataset: Dataset | InputError, source: DataSource, rows: Mapping[str, int], say: Say) -> Section:
    """Hygiene of the data.

    Args:
        dataset: the reviews, or why they cannot be read here.
        source: how they were read.
        rows: of each part, as the study has them on record.
        say: the page's language.
    """
    blocks: list[Block] = []
    if isinstance(dataset, InputError):
        blocks.append(Prose(say("data.unreadable", reason=str(dataset))))
        counts = tuple((_part(part, say), f"{count:,}") for part, count in rows.items())
        blocks.append(Table(say("data.caption"), ("", say("column.rows")), counts, numbers=frozenset((1,))))
    else:
        blocks += [_of_classes(dataset, say), *_left_out(dataset, say)]
    blocks.append(Prose(_columns(source, say)))
    blocks.append(Prose(" ".join(_split(source, say))))
    if source.group is not None:
        blocks.append(Prose(say("data.groups", group=source.group)))
    if not isinstance(dataset, InputError) and dataset.notes:
        blocks.append(Bullets(dataset.notes, language="en"))
    return Section("data", say("section.data"), tuple(blocks))


def ledger_section(openings: Sequence[Mapping[str, Any]], say: Say) -> Section:
    """Each time that sealed rows were scored: when, and what was."""
    blocks: list[Block] = [Prose(say("ledger.never"))]
    if openings:
        lines = tuple((str(opening.get("when", "")), _opened(opening, say)) for opening in openings)
        blocks = [
            Table(say("ledger.caption"), (say("column.when"), say("column.what")), lines),
            Prose(say("ledger.words"), is_note=True),
        ]
    return Section("ledger", say("section.ledger"), tuple(blocks))


def times(count: int, say: Say) -> str:
    """In words."""
    return say("never") if count == 0 else say("once") if count == 1 else say("times", count=f"{count:,}")


def _opened(opening: Mapping[str, Any], say: Say) -> str:
    if "trainings" in opening:
        return say("ledger.pairs", count=opening["trainings"])
    trial = opening.get("trial")
    return say("ledger.ensemble") if trial is None else say("ledger.trial", trial=trial)


def _of_classes(dataset: Dataset, say: Say) -> Table:
    sizes = np.array([dataset.class_sizes(part) for part in PARTS])
    lines = [
        (
            say(f"data.parts.{part}"),
            *(f"{count:,} ({count / max(1, row.sum()):.0%})" for count in row),
            f"{row.sum():,}",
        )
        for part, row in zip(PARTS, sizes, strict=True)
    ]
    whole = sizes.sum(axis=0)
    lines.append((say("column.all"), *(f"{count:,}" for count in whole), f"{whole.sum():,}"))
    header = ("", *dataset.classes, say("column.all"))
    return Table(say("data.caption"), header, tuple(lines), numbers=frozenset(range(1, len(header))))


def _left_out(dataset: Dataset, say: Say) -> list[Block]:
    groups = dataset.reviews.left_out
    if not groups:
        return [Prose(say("data.none.left.out"))]
    lines = tuple(
        (_reason(one.reason, say), f"{len(one.rows):,}", one.path, _named(one.rows.tolist(), say)) for one in groups
    )
    header = tuple(say(f"column.{name}") for name in ("reason", "rows", "file", "which"))
    return [Table(say("data.left.out"), header, lines, numbers=frozenset((1,)))]


def _reason(reason: str, say: Say) -> str:
    return say(f"reason.{reason}") if f"reason.{reason}" in MESSAGES["en"] else reason


def _named(rows: Sequence[int], say: Say) -> str:
    first = ", ".join(map(str, rows[:ROWS]))
    return first if len(rows) <= ROWS else say("and.more", rows=first, count=f"{len(rows) - ROWS:,}")


def _part(part: str, say: Say) -> str:
    """As a study has it on record, where the sealed rows are called by their full name."""
    return say(f"data.parts.{'test' if part == 'sealed test' else part}")


def _columns(source: DataSource, say: Say) -> str:
    rule = source.classes if isinstance(source.classes, str) else _mapping(source.classes)
    return say("data.columns", path=" + ".join(source.paths), text=source.text, label=source.label, classes=rule)


def _split(source: DataSource, say: Say) -> list[str]:
    """Of the parts that have a file of their own none is drawn."""
    own = {"validation": source.validation_path, "test": source.test_path}
    given = {part: path for part, path in own.items() if path is not None}
    drawn = shares_to_draw(source.fractions, dict.fromkeys(given, 0))
    sentences = [say("data.texts")]
    if len(drawn) > 1:
        shares = ", ".join(f"{say(f'data.parts.{part}')} {100 * share:.3g} %" for part, share in drawn.items())
        sentences.append(say("data.split", seed=source.split_seed, shares=shares))
    return sentences + [say("data.own", part=say(f"data.parts.{part}"), path=path) for part, path in given.items()]


def _mapping(classes: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name} = {', '.join(map(str, values))}" for name, values in classes.items())


def environments(trials: Sequence[FrozenTrial]) -> list[str]:
    """What the trials were trained with, each once, most often first."""
    shown = Counter(
        ", ".join(f"{name} {value}" for name, value in sorted(environment.items()) if len(str(value)) < 40)
        for trial in trials
        if isinstance(environment := told(trial, ENVIRONMENT), dict)
    )
    return [text for text, _ in shown.most_common(3)]
