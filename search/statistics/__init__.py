"""How large a difference is, how sure that is, and what may be said of it.

Numbers in, numbers out: this room knows no torch, no Optuna, no files and nothing of `sentiment`. What it promises
(coverage of the intervals, error rates of the verdicts) is shown by simulation with known truth:
`python -m tests.benchmarks.simulate_statistics`.

`scipy` is imported as a whole, which reads a part of it when that is first used: the largest takes a second, and who
only shows what is on record uses none.

All scores are fractions: a macro-F1 of 0.80 is 80 points, a difference of 0.01 is one point.
"""

from search.statistics.crossed import Difference, chance_of_decision
from search.statistics.curves import TuningCurve, tuning_curve
from search.statistics.differences import (
    calibration_difference,
    paired_difference,
    paired_mean_difference,
)
from search.statistics.inputs import NotFiniteError
from search.statistics.looks import Looks
from search.statistics.noise import score_error
from search.statistics.optimism import (
    CorrectedCombination,
    CorrectedDifference,
    CorrectedScore,
    Optimism,
    corrected_combination,
    corrected_difference,
    corrected_score,
    optimism,
)
from search.statistics.power import Noise, Sight, exaggeration, sight
from search.statistics.verdicts import ALPHA, FEW_GROUPS, NO_DIFFERENCE, holm, verdict

__all__ = [
    "ALPHA",
    "FEW_GROUPS",
    "NO_DIFFERENCE",
    "CorrectedCombination",
    "CorrectedDifference",
    "CorrectedScore",
    "Difference",
    "Looks",
    "Noise",
    "NotFiniteError",
    "Optimism",
    "Sight",
    "TuningCurve",
    "calibration_difference",
    "chance_of_decision",
    "corrected_combination",
    "corrected_difference",
    "corrected_score",
    "exaggeration",
    "holm",
    "optimism",
    "paired_difference",
    "paired_mean_difference",
    "score_error",
    "sight",
    "tuning_curve",
    "verdict",
]
