"""The rows that a search set aside: a bundle and the linear baseline are scored on them, and each time is counted.

NOTE: an opening is recorded before anything is scored, so that no interrupt and no closed terminal hides one. What is
computed before, the baseline's fit, sees rows only that are not sealed.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from search.statistics import score_error
from search.study.create import SearchStudy
from search.study.records import FINGERPRINT, OPENINGS, keep_of_study, told_of_study
from sentiment.bundle.folder import Bundle
from sentiment.bundle.scoring import Evaluation, Score, score
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR, linear

__all__ = ["SealedEvaluation", "evaluate_sealed"]

AGAIN: Final = "Whoever looks again can choose by what is seen, and a number chosen among several is optimistic."


@dataclass(frozen=True)
class SealedEvaluation:
    """How a bundle does on the rows that its search never scored."""

    study: str
    bundle: Evaluation
    linear: Score
    """The linear baseline, fitted on the rows that the bundle was trained on."""
    openings: list[dict[str, Any]]
    """Each time that the rows were scored, this one last: when, and which trial's bundle."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        beside = {"study": self.study, "baselines": {LINEAR: asdict(self.linear)}, "openings": self.openings}
        return self.bundle.to_dict() | beside

    def render(self, width: int | None = None) -> str:
        """The figures as text, for a terminal of so many columns if they are given."""
        times = len(self.openings)
        error = 100 * score_error(self.linear.macro_f1, self.bundle.confusion.sum(axis=1).tolist())
        return (
            f"{self.bundle.render(width)}\n\n"
            f"{LINEAR}, fitted on the same training rows, has on these:\n{self.linear.figures()}\n"
            f"One standard error of such a macro-F1 on {self.linear.rows:,} rows is about {error:.1f} points.\n\n"
            f"Sealed rows opened {times:,} time{'s' if times > 1 else ''}." + (f" {AGAIN}" if times > 1 else "")
        )


def evaluate_sealed(bundle: Bundle, opened: SearchStudy) -> SealedEvaluation:
    """Score `bundle` on the sealed rows of the study that it comes from, and record there that they were opened.

    Raises:
        InputError: it comes from another study, or from other data; nothing is opened then.
    """
    study, dataset = opened.study, opened.dataset
    comes_from = (bundle.facts.get("study"), bundle.facts.get(FINGERPRINT), bundle.classes)
    if comes_from != (study.study_name, dataset.fingerprint, dataset.classes):
        raise InputError(
            f"{bundle.directory} does not come from study {study.study_name!r} with these data, labels and split, but "
            f"from {comes_from[0]!r} ({FINGERPRINT} {str(comes_from[1])[:12]}, of this study "
            f"{dataset.fingerprint[:12]}); name the study that it was exported from"
        )
    texts, labels = dataset.texts("test"), dataset.labels("test")
    parts = ["train"]
    if bundle.seen is not None and bundle.seen.among(dataset.texts("validation"))[0].all():  # it learned in folds
        parts.append("validation")
    learned = [text for part in parts for text in dataset.texts(part)]
    baseline = linear(learned, np.concatenate([dataset.labels(part) for part in parts]), len(dataset.classes))
    opening = {
        "when": time.strftime("%Y-%m-%d %H:%M:%S"),
        "trial": bundle.facts.get("trial"),
        "bundle": str(bundle.directory),
    }
    openings = [*told_of_study(study).get(OPENINGS, []), opening]
    keep_of_study(study, OPENINGS, openings)
    return SealedEvaluation(
        study=study.study_name,
        bundle=score(bundle, f"sealed rows of study {study.study_name}", texts, labels),
        linear=Score.of(baseline.probabilities(texts), labels),
        openings=openings,
    )
