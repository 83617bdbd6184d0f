"""A trial trained again from its record: the same numbers, bit for bit, or a word on what differs."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from optuna.trial import TrialState

from search.study.create import SearchStudy
from search.study.definition import MOST_THREADS
from search.study.objective import environment, refuse_changed
from search.study.records import CONFIG, CURVE, ENVIRONMENT, as_recorded, told
from sentiment.errors import InputError, refuse_unless_whole
from sentiment.foreign import html, html_table, visible
from sentiment.models.family import Report, Resources
from sentiment.models.registry import config_of, train

__all__ = ["Replay", "replay"]


@dataclass(frozen=True)
class Replay:
    """A trial's recorded scores beside those of its second run, one for each scoring of the validation rows."""

    trial: int
    recorded: tuple[float, ...]
    replayed: tuple[float, ...]
    differences: dict[str, tuple[Any, Any]]
    """What differs between the two environments: name to (then, now)."""

    @property
    def same(self) -> bool:
        """Whether every score is equal, bit for bit."""
        return self.recorded == self.replayed

    def render(self) -> str:
        """In words."""
        if self.same:
            return (
                f"trial {self.trial}: the same again, bit for bit: macro-F1 {max(self.replayed)!r} "
                f"and all {len(self.replayed)} scores on the way"
            )
        pairs = zip(self.recorded, self.replayed, strict=False)
        first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(self.recorded), len(self.replayed)))
        reasons = "; ".join(f"{name} was {then}, is {now}" for name, (then, now) in self.differences.items())
        return (
            f"trial {self.trial}: macro-F1 {max(self.replayed):.6f}, recorded {max(self.recorded):.6f}; "
            f"the scores part at scoring {first + 1}. "
            + (f"What differs: {reasons}." if reasons else "Nothing recorded of the environment differs.")
        )

    def __repr__(self) -> str:
        return f"Replay({visible(self.render())})"

    def _repr_html_(self) -> str:
        """For a notebook."""
        differs = [(name, str(then), str(now)) for name, (then, now) in self.differences.items()]
        return f"<p>{html(self.render())}</p>" + (html_table(("", "then", "now"), differs) if differs else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return vars(self) | {"same": self.same}


class _Replayed(Exception):
    """The trial was pruned after this many scorings; there is nothing more to compare."""


def replay(opened: SearchStudy, number: int, *, device: str | None = None) -> Replay:
    """Train trial `number` again, as far as it was trained then, with the threads it had.

    Raises:
        InputError: there is no such trial, it was never scored, or the files that it was trained from have changed.
    """
    trials = opened.study.get_trials(deepcopy=False)
    if not 0 <= number < len(trials):
        raise InputError(
            f"study {opened.study.study_name!r} has no trial {number}; its trials are 0 to {len(trials) - 1}"
        )
    trial = trials[number]
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or told(trial, CURVE) is None:
        raise InputError(f"trial {number} is {trial.state.name.lower()} and has no scores to compare; choose another")
    with as_recorded(opened.study.study_name):
        recorded = tuple(float(report["macro_f1"]) for report in told(trial, CURVE))
        then = dict(told(trial, ENVIRONMENT))
        refuse_unless_whole(f"trial {number}: threads", then["threads"], 1, MOST_THREADS)
        config = config_of(told(trial, CONFIG))
        device = device or str(then["device"])
    torch.set_num_threads(then["threads"])
    refuse_changed(number, config, then, opened.cache, device)
    now = environment(config, opened.cache, device)

    replayed: list[float] = []

    def on_report(report: Report) -> None:
        replayed.append(report.macro_f1)
        if len(replayed) == len(recorded):
            raise _Replayed

    with suppress(_Replayed):
        trained = train(config, opened.dataset, Resources(opened.cache, device, on_report))
        replayed = [report.macro_f1 for report in trained.reports]
    differences = {name: (then.get(name), now[name]) for name in now if then.get(name) != now[name]}
    return Replay(number, recorded, tuple(replayed), differences)
