"""The study as a table: its models and the baselines in one order, and a plain word on where they stand."""

import math
import shlex
from dataclasses import dataclass
from typing import Any, Final

import optuna
import scipy
from optuna.trial import FrozenTrial, TrialState

from search.statistics import score_error
from search.storage.artifacts import TrialArtifacts
from search.storage.inside import is_plain
from search.storage.paths import Artifacts
from search.study.edges import Edge, edges
from search.study.positions import FINISHED, in_order
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
    ROWS,
    SECONDS,
    as_recorded,
    family_of_trial,
    told_of_study,
    why_ended,
)
from search.study.stopping import Plateau, plateau
from sentiment.foreign import markdown, markdown_table, visible
from sentiment.models.baselines import LINEAR
from sentiment.models.ensemble.config import MOST_MEMBERS
from sentiment.models.registry import NETWORK
from sentiment.terminal import in_columns

__all__ = ["EnsembleStanding", "Leaderboard", "leaderboard"]

FAMILY_COLUMNS: Final = ("family", "best", "macro-F1", "above linear, corrected", "ms a text", "trials", "seconds")


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

    def __str__(self) -> str:
        won = f"{self.would_have_won} of them came out best, by {100 * self.gain:.1f} points"
        return (
            f"Audit: of {self.condemned} trials that the pruner condemned {self.ran_on} ran on; "
            f"{won if self.would_have_won else 'none of them came out best'}. So between {self.low:.0%} and "
            f"{self.high:.0%} of pruned trials would have won (95 % interval)."
        )


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

    def __str__(self) -> str:
        leads = [("best trial", self.above_best)]
        leads += [] if self.above_linear is None else [("linear baseline", self.above_linear)]
        above = " and ".join(
            f"{100 * mean:+.1f} from the {other} ({100 * low:+.1f} to {100 * high:+.1f})"
            for other, (mean, low, high) in leads
        )
        if self.pays:
            verdict = "better beyond noise, at the price of all of them"
        elif self.is_worse:
            verdict = "it is worse"
        elif self.above_linear is not None and self.beats_linear:
            verdict = "beyond noise it is better than the linear baseline; noise cannot tell it from the best trial"
        else:
            verdict = f"noise cannot tell it from the {'linear baseline' if self.above_best[1] > 0 else 'best trial'}"
        return (
            f"The mean of trials {self.members} has {self.macro_f1:.4f}; corrected for choosing it differs by {above}: "
            f"{verdict}"
        )


@dataclass(frozen=True)
class Leaderboard:
    """What a study has found so far. Scores are macro-F1 on the validation rows."""

    study: str
    entries: tuple[Entry, ...]
    """Best first; baselines among the completed trials."""
    counts: dict[str, int]
    ended: dict[int, str]
    """Why trials ended early, other than by the pruner: trial number to reason."""
    best_params: dict[str, Any]
    rows: dict[str, int]
    class_sizes: tuple[int, ...]
    """Validation rows of each class."""
    corrected: dict[str, Any] | None
    """The best score without the luck of having been chosen among others; see `correct_for_choosing`."""
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

    @property
    def best(self) -> Entry | None:
        """The best completed trial, if there is one."""
        return next((entry for entry in self.entries if entry.trial is not None), None)

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

    @property
    def standing(self) -> str:
        """What the best model is worth beside the linear baseline, and what to deploy."""
        linear = self.linear
        if self.best is None:
            return "No trial has been completed yet."
        if linear is None:
            return "The linear baseline has not been measured."
        if self.best == linear:
            if isinstance(self.recommended, EnsembleStanding):
                single = f"No trial is better than the linear baseline's {linear.macro_f1:.4f}"
                return f"{single}, but beyond noise the mean of trials below is better: deploy that."
            return f"Nothing is better than the linear baseline's {linear.macro_f1:.4f}: deploy it, or search on."
        gain = 100 * (self.best.macro_f1 - linear.macro_f1)
        side = "BELOW" if gain <= 0 else "above"
        # Of two linear models one is called the baseline.
        network = self.best.family == NETWORK
        model, other = ("network", "linear model") if network else (f"{self.best.family} model", "linear baseline")
        why = "is cheaper" if network else "needs no search"
        stands = f"The best {model} stands {abs(gain):.1f} points {side} the linear baseline's {linear.macro_f1:.4f}"
        if self.against_linear is None:
            return f"{stands}; {self._roughly(gain, linear.macro_f1)}"
        mean, low, high = (100 * self.against_linear[name] for name in ("corrected", "low", "high"))
        corrected = (
            f"{stands}; corrected for choosing, the difference is {mean:+.1f} (95 % interval {low:+.1f} to {high:+.1f})"
        )
        if isinstance(self.recommended, EnsembleStanding):
            told = "That is beyond noise, and" if low > 0 else "Noise cannot tell the two apart, but"
            told = "It is worse beyond noise, but" if high < 0 else told
            than = "better still" if low > 0 else "better than the linear baseline beyond noise"
            return f"{corrected}. {told} the mean of trials below is {than}: deploy that."
        if low > 0:
            return f"{corrected}: deploy the {model}."
        if high < 0:
            return f"{corrected}: deploy the {other}, or search on."
        return f"{corrected}. Noise cannot tell the two apart: deploy the {other}, which {why}, or search on."

    def _roughly(self, gain: float, linear: float) -> str:
        """What can be said of a gain, in points, that has no interval."""
        noise = 100 * score_error(linear, self.class_sizes)
        about = (
            f"one standard error of such a score on {self.rows['validation']:,} validation rows, if none belong "
            f"together, is about {noise:.1f} points"
        )
        without = (
            "There is no interval: `run` computes it from the predictions that it keeps, when it ends, if they are of "
            "more than one group of rows."
        )
        if gain < 2 * noise:
            return f"{about}. Deploy the linear model, or search on. {without}"
        return f"{about}. {without}"

    @property
    def optimism(self) -> str:
        """One sentence on what the best score is worth."""
        sentence = "The best score chose its trial among others, and its checkpoint, so it is optimistic"
        if self.corrected is None:
            return f"{sentence}: on new rows expect somewhat less."
        low, high = self.corrected["low"], self.corrected["high"]
        return (
            f"{sentence}: corrected for the choice among {self.corrected['trials']}, these weights are worth "
            f"{self.corrected['corrected']:.4f} on new rows (95 % interval {low:.4f} to {high:.4f})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "study": self.study,
            "entries": [vars(entry) for entry in self.entries],
            "counts": self.counts,
            "ended_early": {str(number): reason for number, reason in self.ended.items()},
            "best_params": self.best_params,
            "rows": self.rows,
            "corrected": self.corrected,
            "against_linear": self.against_linear,
            "families": [vars(family) | {"best": vars(family.best)} for family in self.families],
            "ensemble": None if self.ensemble is None else vars(self.ensemble) | {"pays": self.ensemble.pays},
            "edges": [vars(edge) for edge in self.edges],
            "audit": None if self.audit is None else vars(self.audit),
            "plateau": None if self.plateau is None else vars(self.plateau),
            "standing": self.standing,
        }

    def render(self, top: int = 10) -> str:
        """The table and what it says, as text."""
        shown = [e for rank, e in enumerate(self.entries) if rank < top or e.trial is None or e.is_linear]
        lines = [f"Leaderboard of {self.study} (macro-F1 on the validation rows, best checkpoint of each trial)", ""]
        header = ("", "macro-F1", "model", "tokens", "optimizer", "lr", "epochs", "seconds")
        lines += in_columns(header, [_cells(entry) for entry in shown], right=(1, 5, 6, 7))
        hidden = len(self.entries) - len(shown)
        if hidden:
            whole = f"sentiment-search report {shlex.quote(self.study)} --json"
            lines.append(f"... and {hidden} more; `{whole}` has them all")
        lines += ["", f"{_counted(self.counts)}.", self.standing]
        if self.best is not None:
            lines.append(self.optimism)
            if self.ensemble is not None:
                how = f" (`sentiment-search export {shlex.quote(self.study)} --ensemble`"
                folds = min(5, MOST_MEMBERS // len(self.ensemble.weights))
                how += f"; with `--folds {folds}` as a rule better, and {folds} times as dear)" if folds > 1 else ")"
                is_named = self.recommended == self.ensemble or self.ensemble.above_best[0] > 0
                lines.append(f"{self.ensemble}{how if is_named and not self.ensemble.is_worse else ''}.")
            lines += ["", f"Best trial: {self.best.trial}"]
            lines += [f"  {name} = {_value(value)}" for name, value in self.best_params.items()]
            lines += [f"Widen the search: {edge}." for edge in self.edges]
        if self.families:
            lines += [
                "",
                *in_columns(FAMILY_COLUMNS, [_of_family(one) for one in self.families], right=(2, 4, 5, 6)),
            ]
        if self.audit is not None:
            lines.append(str(self.audit))
        if self.plateau is not None:
            lines.append(f"{self.plateau}. To search on all the same, leave out --patience.")
        for number, reason in list(self.ended.items())[:5]:
            lines.append(f"trial {number} ended early: {reason}")
        if len(self.ended) > 5:
            lines.append(f"... and {len(self.ended) - 5} more ended early")
        return "\n".join(map(visible, lines))

    def markdown(self) -> str:
        """For the note on the study's page in the dashboard."""
        shown = [entry for rank, entry in enumerate(self.entries) if rank < 10 or entry.is_linear]
        rows = [(entry.name, f"{entry.macro_f1:.4f}", _model(entry), entry.token_unit) for entry in shown]
        table = markdown_table(("", "macro-F1", "model", "tokens"), rows)
        words = markdown(f"{self.standing} {self.optimism}" + (f" {self.ensemble}." if self.ensemble else ""))
        if not self.families:
            return f"{table}\n\n{words}\n"
        return f"{table}\n\n{words}\n\n{markdown_table(FAMILY_COLUMNS, list(map(_of_family, self.families)))}\n"


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
    entries = [_entry(trial, kept) for trial in in_order(trials) if trial.state == TrialState.COMPLETE]
    for name, measured in recorded.get(BASELINES, {}).items():
        seconds = measured.get("seconds")
        entries.append(Entry(name, measured["macro_f1"], seconds=seconds, is_linear=name == LINEAR))
    entries.sort(key=lambda entry: (-entry.macro_f1, entry.trial is not None))  # of equals the first
    best = next((entry.trial for entry in entries if entry.trial is not None), None)
    scores = {entry.trial: entry.macro_f1 for entry in entries if entry.trial is not None}
    against = recorded.get(AGAINST_LINEAR)
    if best is not None and against is not None and not math.isclose(scores.get(against["trial"], 0.0), scores[best]):
        against = None
    rows, patience = recorded.get(ROWS, {"validation": 0}), recorded.get(PATIENCE)
    class_sizes = tuple(recorded.get(CLASS_SIZES) or [rows["validation"]])  # older studies: only the sum
    linear_is_best = best is not None and IS_LINEAR_BASELINE in trials[best].user_attrs
    counts = {state.name.lower(): sum(trial.state == state for trial in trials) for state in TrialState}
    return Leaderboard(
        study=study.study_name,
        entries=tuple(entries),
        counts=counts,
        ended={trial.number: reason for trial in trials if (reason := why_ended(trial))},
        best_params={} if best is None else dict(trials[best].params),
        rows=rows,
        class_sizes=class_sizes,
        corrected=recorded.get(CORRECTED),
        against_linear=against,
        families=_families(entries, trials, recorded.get(FAMILIES_AGAINST_LINEAR, {})),
        ensemble=_ensemble(recorded.get(ENSEMBLE), best, linear_is_best),
        audit=_audit(trials),
        plateau=None if patience is None else plateau(in_order(trials), patience, class_sizes),
        edges=() if best is None else edges(trials[best].params, trials[best].distributions),
    )


def _audit(trials: list[FrozenTrial]) -> Audit | None:
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    ran_on = [trial.value or 0.0 for trial in completed if AUDITED in trial.user_attrs]
    if not ran_on:
        return None
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED and not why_ended(trial)]
    best = max((trial.value or 0.0 for trial in completed if AUDITED not in trial.user_attrs), default=0.0)
    won = sum(value > best for value in ran_on)
    interval = scipy.stats.binomtest(won, len(ran_on)).proportion_ci(method="wilson")
    gain = max(0.0, max(ran_on) - best)
    condemned = len(pruned) + len(ran_on)
    return Audit(condemned, len(ran_on), won, float(interval.low), float(interval.high), gain)


def _entry(trial: FrozenTrial, kept: TrialArtifacts | None) -> Entry:
    config = trial.user_attrs.get(CONFIG, {})
    assert trial.value is not None
    return Entry(
        name=f"trial {trial.number}" + (" (collapsed)" if trial.user_attrs.get(COLLAPSED) else ""),
        macro_f1=trial.value,
        trial=trial.number,
        architecture=config.get("architecture", config.get("family", "")),
        token_unit=config.get("token_unit", ""),
        family=config.get("family", NETWORK),
        optimizer=config.get("optimizer", ""),
        learning_rate=config.get("learning_rate"),
        epochs=trial.user_attrs.get(EPOCHS),
        seconds=trial.user_attrs.get(SECONDS),
        kept=None if kept is None else kept.has(trial),
        is_linear=IS_LINEAR_BASELINE in trial.user_attrs,
        latency=trial.user_attrs.get(LATENCY),
    )


def _families(
    entries: list[Entry], trials: list[FrozenTrial], against: dict[str, dict[str, Any]]
) -> tuple[FamilyStanding, ...]:
    best: dict[str, Entry] = {}
    for entry in entries:
        if entry.trial is not None:
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


def _of_family(standing: FamilyStanding) -> tuple[str, ...]:
    best, gain = standing.best, standing.against_linear
    above = "the linear baseline" if best.is_linear else ""
    if gain is not None:
        mean, low, high = (100 * gain[name] for name in ("corrected", "low", "high"))
        above = f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"
    latency = "" if best.latency is None else f"{best.latency:.1f}"
    score, seconds = f"{best.macro_f1:.4f}", f"{standing.seconds:.0f}"
    return (standing.family, best.name, score, above, latency, str(standing.trials), seconds)


def _model(entry: Entry) -> str:
    return f"{entry.architecture} (baseline)" if entry.is_linear and entry.trial is not None else entry.architecture


def _cells(entry: Entry) -> tuple[str, ...]:
    rate = "" if entry.learning_rate is None else f"{entry.learning_rate:.2g}"
    epochs = "" if entry.epochs is None else f"{entry.epochs:g}"
    seconds = "" if entry.seconds is None else f"{entry.seconds:.1f}"
    score, recipe = f"{entry.macro_f1:.4f}", (_model(entry), entry.token_unit, entry.optimizer)
    return (entry.name, score, *recipe, rate, epochs, seconds)


def _counted(counts: dict[str, int]) -> str:
    words = {"complete": "completed", "pruned": "pruned", "fail": "failed", "running": "running", "waiting": "waiting"}
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts.get(state)) or "No trials"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
