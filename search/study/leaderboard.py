"""The study as a table: the networks and the baselines in one order, and a plain word on where they stand."""

import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from search.statistics import score_error
from search.storage.artifacts import TrialArtifacts
from search.study.edges import Edge, edges
from search.study.positions import in_order
from search.study.records import (
    AGAINST_LINEAR,
    AUDITED,
    BASELINES,
    CLASS_SIZES,
    COLLAPSED,
    CONFIG,
    CORRECTED,
    EPOCHS,
    PATIENCE,
    ROWS,
    SECONDS,
    why_ended,
)
from search.study.stopping import Plateau, plateau
from sentiment.foreign import markdown, markdown_table, visible
from sentiment.models.baselines import LINEAR
from sentiment.models.registry import NETWORK
from sentiment.terminal import in_columns

__all__ = ["Leaderboard", "leaderboard"]


@dataclass(frozen=True)
class Entry:
    """One line: a finished trial or a baseline."""

    name: str
    macro_f1: float
    trial: int | None = None
    architecture: str = ""
    token_unit: str = ""
    family: str = ""
    optimizer: str = ""
    learning_rate: float | None = None
    epochs: float | None = None
    seconds: float | None = None
    kept: bool | None = False
    """Whether its weights are where they were looked for; None where nobody looked."""


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
    def standing(self) -> str:
        """What the best model is worth beside the linear baseline, and which of the two to deploy."""
        linear = next((entry for entry in self.entries if entry.name == LINEAR), None)
        if self.best is None:
            return "No trial has been completed yet."
        if linear is None:
            return "The linear baseline has not been measured."
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
        sentence = "The best score chose its trial among others, so it is optimistic"
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
            "edges": [vars(edge) for edge in self.edges],
            "audit": None if self.audit is None else vars(self.audit),
            "plateau": None if self.plateau is None else vars(self.plateau),
            "standing": self.standing,
        }

    def render(self, top: int = 10) -> str:
        """The table and what it says, as text."""
        shown = [entry for rank, entry in enumerate(self.entries) if rank < top or entry.trial is None]
        lines = [f"Leaderboard of {self.study} (macro-F1 on the validation rows, best checkpoint of each trial)", ""]
        header = ("", "macro-F1", "architecture", "tokens", "optimizer", "lr", "epochs", "seconds")
        lines += in_columns(header, [_cells(entry) for entry in shown], right=(1, 5, 6, 7))
        hidden = len(self.entries) - len(shown)
        if hidden:
            whole = f"sentiment-search report {shlex.quote(self.study)} --json"
            lines.append(f"... and {hidden} more; `{whole}` has them all")
        lines += ["", f"{_counted(self.counts)}.", self.standing]
        if self.best is not None:
            lines.append(self.optimism)
            lines += ["", f"Best trial: {self.best.trial}"]
            lines += [f"  {name} = {_value(value)}" for name, value in self.best_params.items()]
            lines += [f"Widen the search: {edge}." for edge in self.edges]
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
        rows = [
            (entry.name, f"{entry.macro_f1:.4f}", entry.architecture, entry.token_unit) for entry in self.entries[:10]
        ]
        table = markdown_table(("", "macro-F1", "architecture", "tokens"), rows)
        return f"{table}\n\n{markdown(f'{self.standing} {self.optimism}')}\n"


def leaderboard(study: optuna.Study, artifacts: Path | None = None) -> Leaderboard:
    """Read the standing of `study` from its storage.

    Args:
        study: made by this package, or by an `Objective` of it.
        artifacts: the folder to look for kept weights in; None looks nowhere.
    """
    kept = None if artifacts is None else TrialArtifacts(artifacts / study.study_name)
    trials = study.get_trials(deepcopy=False)
    entries = [_entry(trial, kept) for trial in in_order(trials) if trial.state == TrialState.COMPLETE]
    for name, measured in study.user_attrs.get(BASELINES, {}).items():
        entries.append(Entry(name, measured["macro_f1"], seconds=measured.get("seconds")))
    entries.sort(key=lambda entry: (-entry.macro_f1, entry.trial is not None))  # of equals the first
    best = next((entry.trial for entry in entries if entry.trial is not None), None)
    scores = {entry.trial: entry.macro_f1 for entry in entries if entry.trial is not None}
    against = study.user_attrs.get(AGAINST_LINEAR)
    if best is not None and against is not None and not math.isclose(scores.get(against["trial"], 0.0), scores[best]):
        against = None
    rows, patience = study.user_attrs.get(ROWS, {"validation": 0}), study.user_attrs.get(PATIENCE)
    class_sizes = tuple(study.user_attrs.get(CLASS_SIZES) or [rows["validation"]])  # older studies: only the sum
    counts = {state.name.lower(): sum(trial.state == state for trial in trials) for state in TrialState}
    return Leaderboard(
        study=study.study_name,
        entries=tuple(entries),
        counts=counts,
        ended={trial.number: reason for trial in trials if (reason := why_ended(trial))},
        best_params={} if best is None else dict(trials[best].params),
        rows=rows,
        class_sizes=class_sizes,
        corrected=study.user_attrs.get(CORRECTED),
        against_linear=against,
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
    interval = stats.binomtest(won, len(ran_on)).proportion_ci(method="wilson")
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
    )


def _cells(entry: Entry) -> tuple[str, ...]:
    rate = "" if entry.learning_rate is None else f"{entry.learning_rate:.2g}"
    epochs = "" if entry.epochs is None else f"{entry.epochs:g}"
    seconds = "" if entry.seconds is None else f"{entry.seconds:.1f}"
    score, recipe = f"{entry.macro_f1:.4f}", (entry.architecture, entry.token_unit, entry.optimizer)
    return (entry.name, score, *recipe, rate, epochs, seconds)


def _counted(counts: dict[str, int]) -> str:
    words = {"complete": "completed", "pruned": "pruned", "fail": "failed", "running": "running", "waiting": "waiting"}
    return ", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts.get(state)) or "No trials"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
