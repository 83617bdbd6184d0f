"""A definition becomes an Optuna study: made or resumed, seeded, with its baselines beside it.

What a study must know to be joined by a worker, resumed next week or replayed stands in its own attributes; its
data do not, but their fingerprint does, and a study refuses to go on with other data.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.statistics import FEW_GROUPS
from search.storage.artifacts import TrialArtifacts
from search.storage.databases import experimental_features, load_study
from search.storage.half_copies import refuse_half_copied
from search.storage.names import refuse_shared_folder
from search.storage.paths import ArtifactPath, Artifacts
from search.storage.predictions import keep_predictions
from search.study.claims import begin_lost_again, following, is_unsettled
from search.study.comparisons import refuse_comparison, refuse_name_of_comparison
from search.study.definition import Search, StudyDefinition
from search.study.objective import Objective, checkpoints_file, predictions_file
from search.study.positions import AGAIN, FINISHED, begin_with, first_of_round, in_order, positions
from search.study.progress import remove_settled
from search.study.records import (
    AUDIT,
    BASELINES,
    CLASS_SIZES,
    CLASSES,
    DATA,
    FINGERPRINT,
    KEEP_BEST,
    METRIC,
    PATIENCE,
    PREDICTIONS,
    ROUND_OF,
    ROWS,
    SEED,
    SPACE,
    SPACE_DEFAULTS,
    TRIALS,
    as_recorded,
    keep_of_study,
    told_of_study,
)
from search.study.space import SPACE_FLAGS, Space, defaults_for
from search.study.stopping import Plateau, plateau
from sentiment.errors import InputError
from sentiment.foreign import visible
from sentiment.metrics import macro_f1
from sentiment.models import baselines
from sentiment.models.baselines import LINEAR
from sentiment.models.linear.config import LinearConfig
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource
from sentiment.reviews.unlabelled import unlabelled_texts

__all__ = ["SearchStudy", "create_or_resume", "open_recorded"]


@dataclass(frozen=True)
class SearchStudy:
    """An open study with its data: all that a worker needs."""

    study: optuna.Study
    dataset: Dataset
    space: Space
    seed: int
    artifacts: TrialArtifacts | None
    """Where weights are kept; None keeps none."""
    cache: Path
    audit: float = 0.0
    """Share of the trials that the pruner condemns which run on all the same."""
    round_of: int | None = None
    """With so many workers in step, what a trial draws and whether it is pruned depends on earlier rounds alone."""

    patience: int | None = None
    """So many finished trials must together raise the best score by more than noise, or the search stops."""

    progress: Path | None = None
    """Where trials keep the state of their training until they have ended; None keeps none."""

    def __repr__(self) -> str:
        return f"SearchStudy({visible(self.study.study_name)}: {self.finished} finished trials; {self.dataset!r})"

    def plateau(self) -> Plateau | None:
        """Why another trial is unlikely to pay; None if it may, or if nobody asked."""
        trials = self.study.get_trials(deepcopy=False)
        return self.plateau_before(trials, following(trials))

    def plateau_before(self, trials: Sequence[FrozenTrial], position: int) -> Plateau | None:
        """Why the trial at `position` is unlikely to pay, judged by all that there are in `trials`.

        In step, the rounds before its own decide, so that all of a round come to the same answer.
        """
        if self.patience is None:
            return None
        known = in_order(trials)
        if self.round_of is not None:
            first, order = first_of_round(position, self.round_of), positions(trials)
            if is_unsettled(trials, first):
                return None
            known = [trial for trial in known if order[trial.number] < first]
        return plateau(known, self.patience, self.dataset.class_sizes("validation"))

    @property
    def predictions(self) -> Artifacts | None:
        """Where what each trial predicts for the validation rows is kept."""
        return None if self.artifacts is None else self.artifacts.predictions

    @property
    def finished(self) -> int:
        """Trials that count towards the total: completed or pruned."""
        return len(self.study.get_trials(deepcopy=False, states=FINISHED))

    def fails(self, in_a_row: int = 3) -> bool:
        """Whether the last so many trials that ended, whoever trained them, failed for reasons of their own."""
        trials = self.study.get_trials(deepcopy=False)
        ended = [(trial.datetime_complete, trial.number) for trial in trials if trial.datetime_complete is not None]
        last = [trials[number] for _, number in sorted(ended)[-in_a_row:]]
        return len(last) == in_a_row and all(
            trial.state == TrialState.FAIL and AGAIN not in trial.system_attrs for trial in last
        )


def create_or_resume(
    definition: StudyDefinition,
    storage: BaseStorage,
    artifacts: Artifacts,
    say: Callable[[str], None] = lambda line: None,
    device: str = "cpu",
) -> SearchStudy:
    """Open the study that `definition` names, making it if there is none, with the precision that suits `device`.

    A new study gets the known-good settings as its first trials. The majority baseline is measured once, and the
    linear one where it is not the first of those trials.

    Raises:
        InputError: the data cannot be used; or the study exists with other data, labels, split or space; or a
            comparison is called so.
    """
    dataset = load_dataset(definition.data)
    defaults = defaults_for(dataset.texts("train"), device)
    # Refused before anything is written.
    Space.of(definition.space, defaults=defaults).refuse_missing(_cache(artifacts))
    unlabelled_texts(dataset)
    refuse_shared_folder(definition.name, storage)
    refuse_name_of_comparison(definition.name, storage)
    (ArtifactPath.of(artifacts) / definition.name).prepare()
    study = optuna.create_study(study_name=definition.name, storage=storage, direction="maximize", load_if_exists=True)
    refuse_half_copied(study)
    if _is_new(study):
        begin_with(study, Space.of(definition.space, defaults=defaults).known_good())
        _record_wishes(study, definition)
        _record_identity(study, definition, dataset, defaults)
    else:
        _refuse_other_identity(study, definition, dataset)
        _record_wishes(study, definition)
    space = Space.of(definition.space, defaults=told_of_study(study)[SPACE_DEFAULTS])
    opened = _opened(study, dataset, space, definition.seed, definition.keep_best, artifacts)
    if lost := begin_lost_again(study):
        trials = "1 trial lost its process and is" if lost == 1 else f"{lost} trials lost their process and are"
        say(f"{trials} begun again.")
    remove_leftovers(opened)
    # Older studies did not keep what the baselines predict.
    if not all(PREDICTIONS in measured for measured in told_of_study(study).get(BASELINES, {"": {}}).values()):
        if not begins_with_linear(space):
            say("Measuring the baselines: majority, and TF-IDF with logistic regression ...")
        keep_of_study(study, BASELINES, _measure_baselines(opened))
    return opened


def begins_with_linear(space: Space) -> bool:
    """Whether the linear baseline is a trial of the search, its first one."""
    return space.holds(LinearConfig())


def open_recorded(
    name: str,
    storage: BaseStorage,
    artifacts: Artifacts,
    dataset: Dataset | None = None,
    data: Sequence[str] | None = None,
) -> SearchStudy:
    """Open a study from what it recorded itself, for a worker or a replay.

    Args:
        name: of the study.
        storage: where it is.
        artifacts: where its files are.
        dataset: its data, where they were read already.
        data: the files to read them from; None: those that the study names, which may lie elsewhere on this machine.

    Raises:
        InputError: there is no such study, it was not made by `run` but is a comparison or another program's, or its
            data have changed or gone.
    """
    study = load_study(name, storage)
    refuse_comparison(study)
    attributes = told_of_study(study)
    if DATA not in attributes or FINGERPRINT not in attributes:
        raise InputError(f"study {name!r} was not made by `sentiment-search run`; it does not say what its data are")
    with as_recorded(name):
        source = DataSource.from_dict(attributes[DATA])
        space = Space.of(attributes[SPACE], defaults=attributes[SPACE_DEFAULTS])
        # The settings as `run` would take them: what a worker is told must be no more than what a study file may say.
        wishes = Search(
            seed=attributes[SEED],
            keep_best=attributes[KEEP_BEST],
            audit=float(attributes.get(AUDIT, 0.0)),
            patience=attributes.get(PATIENCE),
            workers=attributes.get(ROUND_OF) or 1,
        )
    if dataset is None:
        dataset = load_dataset(source if data is None else replace(source, path=tuple(data)))
    if dataset.fingerprint != attributes[FINGERPRINT]:
        raise _other_data(name, str(attributes[FINGERPRINT]), dataset)
    return _opened(study, dataset, space, wishes.seed, wishes.keep_best, artifacts)


def make_objective(opened: SearchStudy, **hooks: Any) -> Objective:
    """The objective of a study's own trials."""
    return Objective(
        opened.dataset,
        opened.space,
        cache=opened.cache,
        artifacts=opened.artifacts,
        predictions=opened.predictions,
        seed=opened.seed,
        audit=opened.audit,
        progress=opened.progress,
        **hooks,
    )


def describe(opened: SearchStudy, trials: int) -> str:
    """What is about to run, in a few lines, and what the reading of the data guessed or left out."""
    split, name = opened.dataset.split, opened.study.study_name
    counts = np.bincount(opened.dataset.reviews.labels, minlength=len(opened.dataset.reviews.classes))
    shares = ", ".join(f"{visible(c)} {n:,}" for c, n in zip(opened.dataset.reviews.classes, counts, strict=True))
    lines = [
        f"Study {name}: {len(split.train):,} training, {len(split.validation):,} validation and {len(split.test):,} "
        f"sealed test rows ({shares}). {opened.finished} of {trials} trials are there already.",
    ]
    if (groups := opened.dataset.reviews.groups) is not None:
        counted = [len(np.unique(groups[rows])) for rows in (split.train, split.validation, split.test)]
        lines.append(
            f"Rows with the same {visible(str(opened.dataset.source.group))} are in one part; of such groups "
            f"{counted[0]:,} in training, {counted[1]:,} in validation and {counted[2]:,} in the sealed rows."
            + (" So few groups make scores much less sure than so many rows would." if counted[1] < FEW_GROUPS else "")
        )
    lines += opened.dataset.notes
    left_out: Counter[str] = Counter()
    for group in opened.dataset.reviews.left_out:
        left_out[group.reason] += len(group.rows)
    if left_out:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.most_common())
        lines.append(f"Left out before the split: {reasons} (`sentiment-search inspect` names the rows).")
    return "\n".join(lines)


def _opened(
    study: optuna.Study, dataset: Dataset, space: Space, seed: int, keep_best: int, artifacts: Artifacts
) -> SearchStudy:
    kept = TrialArtifacts.of(artifacts, study.study_name, keep_best)
    recorded = told_of_study(study)
    audit, round_of, patience = recorded.get(AUDIT, 0.0), recorded.get(ROUND_OF), recorded.get(PATIENCE)
    progress = kept.directory / "progress"
    return SearchStudy(study, dataset, space, seed, kept, _cache(artifacts), audit, round_of, patience, progress)


def _cache(artifacts: Artifacts) -> Path:
    """Of this machine, whatever is behind it: what is in it can be made again."""
    return ArtifactPath.of(artifacts).local / "cache"


def _identity(definition: StudyDefinition, dataset: Dataset) -> dict[str, Any]:
    return {
        FINGERPRINT: dataset.fingerprint,
        # Through JSON, because that is how it comes back.
        SPACE: json.loads(json.dumps(definition.space)),
        SEED: definition.seed,
    }


def _is_new(study: optuna.Study) -> bool:
    """Just made, or left by a process that was killed while it made it."""
    begun = [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
    mine = study.directions == [StudyDirection.MAXIMIZE]
    return FINGERPRINT not in told_of_study(study) and not begun and mine


def _record_wishes(study: optuna.Study, definition: StudyDefinition) -> None:
    """What may be another thing today than yesterday."""
    wishes = {
        DATA: definition.data.to_dict(),  # the same rows may lie elsewhere
        TRIALS: definition.trials,
        AUDIT: definition.audit,
        ROUND_OF: definition.workers if definition.synchronous else None,
        PATIENCE: definition.patience,
        KEEP_BEST: definition.keep_best,
    }
    for name, value in wishes.items():
        keep_of_study(study, name, value)


def _record_identity(
    study: optuna.Study, definition: StudyDefinition, dataset: Dataset, defaults: dict[str, Any]
) -> None:
    split = dataset.split
    with experimental_features():
        study.set_metric_names([METRIC])
    attributes = {
        # Recorded, so that another machine or version goes on with the same space.
        SPACE_DEFAULTS: defaults,
        ROWS: {"train": len(split.train), "validation": len(split.validation), "sealed test": len(split.test)},
        CLASS_SIZES: dataset.class_sizes("validation"),
        CLASSES: list(dataset.reviews.classes),
        SPACE: definition.space,
        SEED: definition.seed,
        FINGERPRINT: dataset.fingerprint,  # last: with it the study counts as made
    }
    for name, value in attributes.items():
        keep_of_study(study, name, value)


def _refuse_other_identity(study: optuna.Study, definition: StudyDefinition, dataset: Dataset) -> None:
    recorded = told_of_study(study)
    if FINGERPRINT not in recorded:
        raise InputError(
            f"study {study.study_name!r} exists but was not made by `sentiment-search run`; choose another --name"
        )
    for name, value in _identity(definition, dataset).items():
        if recorded.get(name) == value:
            continue
        if name == FINGERPRINT:
            raise _other_data(study.study_name, recorded[name], dataset)
        made = f"{name} {recorded.get(name)}, not {value}" if name != SPACE else _other_space(recorded.get(name), value)
        raise InputError(
            f"study {study.study_name!r} was made with {made}; give the same, or another name to another search: "
            "--name OTHER"
        )


def _other_space(recorded: Any, given: dict[str, Any]) -> str:
    """What a study was made with in place of `given`: as flags where they say it all, else what differs by its name."""
    made = recorded if isinstance(recorded, dict) else {}
    other = sorted(name for name in {*made, *given} if made.get(name) != given.get(name))
    if not set(other) <= SPACE_FLAGS.keys():
        return f"a [space] that says something else of {', '.join(other)}"
    return " and ".join(
        f"{SPACE_FLAGS[name]} {','.join(map(str, made[name])) if isinstance(made[name], list) else made[name]}"
        if name in made
        else f"no {SPACE_FLAGS[name]}"
        for name in other
    )


def _other_data(name: str, recorded: str, dataset: Dataset) -> InputError:
    return InputError(
        f"study {name!r} was made with other data, labels or split (fingerprint {recorded[:12]}, now "
        f"{dataset.fingerprint[:12]}); restore the file, or give a new study another name: --name OTHER"
    )


def _measure_baselines(opened: SearchStudy) -> dict[str, dict[str, Any]]:
    dataset, n_classes = opened.dataset, len(opened.dataset.classes)
    measured: dict[str, dict[str, Any]] = {}
    wanted = {"majority": baselines.majority}
    if not begins_with_linear(opened.space) or LINEAR in told_of_study(opened.study).get(BASELINES, {}):
        wanted[LINEAR] = baselines.linear
    for name, fit in wanted.items():
        fitted = fit(dataset.texts("train"), dataset.labels("train"), n_classes)
        predictions = fitted.probabilities(dataset.texts("validation")).argmax(axis=1)
        measured[name] = {"macro_f1": macro_f1(dataset.labels("validation"), predictions, n_classes)}
        if opened.predictions is not None:
            path = opened.predictions / f"baseline-{fit.__name__}.npy"
            measured[name][PREDICTIONS] = keep_predictions(path, predictions.astype(np.int16))
    return measured


def remove_leftovers(opened: SearchStudy) -> None:
    """Remove what failed trials wrote before they failed, weights and predictions, half-written ones too; weights
    that no longer are among the best; and states of trainings that are over. Trials that run may be writing.
    """
    remove_settled(opened.study, opened.progress)
    if opened.artifacts is None or opened.predictions is None:
        return
    opened.artifacts.clear(opened.study)
    failed = [trial.number for trial in opened.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))]
    opened.artifacts.discard(failed)
    in_bucket = ArtifactPath.of(opened.predictions).names() if failed else set()
    for number in failed:
        for name in (predictions_file, checkpoints_file):
            file = ArtifactPath.of(name(opened.predictions, number))
            for left in (file.local, *file.local.parent.glob(f"*{file.local.stem}.*.tmp")):
                left.unlink(missing_ok=True)
            if file.name in in_bucket:
                file.remove()
