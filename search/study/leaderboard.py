"""Where a search stands: its models and the baselines in one order, and which of them to deploy.

These are the facts; the words and the tables that show them are made in `search.report`.
"""

import math
from dataclasses import dataclass
from typing import Any

import optuna
import scipy
from optuna.trial import FrozenTrial, TrialState

from search.statistics import score_error
from search.storage.artifacts import TrialArtifacts
from search.storage.inside import is_plain
from search.storage.paths import Artifacts
from search.study.edges import Edge, edges
from search.study.origins import Origin, origins
from search.study.positions import AGAIN, FINISHED, REPEATS, SUPERFLUOUS, in_order
from search.study.records import (
    AGAINST_LINEAR,
    AUDITED,
    BASELINES,
    CLASS_SIZES,
    COLLAPSED,
    CONFIG,
    CORRECTED,
    ENSEMBLE,
    EPOCHS,
    FAMILIES_AGAINST_LINEAR,
    IS_LINEAR_BASELINE,
    LATENCY,
    PATIENCE,
    PREDICTIONS,
    ROWS,
    SECONDS,
    TRIALS,
    as_recorded,
    family_of_trial,
    told,
    told_of_study,
    why_ended,
)
from search.study.stopping import Plateau, plateau
from sentiment.foreign import visible
from sentiment.models.baselines import LINEAR
from sentiment.models.registry import NETWORK

__all__ = ["Audit", "EnsembleStanding", "Entry", "FamilyStanding", "Leaderboard", "leaderboard"]


@dataclass(frozen=True)
class Entry:
    """One line: a finished trial or a baseline."""

    name: str
    macro_f1: float
    trial: int | None = None
    architecture: str = ""
    """Of another family than networks, the family."""
    token_unit: str = ""
    family: str = ""
    optimizer: str = ""
    learning_rate: float | None = None
    epochs: float | None = None
    seconds: float | None = None
    kept: bool | None = False
    """Whether its weights are where they were looked for; None where nobody looked."""
    is_linear: bool = False
    """It is the linear baseline."""
    latency: float | None = None
    """Milliseconds that it takes to answer one text."""
    how: Origin | None = None
    """It came by its settings; None of a baseline that is no trial."""

    @property
    def is_ours(self) -> bool:
        """Whether it is a trial of which it is known what was trained."""
        return self.trial is not None and self.how != "outside"


@dataclass(frozen=True)
class FamilyStanding:
    """The best trial of a family."""

    family: str
    best: Entry
    against_linear: dict[str, Any] | None
    """Its score minus that of the linear baseline, corrected for choosing; see `Leaderboard.against_linear`."""
    seconds: float
    """Of all trials of the family."""
    trials: int


@dataclass(frozen=True)
class Audit:
    """What pruning cost, judged by the condemned trials that ran on to their end."""

    condemned: int
    """Trials that the pruner condemned, those that ran on included."""
    ran_on: int
    would_have_won: int
    """Of those, better in the end than every trial that was not condemned."""
    low: float
    high: float
    """Ends of the 95 % interval (Wilson) of the share that would have won."""
    gain: float
    """Macro-F1 by which the best of them exceeds the best that was not condemned; 0 if it does not."""


@dataclass(frozen=True)
class EnsembleStanding:
    """The mean of several trials, weighted; scores are macro-F1."""

    weights: dict[int, float]
    """Of each trial by its number, the largest first; together 1."""
    macro_f1: float
    """On the rows that chose the weights."""
    corrected: float
    """The same without the luck of having been chosen on these rows."""
    above_best: tuple[float, float, float]
    """Lead over the best trial, corrected likewise, and the ends of its 95 % interval."""
    above_linear: tuple[float, float, float] | None
    """The same over the linear baseline, if there is one."""

    @property
    def members(self) -> str:
        """The numbers of its trials."""
        return ", ".join(map(str, self.weights))

    @property
    def pays(self) -> bool:
        """Whether it is better beyond noise than the best trial and the linear baseline."""
        return self.above_best[1] > 0 and self.beats_linear

    @property
    def beats_linear(self) -> bool:
        """Whether it is better than the linear baseline beyond noise, if there is one."""
        return self.above_linear is None or self.above_linear[1] > 0

    @property
    def is_worse(self) -> bool:
        """Whether it is worse beyond noise than either."""
        return self.above_best[2] < 0 or (self.above_linear is not None and self.above_linear[2] < 0)


@dataclass(frozen=True)
class Leaderboard:
    """What a study has found so far. Scores are macro-F1 on the validation rows."""

    study: str
    entries: tuple[Entry, ...]
    """Best first; baselines among the completed trials."""
    counts: dict[str, int]
    """Trials in each of Optuna's states. Those that were interrupted or lost are "interrupted" where another stands in
    for them by now, and "to_begin_again" where it waits; of those two trials one is counted. Those that wait where as
    many were tried as were asked for are "untried"."""
    ended: dict[int, str]
    """Why trials ended early, other than by the pruner: trial number to reason."""
    best_params: dict[str, Any]
    rows: dict[str, int]
    class_sizes: tuple[int, ...]
    """Validation rows of each class."""
    corrected: dict[str, Any] | None
    """The best score without the luck of having been chosen among others; see `correct_for_choosing`."""
    outdated: int | None
    """Of so many trials is what was corrected for choosing, though others can be chosen by now; None where of all."""
    against_linear: dict[str, Any] | None
    """The best trial's score minus that of the linear baseline, corrected likewise; None where another trial was best
    when it was last computed."""
    families: tuple[FamilyStanding, ...]
    """Best first; none where there is one family alone."""
    ensemble: EnsembleStanding | None
    """What its trials are worth together; None where it has not been computed, or one alone is best."""
    edges: tuple[Edge, ...]
    """Parameters of the best trial at an end of their range."""
    audit: Audit | None
    """None where no trial was condemned by the pruner and ran on all the same."""
    plateau: Plateau | None
    """Why the search stopped by itself; None if it did not, or was not asked to."""

    def __repr__(self) -> str:
        best = "no trial completed" if self.best is None else f"best {self.best.name} with {self.best.macro_f1:.4f}"
        return f"Leaderboard({visible(self.study)}: {self.counts.get('complete', 0)} completed, {best})"

    @property
    def best(self) -> Entry | None:
        """The best completed trial, if there is one; not one of which nobody knows what was trained."""
        return next((entry for entry in self.entries if entry.is_ours), None)

    @property
    def linear(self) -> Entry | None:
        """The linear baseline: a trial, or measured beside them."""
        return next((entry for entry in self.entries if entry.is_linear), None)

    @property
    def recommended(self) -> "Entry | EnsembleStanding | None":
        """What to deploy: the best trial, where it is better than the linear baseline beyond noise, or else that; and
        the ensemble where it is better beyond noise than what would be deployed without it. None without a trial."""
        best, linear, ensemble = self.best, self.linear, self.ensemble
        if best is None:
            return None
        if linear is None or linear == best:
            beats = True
        elif self.against_linear is not None:
            beats = self.against_linear["low"] > 0
        else:
            beats = best.macro_f1 - linear.macro_f1 >= 2 * score_error(linear.macro_f1, self.class_sizes)
        if ensemble is None or not ensemble.beats_linear or ensemble.is_worse:
            return best if beats else linear
        is_measured = ensemble.above_linear is not None or linear in (None, best)
        if is_measured and (ensemble.pays or not beats):
            return ensemble
        return best if beats else linear


def leaderboard(study: optuna.Study, artifacts: Artifacts | TrialArtifacts | None = None) -> Leaderboard:
    """Read the standing of `study` from its storage.

    Args:
        study: made by this package, or by an `Objective` of it.
        artifacts: where to look for kept weights; None looks nowhere.

    Raises:
        InputError: what it has on record is not what this program writes.
    """
    with as_recorded(study.study_name):
        return _read(study, artifacts)


def _read(study: optuna.Study, artifacts: "Artifacts | TrialArtifacts | None") -> Leaderboard:
    kept = artifacts if isinstance(artifacts, TrialArtifacts) else None
    # A study of another program may be called as no folder can be: nothing is kept of it then.
    if isinstance(artifacts, Artifacts) and is_plain(study.study_name):
        kept = TrialArtifacts.of(artifacts, study.study_name)
    kept = kept and kept.listed()
    trials, recorded = study.get_trials(deepcopy=False), told_of_study(study)
    origin = origins(trials)
    completed = [trial for trial in in_order(trials) if trial.state == TrialState.COMPLETE]
    entries = [_entry(trial, kept, origin[trial.number]) for trial in completed]
    for name, measured in recorded.get(BASELINES, {}).items():
        seconds = measured.get("seconds")
        entries.append(Entry(name, measured["macro_f1"], seconds=seconds, is_linear=name == LINEAR))
    entries.sort(key=lambda entry: (-entry.macro_f1, entry.trial is not None))  # of equals the first
    best = next((entry.trial for entry in entries if entry.is_ours), None)
    scores = {entry.trial: entry.macro_f1 for entry in entries if entry.trial is not None}
    against = recorded.get(AGAINST_LINEAR)
    if best is not None and against is not None and not math.isclose(scores.get(against["trial"], 0.0), scores[best]):
        against = None
    rows, patience = recorded.get(ROWS, {"validation": 0}), recorded.get(PATIENCE)
    class_sizes = tuple(recorded.get(CLASS_SIZES) or [rows["validation"]])  # older studies: only the sum
    corrected = recorded.get(CORRECTED)
    kept_now = sum(told(trial, PREDICTIONS) is not None for trial in completed)
    linear_is_best = best is not None and IS_LINEAR_BASELINE in trials[best].user_attrs
    return Leaderboard(
        study=study.study_name,
        entries=tuple(entries),
        counts=_counts(trials, recorded.get(TRIALS)),
        ended={trial.number: reason for trial in trials if (reason := why_ended(trial))},
        best_params={} if best is None else dict(trials[best].params),
        rows=rows,
        class_sizes=class_sizes,
        corrected=corrected,
        outdated=corrected["trials"] if corrected is not None and corrected["trials"] < kept_now else None,
        against_linear=against,
        families=_families(entries, trials, recorded.get(FAMILIES_AGAINST_LINEAR, {})),
        ensemble=_ensemble(recorded.get(ENSEMBLE), best, linear_is_best),
        audit=_audit(trials),
        plateau=None if patience is None else plateau(in_order(trials), patience, class_sizes),
        edges=() if best is None else edges(trials[best].params, trials[best].distributions),
    )


def _audit(trials: list[FrozenTrial]) -> Audit | None:
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    ran_on = [trial.value or 0.0 for trial in completed if told(trial, AUDITED) is not None]
    if not ran_on:
        return None
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED and not why_ended(trial)]
    best = max((trial.value or 0.0 for trial in completed if told(trial, AUDITED) is None), default=0.0)
    won = sum(value > best for value in ran_on)
    interval = scipy.stats.binomtest(won, len(ran_on)).proportion_ci(method="wilson")
    gain = max(0.0, max(ran_on) - best)
    condemned = len(pruned) + len(ran_on)
    return Audit(condemned, len(ran_on), won, float(interval.low), float(interval.high), gain)


def _entry(trial: FrozenTrial, kept: TrialArtifacts | None, how: Origin) -> Entry:
    config = told(trial, CONFIG, {})
    assert trial.value is not None
    return Entry(
        name=f"trial {trial.number}" + (" (collapsed)" if trial.user_attrs.get(COLLAPSED) else ""),
        macro_f1=trial.value,
        trial=trial.number,
        architecture=config.get("architecture", config.get("family", "")),
        token_unit=config.get("token_unit", ""),
        family=config.get("family", NETWORK) if config else "",
        optimizer=config.get("optimizer", ""),
        learning_rate=config.get("learning_rate"),
        epochs=trial.user_attrs.get(EPOCHS),
        seconds=trial.user_attrs.get(SECONDS),
        kept=None if kept is None else kept.has(trial),
        is_linear=IS_LINEAR_BASELINE in trial.user_attrs,
        latency=trial.user_attrs.get(LATENCY),
        how=how,
    )


def _counts(trials: list[FrozenTrial], wanted: int | None) -> dict[str, int]:
    counts = {state.name.lower(): sum(trial.state == state for trial in trials) for state in TrialState}
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    gone = sum(bool(trial.system_attrs.get(AGAIN)) for trial in failed)
    waiting = sum(trial.state == TrialState.WAITING and REPEATS in trial.system_attrs for trial in trials)
    # A twin in the queue that nobody took is no failure of anything.
    counts["fail"] -= gone + sum(SUPERFLUOUS in trial.system_attrs for trial in failed)
    counts["waiting"] -= waiting
    if wanted is not None and counts["complete"] + counts["pruned"] >= wanted:
        counts["untried"], counts["waiting"] = counts["waiting"], 0
    return counts | {"interrupted": max(0, gone - waiting), "to_begin_again": waiting}


def _families(
    entries: list[Entry], trials: list[FrozenTrial], against: dict[str, dict[str, Any]]
) -> tuple[FamilyStanding, ...]:
    best: dict[str, Entry] = {}
    for entry in entries:
        if entry.is_ours:
            best.setdefault(entry.family, entry)
    found = []
    for family, entry in best.items() if len(best) > 1 else ():
        its = [trial for trial in trials if trial.state in FINISHED and family_of_trial(trial) == family]
        gain = against.get(family)
        found.append(
            FamilyStanding(
                family,
                entry,
                gain if gain is not None and gain["trial"] == entry.trial and not entry.is_linear else None,
                round(sum(trial.user_attrs.get(SECONDS, 0.0) for trial in its), 1),
                len(its),
            )
        )
    return tuple(found)


def _ensemble(recorded: dict[str, Any] | None, best: int | None, best_is_linear: bool) -> EnsembleStanding | None:
    if recorded is None or recorded["best"] != best or len(recorded["weights"]) < 2:
        return None  # with another best trial, what it is worth beside the best is not known
    weights = sorted(((int(number), weight) for number, weight in recorded["weights"].items()), key=lambda w: -w[1])
    best_lead, linear_lead = recorded["above_best"], recorded["above_reference"]
    if best_is_linear and linear_lead is not None:  # one model, and no luck in it: it was there before any was chosen
        best_lead, linear_lead = linear_lead, None
    return EnsembleStanding(
        dict(weights),
        recorded["score"],
        recorded["corrected"],
        tuple(best_lead),
        None if linear_lead is None else tuple(linear_lead),
    )
