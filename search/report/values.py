"""The results of a comparison for a program: JSON, and rows for CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from search.comparison.decisions import Decision
from search.comparison.results import IdeaResult, Results
from search.report.words import words
from sentiment import foreign

__all__ = ["csv_text", "rows", "to_dict", "write_csv"]


def to_dict(found: Results) -> dict[str, Any]:
    """Plain values for JSON, without the text of any review."""
    values: dict[str, Any] = _plain(asdict(found) | {"slices": found.slices.to_rows(), "words": words(found)})
    for idea, row in zip(found.ideas, values["ideas"], strict=True):
        row["name"], row["guess_held"] = idea.name, idea.guess_held
        row["exaggeration"] = idea.decision.exaggeration
    for _, relabelled in values["relabelled"]:
        del relabelled["labels"]
    return values


def rows(found: Results) -> list[dict[str, Any]]:
    """One flat row for each idea, for a program; macro-F1 as fractions."""
    return [_row(idea) for idea in found.ideas]


def write_csv(path: Path, values: Sequence[dict[str, Any]]) -> None:
    """Write flat rows of equal keys; no cell is a formula."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        _write_csv(csv.writer(file), values)


def csv_text(values: Sequence[dict[str, Any]]) -> str:
    """The same as a text, its lines ended as a terminal has them."""
    file = io.StringIO()
    _write_csv(csv.writer(file, lineterminator="\n"), values)
    return file.getvalue()


def _write_csv(writer: Any, values: Sequence[dict[str, Any]]) -> None:
    writer.writerow(map(foreign.cell, values[0] if values else ()))
    writer.writerows(map(foreign.cell, row.values()) for row in values)


def _row(idea: IdeaResult) -> dict[str, Any]:
    row: dict[str, Any] = {"idea": idea.name, "guess": idea.guess, "source": idea.source}
    row |= _difference(idea.decision, "") | {"exaggeration": idea.decision.exaggeration}
    row |= {"guess held": idea.guess_held, "macro-F1": idea.score.macro_f1, "pairs": len(idea.difference.pairs)}
    row |= {"optimism": idea.score.optimism.mean, "epochs": idea.score.epochs, "seconds": idea.score.seconds}
    row |= {"collapsed": idea.score.collapsed, "diverged": idea.score.diverged, "trainings": idea.score.trainings}
    row |= {"calibration error": idea.score.calibration_error, "calibration difference": idea.calibration.mean}
    row |= {f"F1 difference {name} (fraction)": difference.mean for name, difference in idea.per_class.items()}
    row |= {"circular macro-F1": idea.circular_macro_f1, "against": idea.against}
    if idea.step is not None:
        row |= _difference(idea.step, "step ")
    else:
        row |= dict.fromkeys(f"step {name}" for name in ("difference", "low", "high", "P(better)", "p", "verdict"))
    return row


def _difference(decision: Decision, prefix: str) -> dict[str, Any]:
    difference = decision.difference
    values = {"difference": difference.mean, "low": difference.low, "high": difference.high}
    values |= {"P(better)": difference.p_better, "p": decision.adjusted_p}
    return {f"{prefix}{name}": value for name, value in (values | {"verdict": decision.verdict}).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
