"""What studies keep, removed: files among the artifacts first, the studies last.

Killed in between, the studies are still there and the same can be done again. A folder of artifacts may hold what is
not ours, under whatever names: only files that this program writes go, and folders that are empty then. No link is
followed.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from optuna.artifacts.exceptions import ArtifactNotFound
from optuna.storages import BaseStorage

from search.storage.copying import named_artifacts
from search.storage.inside import is_plain
from search.storage.paths import ArtifactPath, Artifacts

__all__ = ["Kept", "kept_by", "remove_kept", "remove_studies"]

OURS: Final = re.compile(
    r"\.?trial-\d+[^/]*/.+"  # a bundle, or one that is half written
    r"|(predictions|progress|pairs|random|arm-\d+[^/]*)/(.+/)?[^/]+\.(npy|safetensors|json|tmp)"
)
"""In the folder of a search or comparison."""
ARTIFACT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""As Optuna calls one: what a database names may be anything."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a search or a comparison."""

    folder: ArtifactPath | None
    """None: no folder can be called so."""
    files: tuple[str, ...]
    """Of this program, in that folder, here or in the bucket."""
    others: tuple[str, ...]
    """That it did not write, and that stay."""
    artifacts: tuple[str, ...]
    """Of the dashboard: their ids, which are names beside the folder."""


def kept_by(name: str, studies: Iterable[str], storage: BaseStorage, artifacts: Artifacts) -> Kept:
    """What is kept of `name`, a search or a comparison, which is so many studies.

    Raises:
        OSError: the bucket cannot be read.
    """
    ids: set[str] = set()
    for study in studies:
        study_id = storage.get_study_id_from_name(study)
        ids |= named_artifacts(storage.get_study_system_attrs(study_id))
        for trial in storage.get_all_trials(study_id, deepcopy=False):
            ids |= named_artifacts(trial.system_attrs)
    known = tuple(sorted(one for one in ids if ARTIFACT.fullmatch(one)))
    if not is_plain(name):
        return Kept(None, (), (), known)
    folder = ArtifactPath.of(artifacts) / name
    found = _files(folder.local)
    if folder.bucket is not None:
        prefix = f"{folder.key}/"
        found |= {key.removeprefix(prefix) for key in folder.bucket.keys(prefix)}
    ours = tuple(sorted(file for file in found if OURS.fullmatch(file)))
    return Kept(folder, ours, tuple(sorted(found - set(ours))), known)


def remove_kept(kept: Kept, artifacts: Artifacts) -> None:
    """Remove the files; one that is gone already is none to remove.

    Raises:
        OSError: one cannot be removed.
    """
    store = ArtifactPath.of(artifacts).store()
    for artifact in kept.artifacts:
        with suppress(ArtifactNotFound, FileNotFoundError):
            store.remove(artifact)
    if kept.folder is None:
        return
    here = _files(kept.folder.local)  # a bucket may name what would lead out of the folder, or through a link
    for name in kept.files:
        if name in here:
            (kept.folder.local / name).unlink(missing_ok=True)
        if kept.folder.bucket is not None:
            kept.folder.bucket.remove(f"{kept.folder.key}/{name}")
    _remove_empty(kept.folder.local)


def remove_studies(storage: BaseStorage, studies: Iterable[str]) -> None:
    """Remove studies with their trials, in this order; one that is gone already is none to remove."""
    for study in studies:
        with suppress(KeyError):
            storage.delete_study(storage.get_study_id_from_name(study))


def _files(folder: Path) -> set[str]:
    """All that is there but folders, as it is called from `folder`; a link is a file, whatever it leads to."""
    if folder.is_symlink() or not folder.is_dir():
        return set()
    found = set()
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found |= {Path(place, name).relative_to(folder).as_posix() for name in (*files, *links)}
    return found


def _remove_empty(folder: Path) -> None:
    """The folders in it, and itself, of which nothing is left."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # something is in it, or was just put there
            os.rmdir(place)
