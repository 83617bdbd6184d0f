"""An opened bundle meets a file: labels for its texts, or figures for its labelled rows.

Every row is answered for: a row without a text gets no label, a row without a usable label is not scored, and both
are counted. So are the scored rows whose texts the bundle has seen in training, and there are figures without them.
"""

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from sentiment import foreign, metrics
from sentiment.bundle.folder import CHUNK, Bundle
from sentiment.errors import NO_SPACE, InputError
from sentiment.files.reader import read_table
from sentiment.files.unpacking import MAX_BYTES
from sentiment.reviews.labels import canonical, label_rule
from sentiment.terminal import fit, in_columns

__all__ = ["Evaluation", "Overlap", "Score", "evaluate", "predict_file", "predictions", "score"]

LABEL_RULE = "label rule"
"""The fact of a bundle that says how raw labels became its classes."""
MOST_COLUMNS: Final = 50
"""Classes whose confusion a terminal can show."""
UNKNOWN: Final = "Whether the bundle was trained on any of these texts is unknown: it was made by an earlier version."


def predictions(bundle: Bundle, texts: Sequence[str]) -> list[dict[str, Any]]:
    """For each text its label (None for an empty one) and the probability of each class."""
    rows = []
    for text, probabilities in zip(texts, bundle.probabilities(texts), strict=True):
        label = bundle.classes[int(probabilities.argmax())] if text.strip() else None
        by_class = {name: round(float(p), 6) for name, p in zip(bundle.classes, probabilities, strict=True)}
        rows.append({"text": text, "label": label, "probabilities": by_class if text.strip() else {}})
    return rows


def predict_file(
    bundle: Bundle,
    path: str,
    text: str,
    out: Path | None,
    *,
    overwrite: bool = False,
    encoding: str | None = None,
    max_bytes: int = MAX_BYTES,
    as_json: bool = False,
) -> str:
    """Label column `text` of a file, row by row in its order; returns one line that says what was done.

    Written to `out` (complete or not at all), or to standard output: CSV with columns row, label and p(class), or
    JSON Lines. In CSV a label that a spreadsheet would take for a formula has an apostrophe before it; on standard
    output nothing can command the terminal. For the labels as they are, whatever they are, there is JSON Lines.

    Raises:
        InputError: the file cannot be read, has no such column, or `out` cannot be written; or it is a file already,
            and not to be overwritten.
    """
    if out is not None and out.exists() and Path(path).exists() and out.samefile(path):
        raise InputError(f"--out is {out}, the file with the reviews; give another name")
    if out is not None and out.is_file() and not overwrite:
        raise InputError(
            f"--out is {out}, a file that is there already; give another name, or --overwrite to replace it"
        )
    texts = [cell or "" for cell in read_table(path, [text], encoding, max_bytes).column(text).to_pylist()]
    empty, shown = 0, foreign.visible if out is None else str
    with _destination(out) as file:
        table = csv.writer(file, lineterminator="\n")
        if not as_json:
            table.writerow(["row", "label", *(f"p({shown(name)})" for name in bundle.classes)])
        for start in range(0, len(texts), CHUNK):
            for row, entry in enumerate(predictions(bundle, texts[start : start + CHUNK]), start=start + 1):
                empty += entry["label"] is None
                if as_json:
                    file.write(foreign.as_json({"row": row} | entry) + "\n")
                else:
                    label = foreign.cell(shown(entry["label"] or ""))
                    table.writerow([row, label, *(entry["probabilities"].get(name, "") for name in bundle.classes)])
    unlabelled = f"; {empty:,} rows have no text and so no label" if empty else ""
    return f"{len(texts):,} rows of {path} labelled{unlabelled}" + (f"; written to {out}" if out else "")


@dataclass(frozen=True)
class Score:
    """The figures that are told first."""

    rows: int
    macro_f1: float
    accuracy: float
    calibration_error: float
    """Expected calibration error over 15 bins."""

    @classmethod
    def of(cls, probabilities: np.ndarray, labels: np.ndarray) -> "Score":
        """The figures of what was said, [n, K], of rows with these labels."""
        guesses = probabilities.argmax(axis=1)
        return cls(
            rows=len(labels),
            macro_f1=metrics.macro_f1(labels, guesses, probabilities.shape[1]),
            accuracy=metrics.accuracy(labels, guesses),
            calibration_error=metrics.expected_calibration_error(probabilities, labels),
        )

    def figures(self) -> str:
        """In one line."""
        return (
            f"macro-F1 {self.macro_f1:.4f}   accuracy {self.accuracy:.4f}   "
            f"calibration error {self.calibration_error:.4f}"
        )


@dataclass(frozen=True)
class Overlap:
    """Rows that are not new to a bundle, by what their texts did for it."""

    trained_on: int
    chose_checkpoint: int
    """Validation rows of its training: their score chose the weights."""
    without_them: Score | None
    """The figures of the other rows; None if there are no others, or no others than these."""
    classes_lost: tuple[str, ...]
    """Of which the other rows have none."""

    def render(self, rows: int) -> str:
        """In words; there are so many rows in all."""
        if not self.trained_on and not self.chose_checkpoint:
            return "The bundle was trained on none of these texts, and none chose its checkpoint."
        nothing = "the figures say nothing of new ones."
        if self.trained_on == rows:
            return f"The bundle was trained on all of these texts: {nothing}"
        seen = f"The bundle was trained on {self.trained_on:,} of these texts, and {self.chose_checkpoint:,} more chose"
        if self.without_them is None:
            return f"{seen} its checkpoint, which is all of them: {nothing}"
        lost = "".join(f", none of class {foreign.visible(name)}" for name in self.classes_lost)
        return (
            f"{seen} its checkpoint: the figures may flatter it.\n"
            f"Without them ({self.without_them.rows:,} rows{lost}): {self.without_them.figures()}"
        )


@dataclass(frozen=True)
class Evaluation(Score):
    """How a bundle does on labelled rows."""

    path: str
    """What the rows are of."""
    classes: tuple[str, ...]
    confusion: np.ndarray
    """int64 [K, K]: rows are labels, columns predictions."""
    per_class: tuple[dict[str, float], ...]
    left_out: dict[str, int]
    """Rows that were not scored: reason to count."""
    seen: Overlap | None
    """The rows that are not new to the bundle; None if it cannot say."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        seen = None if self.seen is None else asdict(self.seen)
        return vars(self) | {"confusion": self.confusion.tolist(), "seen": seen}

    def render(self, width: int | None = None) -> str:
        """The figures as text, for a terminal of so many columns if they are given."""
        lines = [
            f"{self.path}: {self.rows:,} rows scored"
            + "".join(f"; {count:,} left out: {reason}" for reason, count in self.left_out.items()),
            "",
            self.figures(),
            *(UNKNOWN if self.seen is None else self.seen.render(self.rows)).splitlines(),
            "",
        ]
        figures = [
            (
                name,
                *(f"{of_class[figure]:.4f}" for figure in ("precision", "recall", "f1")),
                f"{int(of_class['support']):,}",
            )
            for name, of_class in zip(self.classes, self.per_class, strict=True)
        ]
        lines += in_columns(("class", "precision", "recall", "F1", "rows"), figures, right=(1, 2, 3, 4), width=width)
        counts = [
            (name, *(f"{int(count):,}" for count in row))
            for name, row in zip(self.classes, self.confusion, strict=True)
        ]
        confusion = in_columns(("", *self.classes), counts, right=range(1, len(self.classes) + 1))
        if len(self.classes) > MOST_COLUMNS:
            confusion = [f"the confusion of {len(self.classes)} classes is in --json"]
        elif not fit(confusion, width):
            confusion = [f"the confusion of {len(self.classes)} classes needs a wider terminal; it is in --json, too"]
        else:
            confusion.insert(0, "confusion (rows: label, columns: prediction)")
        return "\n".join([*lines, "", *confusion])


def evaluate(
    bundle: Bundle,
    path: str,
    text: str,
    label: str,
    *,
    classes: str | Mapping[str, Sequence[Any]] | None = None,
    encoding: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Evaluation:
    """Score `bundle` on a labelled file.

    A label is read as the name of a class if it is one, else by `classes`, else by the rule that the bundle was
    trained with.

    Raises:
        InputError: the file cannot be read, or no row has a label that the bundle knows.
    """
    if text == label:
        raise InputError(f"text and label are both column {text!r}; name two columns")
    table = read_table(path, [text, label], encoding, max_bytes)
    texts = table.column(text).to_pylist()
    raw = table.column(label).to_pylist()
    chosen = classes or _own_rule(bundle)
    known = {canonical(name): index for index, name in enumerate(bundle.classes)}
    if chosen != "as-is":
        rule = label_rule(chosen, (), len(raw), path)
        if set(rule.classes) != set(bundle.classes):
            raise InputError(
                f"the label rule gives {list(rule.classes)}, the bundle has {list(bundle.classes)}; use its classes"
            )
        known = {value: known[canonical(rule.classes[index])] for value, index in rule.index.items()} | known
    left_out: Counter[str] = Counter()
    kept_texts, kept_labels, unknown = [], [], Counter[str]()
    for cell, value in zip(texts, raw, strict=True):
        if not cell or not cell.strip():
            left_out["no text"] += 1
        elif value is None or not value.strip():
            left_out["no label"] += 1
        elif (index := known.get(canonical(value))) is None:
            left_out["label not in the rule"] += 1
            unknown[value] += 1
        else:
            kept_texts.append(cell)
            kept_labels.append(index)
    if not kept_texts:
        seen = ", ".join(repr(value) for value, _ in unknown.most_common(3)) or "nothing"
        raise InputError(
            f"{path}: column {label!r} holds {seen}, no label that the bundle knows "
            f"({', '.join(bundle.classes)}); give --classes"
        )
    return score(bundle, path, kept_texts, np.array(kept_labels, dtype=np.int64), left_out)


def score(
    bundle: Bundle, path: str, texts: Sequence[str], labels: np.ndarray, left_out: Mapping[str, int] | None = None
) -> Evaluation:
    """Score `bundle` on texts with these class indices, [n]; `path` and `left_out` say what they are of."""
    probabilities = bundle.probabilities(texts)
    guesses = probabilities.argmax(axis=1)
    k = len(bundle.classes)
    per_class = metrics.per_class(labels, guesses, k)
    return Evaluation(
        **vars(Score.of(probabilities, labels)),
        path=path,
        classes=bundle.classes,
        confusion=metrics.confusion_matrix(labels, guesses, k),
        per_class=tuple(
            {name: float(getattr(per_class, name)[index]) for name in ("precision", "recall", "f1", "support")}
            for index in range(k)
        ),
        left_out=dict(left_out or {}),
        seen=_overlap(bundle, texts, probabilities, labels),
    )


def _overlap(bundle: Bundle, texts: Sequence[str], probabilities: np.ndarray, labels: np.ndarray) -> Overlap | None:
    if bundle.seen is None:
        return None
    trained, chose = bundle.seen.among(texts)
    new = ~trained & ~chose
    before, after = (np.bincount(some, minlength=len(bundle.classes)) for some in (labels, labels[new]))
    return Overlap(
        trained_on=int(trained.sum()),
        chose_checkpoint=int(chose.sum()),
        without_them=Score.of(probabilities[new], labels[new]) if new.any() and not new.all() else None,
        classes_lost=tuple(bundle.classes[index] for index in np.flatnonzero((before > 0) & (after == 0))),
    )


def _own_rule(bundle: Bundle) -> str | dict[str, list[Any]]:
    """The rule that the bundle was trained with, as it says itself."""
    rule = bundle.facts.get(LABEL_RULE) or "as-is"
    if isinstance(rule, str):
        return rule
    lists = rule.values() if isinstance(rule, dict) else [None]
    if not all(isinstance(values, list) and all(isinstance(v, str | int | float) for v in values) for values in lists):
        raise InputError(f"{bundle.directory} says of its label rule what is none; give --classes")
    return dict(rule)


@contextmanager
def _destination(out: Path | None) -> Iterator[IO[str]]:
    if out is None:
        yield sys.stdout
        return
    # What is there and no plain file (/dev/null, a pipe) is written to, not replaced.
    special = out.exists() and not out.is_file()
    written = out if special else out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with written.open("w", encoding="utf-8", newline="") as file:
            yield file
            if not special:
                file.flush()
                os.fsync(file.fileno())
        if not special:
            written.replace(out)
    except OSError as error:
        if error.errno in NO_SPACE:  # one that came of writing does not say where
            raise OSError(error.errno, error.strerror, str(out)) from None
        raise InputError(f"cannot write {out}: {error.strerror}; choose another --out") from None
    finally:
        if not special:
            with suppress(OSError):
                written.unlink()
