"""One trial: sample a config, train it, report as it goes, return its validation macro-F1.

`Objective` is public and needs nothing else of this package::

    dataset = load_dataset(DataSource(path="reviews.csv", text="text", label="stars", classes="stars-3"))
    study = optuna.create_study(direction="maximize")
    study.optimize(Objective(dataset, keep="weights"), n_trials=50)
    search.export(study, kept="weights", to="my-model")

It keeps nothing unasked: without `keep`, no folder is made.

What it reports at each step is the best macro-F1 *so far* (the rule of `sentiment.models.descent`). A step
is as many training examples for every trial, whatever its `epochs`, so a pruner compares trials at equal resource; and
since Optuna gives a pruned trial its last report as value, a pruned trial is worth its best checkpoint too.
"""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import optuna
import torch
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from search.execution.memory import most_bytes
from search.storage.artifacts import TrialArtifacts
from search.storage.paths import Artifacts
from search.storage.predictions import keep_predictions
from search.storage.relational import at_once
from search.study.origins import IN_WORDS, origin_of
from search.study.outcome import Outcome, Pages
from search.study.positions import positions
from search.study.progress import progress_file
from search.study.records import (
    AUDITED,
    COLLAPSED,
    CONFIG,
    CURVE,
    ENDED,
    ENVIRONMENT,
    EPOCHS,
    IS_LINEAR_BASELINE,
    KIND,
    LATENCY,
    MODEL,
    OTHERS,
    PREDICTIONS,
    PRUNED,
    RESUMED,
    SECONDS,
    keep,
    model_in_words,
)
from search.study.space import Space
from sentiment.errors import InputError
from sentiment.models.config import Config
from sentiment.models.family import Report, Resources, Trained
from sentiment.models.linear.config import LinearConfig
from sentiment.models.registry import family_of, train
from sentiment.reviews.dataset import Dataset

__all__ = ["Objective", "checkpoints_file", "environment", "milliseconds_a_text", "predictions_file", "refuse_changed"]

ANSWERS: Final = 20
"""Texts that a model answers one by one to say how long that takes."""


def predictions_file(folder: Artifacts, number: int) -> Artifacts:
    """Where in `folder` trial `number` keeps what it predicts."""
    return folder / f"trial-{number:05d}.npy"


def checkpoints_file(folder: Artifacts, number: int) -> Artifacts:
    """Where in `folder` trial `number` keeps what its other checkpoints predicted."""
    return folder / f"checkpoints-{number:05d}.npy"


def environment(config: Config, cache: Path, device: str = "cpu") -> dict[str, Any]:
    """What a replay of `config` must share with a run for the same numbers, bit for bit.

    Raises:
        InputError: what the config names is not there (`Family.content`).
    """
    family = family_of(config.family)
    content = family.content(config, cache)  # first: it says what is not installed
    of_family = content | {name: version(name) for name in family.libraries_of(config)}
    return of_family | {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "device": device,
        "scored in": "float32",  # whatever it was trained in; not so before it was said here
    }


def refuse_changed(
    number: int, config: Config, recorded: dict[str, Any], cache: Path, device: str | None = None
) -> None:
    """Refuse to train trial `number` again where what it was trained from, beside the reviews, is another thing now, or
    its device is not here.

    Args:
        number: of the trial.
        config: what it trained.
        recorded: its environment then.
        cache: as in `Resources`.
        device: that it shall be trained on; None: that of then.

    Raises:
        InputError: it is.
    """
    device = device or str(recorded["device"])
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(
            f"trial {number} was trained on {recorded['device']}, and {device} cannot be used here; "
            "do this where it can"
        ) from None
    for name, now in family_of(config.family).content(config, cache).items():
        if recorded.get(name) != now:
            raise InputError(
                f"trial {number} was trained from an {name} that is not what it was (SHA-256 {recorded.get(name)}, "
                f"now {now}); bring back its files, and try again then"
            )


@cache
def _temporary() -> TemporaryDirectory[str]:
    """Of this process: trials of one objective, and objectives of one dataset, share what is made of its texts."""
    return TemporaryDirectory(prefix="sentiment-search-", ignore_cleanup_errors=True)


@dataclass
class Objective:
    """Callable that Optuna maximises; the value is validation macro-F1 in [0, 1].

    Attributes:
        dataset: the reviews, labelled and split.
        space: what is sampled.
        cache: where encoded corpora lie between runs; if none is named, a folder that is gone when the process ends.
        keep: a folder for the weights of the best three trials and of the linear baseline, each study's in one of its
            own; None keeps none.
        artifacts: the same for who says how many; not beside `keep`.
        predictions: folder that keeps what each trial predicts for the validation rows; None keeps none.
        seed: with the trial's position (`positions`) it decides the trial's initial weights, order and dropout.
        device: a torch device.
        end_early: end a trial that has collapsed by half of its epochs.
        audit: share of the trials that the pruner condemns which run on all the same, to see what pruning costs.
        progress: folder that keeps the states of unfinished trainings, from which a trial that was killed goes on when
            it is begun again; who gives it removes them in time (`search.study.progress`). None keeps none.
        memory: bytes that a training may take, so that one which cannot do with them fails before it is begun. None: as
            many as the machine, its control group or the GPU has, where that is known: what others hold of them at the
            moment refuses nothing.
        pages: called with what came of a trial, just before it ends; for people who look.
        on_report: called after each scoring, with the trial and the report; for progress.
        on_batch: called after each batch with the trial, the batches done and all batches of the trial.
        on_begin: called with the trial and the config that it has drawn, before that is trained.
    """

    dataset: Dataset
    space: Space = field(default_factory=Space.of)
    cache: Path = field(default_factory=lambda: Path(_temporary().name))
    artifacts: TrialArtifacts | None = None
    predictions: Artifacts | None = None
    seed: int = 0
    device: str = "cpu"
    end_early: bool = True
    audit: float = 0.0
    progress: Path | None = None
    memory: int | None = None
    keep: str | Path | None = None
    pages: Pages = lambda trial, outcome: None
    on_report: Callable[[optuna.Trial, Config, Report], None] = lambda trial, config, report: None
    on_batch: Callable[[optuna.Trial, int, int], None] = lambda trial, done, total: None
    on_begin: Callable[[optuna.Trial, Config], None] = lambda trial, config: None

    def __post_init__(self) -> None:
        if self.keep is not None and self.artifacts is not None:
            raise InputError("give keep or artifacts, not both: each says where weights are kept")

    def __call__(self, trial: optuna.Trial) -> float:
        """Train the config that `trial` draws.

        Returns:
            The validation macro-F1 of its best checkpoint.

        Raises:
            optuna.TrialPruned: the pruner said so, or the training diverged or collapsed; the trial says which.
            MemoryError: it would not fit, or did not.
        """
        trials = trial.study.get_trials(deepcopy=False)
        position = positions(trials)[trial.number]
        seed = int(np.random.SeedSequence([self.seed, position]).generate_state(1)[0])
        with at_once(trial):
            try:
                config = self.space.sample(trial, seed=seed)
            except InputError as error:
                if self.space.distributions:  # other values may go together: this trial fails alone
                    raise RuntimeError(str(error)) from None
                raise
            origin = origin_of(trials, trial.number, trial.params)
            trial.set_user_attr(MODEL, model_in_words(config))
            trial.set_user_attr(KIND, IN_WORDS[origin].of_a_trial)
            keep(trial, CONFIG, config.to_dict())
            keep(trial, ENVIRONMENT, environment(config, self.cache, self.device))
            if config == LinearConfig(seed=seed):
                trial.set_user_attr(IS_LINEAR_BASELINE, True)
        self.on_begin(trial, config)
        so_far = Outcome(TrialState.FAIL, config, origin, self.dataset, reports := [])
        audited = np.random.default_rng([self.seed, position]).random() < self.audit

        def on_report(report: Report) -> None:
            reports.append(report)
            trial.report(report.best_macro_f1, report.step)
            self.on_report(trial, config, report)
            nonlocal so_far
            if so_far.audited is None and trial.should_prune():
                self._record(trial, reports)
                if audited:
                    so_far = replace(so_far, audited=report.epoch)
                    keep(trial, AUDITED, {"epoch": report.epoch, "macro-F1": report.best_macro_f1})
                    return
                why = f"too far behind the best after {report.epoch:g} epoch{'' if report.epoch == 1 else 's'}"
                trial.set_user_attr(PRUNED, why)
                self.pages(trial, replace(so_far, state=TrialState.PRUNED, why=why))
                raise optuna.TrialPruned(why)

        def on_resume(epoch: float) -> None:
            nonlocal so_far
            so_far = replace(so_far, resumed=epoch)
            trial.set_user_attr(RESUMED, epoch)

        try:
            on_batch = partial(self.on_batch, trial)
            memory = most_bytes(self.device) if self.memory is None else self.memory
            resources = Resources(
                self.cache,
                self.device,
                on_report,
                on_batch,
                self.end_early,
                progress=None if self.progress is None else progress_file(self.progress, position),
                on_resume=on_resume,
                memory=memory,
            )
            trained = train(config, self.dataset, resources)
        except InputError as error:
            if "precision" in self.space.distributions:  # the other precision may work: this trial fails alone
                self.pages(trial, replace(so_far, why=str(error)))
                raise RuntimeError(str(error)) from None
            raise
        except UpdateFinishedTrialError:  # no longer this process's
            raise
        except (RuntimeError, MemoryError) as error:
            self.pages(trial, replace(so_far, why=f"{type(error).__name__}: {error}"))
            raise
        self._record(trial, trained.reports)
        with at_once(trial):
            outcome = self._keep(trial, trained, so_far)
        self.pages(trial, outcome)  # what it keeps is on record now
        if trained.ended:
            raise optuna.TrialPruned(trained.ended)
        return trained.macro_f1

    def _keep(self, trial: optuna.Trial, trained: Trained, so_far: Outcome) -> Outcome:
        if self.predictions is not None:
            said: dict[str, Any] = dict(
                keep_predictions(predictions_file(self.predictions, trial.number), trained.probabilities)
            )
            # Whoever keeps no weights asks for no choice among them either.
            if trained.other_checkpoints is not None and self.artifacts is not None and not trained.ended:
                path = checkpoints_file(self.predictions, trial.number)
                said[OTHERS] = keep_predictions(path, trained.other_checkpoints)
            keep(trial, PREDICTIONS, said)
        if trained.collapsed:
            trial.set_user_attr(COLLAPSED, trained.collapsed)
        outcome = replace(so_far, trained=trained, reports=trained.reports, why=trained.ended)
        if trained.ended:
            trial.set_user_attr(ENDED, trained.ended)
            return replace(outcome, state=TrialState.PRUNED)
        milliseconds = round(milliseconds_a_text(trained.predict, self.dataset), 3)
        trial.set_user_attr(LATENCY, milliseconds)
        artifacts = self._artifacts(trial.study)
        kept = artifacts is not None and artifacts.keep(
            trial, trained, self.dataset, stays=IS_LINEAR_BASELINE in trial.user_attrs
        )
        return replace(outcome, state=TrialState.COMPLETE, kept=kept, milliseconds=milliseconds)

    def _artifacts(self, study: optuna.Study) -> TrialArtifacts | None:
        if self.keep is None:
            return self.artifacts
        return TrialArtifacts.of(Path(self.keep), study.study_name)

    def _record(self, trial: optuna.Trial, reports: Sequence[Report]) -> None:
        with at_once(trial):
            keep(trial, CURVE, [_row(report) for report in reports])
            trial.set_user_attr(EPOCHS, round(reports[-1].epoch, 4))
            trial.set_user_attr(SECONDS, round(reports[-1].seconds, 3))


def milliseconds_a_text(answer: Callable[[list[str]], Any], dataset: Dataset) -> float:
    """How long one answer takes, one text at a time: the median over some validation texts."""
    taken = []
    for text in dataset.texts("validation")[: ANSWERS + 1]:
        began = time.perf_counter()
        answer([text])
        taken.append(time.perf_counter() - began)
    return 1000 * float(np.median(taken[1:] or taken))  # the first one loads


def _row(report: Report) -> dict[str, Any]:
    return {name: value for name, value in report.to_dict().items() if name != "best_macro_f1"}
