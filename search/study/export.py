"""A trial, the mean of several, either of them trained again in folds, or a network that learned from either becomes a
bundle that stands on its own."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import torch

from search.storage.artifacts import TrialArtifacts, facts_of
from search.storage.paths import Artifacts
from search.storage.predictions import kept_predictions
from search.study.comparisons import refuse_comparison
from search.study.create import SearchStudy
from search.study.leaderboard import EnsembleStanding, Leaderboard, leaderboard
from search.study.objective import milliseconds_a_text, refuse_changed
from search.study.records import COLLAPSED, CONFIG, ENVIRONMENT, PREDICTIONS, told
from sentiment.bundle.folder import Bundle, copy_bundle, refuse_occupied, write_bundle
from sentiment.bundle.seen import SeenTexts
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.baselines import LINEAR
from sentiment.models.distillation import distill
from sentiment.models.ensemble.config import MOST_MEMBERS, EnsembleConfig
from sentiment.models.ensemble.family import combine
from sentiment.models.ensemble.folds import train_in_folds
from sentiment.models.family import Model, Resources
from sentiment.models.linear.config import LinearConfig
from sentiment.models.network.config import NetworkConfig
from sentiment.models.registry import FAMILY, config_of, train
from sentiment.reviews.dataset import folds
from sentiment.reviews.unlabelled import unlabelled_texts

__all__ = ["Distilled", "Folded", "export", "export_distilled", "export_ensemble", "export_folded"]

SAME: Final = 1e-4
"""By how much what a member says may differ from what it said when the weights were chosen: another processor rounds
otherwise."""
MOST_FOLDS: Final = 20
SMALL: Final[dict[str, Any]] = {"architecture": "textcnn", "learning_rate": 2e-3, "schedule": "linear", "epochs": 4}
"""What learns from another model where the study has no network."""

Say = Callable[[str], None]


def export(study: optuna.Study, artifacts: Artifacts, trial: str, directory: Path) -> dict[str, Any]:
    """Write the kept weights of a trial ("best" or its number) to `directory`, with what the study knows on the card.

    Returns:
        the trial's number, its macro-F1 and the folder.

    Raises:
        InputError: there is no such trial, its weights were not kept or are damaged, or `directory` is not empty; or
            the study is a comparison.
    """
    refuse_comparison(study)
    kept = TrialArtifacts.of(artifacts, study.study_name)
    board = leaderboard(study, kept)
    number, score, folder = _kept(board, study, kept, trial)
    copy_bundle(folder, directory, _of_search(board))
    return {"trial": number, "macro_f1": score, "folder": str(directory)}


def export_ensemble(opened: SearchStudy, directory: Path, say: Say = lambda line: None) -> dict[str, Any]:
    """Write the ensemble of a study's trials to `directory`; members whose weights were not kept are trained again.

    Returns:
        the weights of the trials by their numbers, the macro-F1 and the folder.

    Raises:
        InputError: the trials make no ensemble, one cannot be made again with the numbers it had, or `directory` is not
            empty.
    """
    refuse_occupied(directory)
    board = leaderboard(opened.study)
    ensemble = _ensemble(board)
    model = _ensemble_model(opened, ensemble, say)
    texts = opened.dataset.texts("train"), opened.dataset.texts("validation")
    _write(opened, board, directory, model, ensemble.members, ensemble.macro_f1, {}, SeenTexts.of(*texts))
    return {"weights": ensemble.weights, "macro_f1": ensemble.macro_f1, "folder": str(directory)}


@dataclass(frozen=True)
class Distilled:
    """A network that learned from another model, beside it; both on the validation rows."""

    teacher: str
    teacher_macro_f1: float
    macro_f1: float
    teacher_milliseconds: float
    """A text."""
    milliseconds: float
    unlabelled: int
    """Texts without labels that it learned from too."""
    folder: str


def export_distilled(
    opened: SearchStudy, trial: str | None, directory: Path, say: Say = lambda line: None
) -> Distilled:
    """Write a network to `directory` that has learned from a trial ("best" or its number), or from the ensemble (None).

    It is built like the best network of the study, without n-grams, or like a small convolution if there is none.

    Raises:
        InputError: as `export` and `export_ensemble`; or the unlabelled texts cannot be read.
    """
    refuse_occupied(directory)
    study, dataset, unlabelled = opened.study, opened.dataset, unlabelled_texts(opened.dataset)
    assert opened.artifacts is not None
    board = leaderboard(study, opened.artifacts)
    if trial is None:
        ensemble = _ensemble(board)
        name, teacher = f"trials {ensemble.members}", _ensemble_model(opened, ensemble, say)
    else:
        number, _, folder = _kept(board, study, opened.artifacts, trial)
        name, teacher = f"trial {number}", Bundle.open(folder).model
    trials = study.get_trials(deepcopy=False)
    done = [trials[entry.trial] for entry in board.entries if entry.trial is not None]
    sound = [told(one, CONFIG) for one in done if COLLAPSED not in one.user_attrs]
    networks = [config for config in sound if FAMILY not in config]
    settings = networks[0] if networks else SMALL
    student = NetworkConfig.from_dict(settings | {"class_weights": "none", "label_smoothing": 0.0, "wide": False})
    more = f" and {len(unlabelled):,} texts without labels" if unlabelled else ""
    say(f"Training a {student.kind} on what {name} says of {len(dataset.split.train):,} training rows{more} ...")
    trained = distill(teacher, student, dataset, unlabelled, Resources(opened.cache))
    if trained.model is None or trained.ended or trained.collapsed:
        raise InputError(
            f"the network that learns from {name} {trained.ended or trained.collapsed}; export {name} itself, or "
            "search networks first: the best of them is what learns"
        )
    texts, labels = dataset.texts("validation"), dataset.labels("validation")
    found = Distilled(
        teacher=name,
        teacher_macro_f1=macro_f1(labels, teacher.probabilities(texts).argmax(axis=1), len(dataset.classes)),
        macro_f1=trained.macro_f1,
        teacher_milliseconds=milliseconds_a_text(teacher.probabilities, dataset),
        milliseconds=milliseconds_a_text(trained.model.probabilities, dataset),
        unlabelled=len(unlabelled),
        folder=str(directory),
    )
    facts = {
        "validation macro-F1 of the teacher": round(found.teacher_macro_f1, 6),
        "milliseconds a text": round(found.milliseconds, 3),
        "milliseconds a text of the teacher": round(found.teacher_milliseconds, 3),
        "unlabelled texts": found.unlabelled,
    }
    seen = SeenTexts.of([*dataset.texts("train"), *unlabelled], texts)
    _write(opened, board, directory, trained.model, f"distilled from {name}", trained.macro_f1, facts, seen)
    return found


@dataclass(frozen=True)
class Folded:
    """The mean of models that were trained in folds. Scores are macro-F1 on `rows`, each answered by the models that
    did not see it."""

    weights: dict[int, float]
    """Of each trial by its number, the largest first; those without one are not in it."""
    folds: int
    macro_f1: float
    """On the rows that chose the weights; each by a checkpoint that other rows chose."""
    linear_macro_f1: float
    """The linear baseline, trained in the same folds."""
    rows: int
    """All that are not sealed."""
    folder: str

    @property
    def members(self) -> str:
        """The numbers of its trials, and what each counts where there are several."""
        if len(self.weights) == 1:
            return f"trial {next(iter(self.weights))}"
        return f"the mean of trials {', '.join(f'{number} ({weight:.2f})' for number, weight in self.weights.items())}"


def export_folded(
    opened: SearchStudy,
    trial: str | None,
    number: int,
    directory: Path,
    say: Say = lambda line: None,
    on_progress: Callable[[float, int], None] = lambda done, total: None,
) -> Folded:
    """Train a trial ("best" or its number), or those of the ensemble (None), in folds of all rows that are not sealed,
    and write the mean of all models to `directory`.

    Args:
        opened: the study.
        trial: which one, or None.
        number: of folds.
        directory: new, or empty.
        say: told what is being done, and what is left out.
        on_progress: see `train_in_folds`.

    Raises:
        InputError: there is no such trial, the trials make no ensemble, they are too many for so many folds, one cannot
            be trained here as it was, the rows cannot be cut into so many, or `directory` is not empty.
    """
    refuse_occupied(directory)
    board, dataset = leaderboard(opened.study), opened.dataset
    if not 2 <= number <= MOST_FOLDS:
        raise InputError(f"--folds is {number}; give a number from 2 to {MOST_FOLDS}")
    chosen = list(_ensemble(board).weights) if trial is None else [_completed(board, trial)]
    if len(chosen) * number > MOST_MEMBERS:
        raise InputError(
            f"{len(chosen)} trials in {number} folds make {len(chosen) * number} models, more than the {MOST_MEMBERS} "
            f"that a bundle may hold; give --folds {MOST_MEMBERS // len(chosen)} or fewer"
        )
    trials = opened.study.get_trials(deepcopy=False)
    configs, resources = [], []
    for one in chosen:
        if told(trials[one], CONFIG) is None:
            raise InputError(f"trial {one} does not say what was trained; it was not made by this program")
        config, environment = config_of(told(trials[one], CONFIG)), told(trials[one], ENVIRONMENT)
        if isinstance(config, EnsembleConfig):
            raise InputError(f"trial {one} is a mean of models itself; name one of another family")
        refuse_changed(one, config, environment, opened.cache)
        configs.append(config)
        resources.append(Resources(opened.cache, environment["device"], end_early=False))
    views = folds(dataset, number, dataset.source.split_seed)
    rows = len(dataset.split.train) + len(dataset.split.validation)
    say(f"Training {number * len(chosen)} models in {number} folds of the {rows:,} rows that are not sealed ...")
    torch.set_num_threads(max(told(trials[one], ENVIRONMENT)["threads"] for one in chosen))
    made = train_in_folds(configs, views, resources, on_progress)
    for place, why in made.unsound.items():
        say(f"Trial {chosen[place]} is left out: {why}.")
    if made.model is None:
        raise InputError(f"nothing is left of trials {', '.join(map(str, chosen))}; export without --folds")
    reference = train_in_folds([LinearConfig()], views, [Resources(opened.cache)])
    labels, n_classes = dataset.reviews.labels[made.rows], len(dataset.classes)
    counts = sorted(zip(chosen, made.weights, strict=True), key=lambda pair: -pair[1])
    without = [one for place, one in enumerate(chosen) if not made.weights[place] and place not in made.unsound]
    if without:
        say(f"On all of these rows nothing is gained by trial {', '.join(map(str, without))}.")
    found = Folded(
        weights={one: weight for one, weight in counts if weight},
        folds=number,
        macro_f1=macro_f1(labels, made.probabilities.argmax(axis=1), n_classes),
        linear_macro_f1=macro_f1(labels, reference.probabilities.argmax(axis=1), n_classes),
        rows=rows,
        folder=str(directory),
    )
    name = f"{', '.join(map(str, found.weights))} in {number} folds"
    facts = facts_of(opened.study, name, found.macro_f1, dataset) | {
        "training rows": rows,
        "out-of-fold macro-F1": round(found.macro_f1, 6),
        f"out-of-fold macro-F1 of {LINEAR}": round(found.linear_macro_f1, 6),
        "trials of the search": sum(board.counts.values()),
    }
    # There are no rows of validation alone, and so no score on them.
    facts = {fact: value for fact, value in facts.items() if not fact.startswith("validation")}
    seen = SeenTexts.of([*dataset.texts("train"), *dataset.texts("validation")], [])
    write_bundle(directory, model=made.model, classes=dataset.classes, facts=facts, seen=seen)
    return found


def _kept(board: Leaderboard, study: optuna.Study, kept: TrialArtifacts, trial: str) -> tuple[int, float, Path]:
    """Number, macro-F1 and folder of a trial whose weights were kept."""
    number = _completed(board, trial)
    entry = next(entry for entry in board.entries if entry.trial == number)
    if not entry.kept:
        there = ", ".join(str(other.trial) for other in board.entries if other.kept) or "none"
        raise InputError(
            f"the weights of trial {number} are not in {kept.place or kept.directory} (kept there: {there}); "
            f"give the --artifacts folder of the search, or a --trial whose weights are there"
        )
    return number, entry.macro_f1, kept.fetched(study.get_trials(deepcopy=False)[number])


def _completed(board: Leaderboard, trial: str) -> int:
    """The number of a completed trial: of the best one, or as it is given."""
    if trial == "best":
        if board.best is None or board.best.trial is None:
            raise InputError(f"study {board.study!r} has no completed trial yet; let it run longer")
        return board.best.trial
    number = _number(trial)
    if all(entry.trial != number for entry in board.entries):
        raise InputError(
            f"study {board.study!r} has no completed trial {number}; see `sentiment-search report {board.study}`"
        )
    return number


def _ensemble(board: Leaderboard) -> EnsembleStanding:
    if board.ensemble is None:
        raise InputError(
            f"study {board.study!r} has no ensemble: it takes two completed trials, scored on validation rows of more "
            "than one group; `sentiment-search run` looks for them when it ends"
        )
    return board.ensemble


def _ensemble_model(opened: SearchStudy, ensemble: EnsembleStanding, say: Say) -> Model:
    assert opened.artifacts is not None and opened.predictions is not None
    trials = opened.study.get_trials(deepcopy=False)
    members: list[Model | None] = []
    for number in ensemble.weights:
        trial = trials[number]
        with suppress(InputError):  # what is damaged is made again too
            if opened.artifacts.has(trial):
                members.append(Bundle.open(opened.artifacts.fetched(trial)).model)
                continue
        config, environment = config_of(told(trial, CONFIG)), told(trial, ENVIRONMENT)
        refuse_changed(number, config, environment, opened.cache)
        recorded = kept_predictions(opened.predictions, told(trial, PREDICTIONS))
        say(f"Training trial {number} again, whose weights are not there ...")
        torch.set_num_threads(environment["threads"])
        trained = train(config, opened.dataset, Resources(opened.cache, environment["device"]))
        if np.abs(trained.probabilities - recorded).max() > SAME:
            raise InputError(
                f"trial {number} is another one when it is trained again here; `sentiment-search replay "
                f"{opened.study.study_name} --trial {number}` says what differs. A search with keep_best = "
                f"{len(trials)} keeps all weights"
            )
        members.append(trained.model)
    model = combine(members, list(ensemble.weights.values()))
    assert model is not None
    return model


def _write(
    opened: SearchStudy,
    board: Leaderboard,
    directory: Path,
    model: Model,
    trial: str,
    score: float,
    facts: dict[str, Any],
    seen: SeenTexts,
) -> None:
    said = facts_of(opened.study, trial, score, opened.dataset) | facts | _of_search(board)
    write_bundle(directory, model=model, classes=opened.dataset.classes, facts=said, seen=seen)


def _of_search(board: Leaderboard) -> dict[str, Any]:
    """What a card says of the search beside the model's own facts."""
    measured = [entry for entry in board.entries if entry.trial is None or entry.is_linear]
    scores = {f"validation macro-F1 of {LINEAR if e.is_linear else e.name}": round(e.macro_f1, 6) for e in measured}
    return {"trials of the search": sum(board.counts.values())} | scores


def _number(trial: str) -> int:
    try:
        return int(trial)
    except ValueError:
        raise InputError(f"--trial is {trial!r}; give best or a trial's number") from None
