"""A trial, or the mean of several, becomes a bundle that stands on its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import torch

from search.storage.artifacts import TrialArtifacts, facts_of
from search.storage.predictions import kept_predictions
from search.study.create import SearchStudy
from search.study.leaderboard import Leaderboard, leaderboard
from search.study.records import CONFIG, ENVIRONMENT, PREDICTIONS
from sentiment.bundle.folder import Bundle, copy_bundle, write_bundle
from sentiment.bundle.seen import SeenTexts
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from sentiment.models.ensemble.family import combine
from sentiment.models.family import Model, Resources
from sentiment.models.registry import config_of, train

__all__ = ["export", "export_ensemble"]

SAME: Final = 1e-4
"""By how much what a member says may differ from what it said when the weights were chosen: another processor rounds
otherwise."""


def export(study: optuna.Study, artifacts: Path, trial: str, directory: Path) -> dict[str, Any]:
    """Write the kept weights of a trial ("best" or its number) to `directory`, with what the study knows on the card.

    Returns:
        the trial's number, its macro-F1 and the folder.

    Raises:
        InputError: there is no such trial, its weights were not kept or are damaged, or `directory` is not empty.
    """
    board = leaderboard(study, artifacts)
    if trial == "best":
        if board.best is None or board.best.trial is None:
            raise InputError(f"study {study.study_name!r} has no completed trial yet; let it run longer")
        number = board.best.trial
    else:
        number = _number(trial)
    entry = next((entry for entry in board.entries if entry.trial == number), None)
    if entry is None:
        raise InputError(f"study {study.study_name!r} has no completed trial {number}; see `sentiment-search report`")
    folder = TrialArtifacts(artifacts / study.study_name).folder(number)
    if not entry.kept:
        there = ", ".join(str(other.trial) for other in board.entries if other.kept) or "none"
        raise InputError(
            f"the weights of trial {number} are not in {folder.parent} (kept there: {there}); "
            f"give the --artifacts folder of the search, or a --trial whose weights are there"
        )
    copy_bundle(folder, directory, _of_search(board))
    return {"trial": number, "macro_f1": entry.macro_f1, "folder": str(directory)}


def export_ensemble(
    opened: SearchStudy, directory: Path, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Write the ensemble of a study's trials to `directory`; members whose weights were not kept are trained again.

    Returns:
        the weights of the trials by their numbers, the macro-F1 and the folder.

    Raises:
        InputError: the trials make no ensemble, one cannot be made again with the numbers it had, or `directory` is not
            empty.
    """
    study, dataset = opened.study, opened.dataset
    board = leaderboard(study)
    ensemble = board.ensemble
    if ensemble is None:
        raise InputError(
            f"study {study.study_name!r} has no ensemble: it takes two trials that together are better than each; "
            "`sentiment-search run` looks for them when it ends"
        )
    assert opened.artifacts is not None and opened.predictions is not None
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    members: list[Model | None] = []
    for number in ensemble.weights:
        attributes = trials[number].user_attrs
        if opened.artifacts.has(trials[number]):
            members.append(Bundle.open(opened.artifacts.folder(number)).model)
            continue
        say(f"Training trial {number} again, whose weights were not kept ...")
        environment = attributes[ENVIRONMENT]
        torch.set_num_threads(environment["threads"])
        trained = train(config_of(attributes[CONFIG]), dataset, Resources(opened.cache, environment["device"]))
        recorded = kept_predictions(opened.predictions, attributes[PREDICTIONS])
        if np.abs(trained.probabilities - recorded).max() > SAME:
            raise InputError(
                f"trial {number} is another one when it is trained again here; `sentiment-search replay "
                f"{study.study_name} --trial {number}` says what differs. Search with keep_best = {len(trials)}, which "
                "keeps all weights"
            )
        members.append(trained.model)
    model = combine(members, list(ensemble.weights.values()))
    assert model is not None
    facts = facts_of(study, ", ".join(map(str, ensemble.weights)), ensemble.macro_f1, dataset)
    seen = SeenTexts.of(dataset.texts("train"), dataset.texts("validation"))
    write_bundle(directory, model=model, classes=dataset.classes, facts=facts | _of_search(board), seen=seen)
    return {"weights": ensemble.weights, "macro_f1": ensemble.macro_f1, "folder": str(directory)}


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
