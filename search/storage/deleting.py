"""What studies keep, removed: files among the artifacts first, the studies last.

Killed in between, the studies are still there and the same can be done again. A folder of artifacts may hold what is
not ours: only files with the exact names that this program gives go, and folders that are empty then. Where a search
and an older comparison share a name, and so a folder, each has its own. No link is followed.
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

from search.storage.attributes import OURS
from search.storage.copying import named_artifacts
from search.storage.inside import is_plain
from search.storage.paths import MANIFEST, ArtifactPath, Artifacts

__all__ = ["Kept", "kept_by", "mark_shared", "remove_kept", "remove_studies", "shares_files"]

SHARED: Final = f"{OURS}its files are used from another database too"
"""A study of which there is a copy that has no files of its own, and that copy, have this among their system
attributes."""

WRITING: Final = re.compile(r"(.*/)\.([^/]+)\.\d+-[0-9a-f]{16}\.tmp")
"""A file while it is written (`sentiment.writing`)."""
OF_TRIALS: Final = r"(trial|checkpoints)-\d{5,}\.npy"
STATE: Final = r"(-member-\d{3,})*\.safetensors"
ARM: Final = r"arm-\d{2,}"
FILES: Final = {
    "search": re.compile(
        rf"predictions/({OF_TRIALS}|baseline-(majority|linear)\.npy)" rf"|progress/position-\d{{5,}}{STATE}"
    ),
    "comparison": re.compile(
        rf"{ARM}(-search-\d{{2,}})?/({OF_TRIALS}|progress/position-\d{{5,}}{STATE})"
        rf"|pairs/(linear|{ARM})-pair-\d{{3,}}(-[0-9a-f]{{8}})?\.npy"
        rf"|pairs/progress/(linear|{ARM})-pair-\d{{3,}}{STATE}"
        rf"|random/progress/random-\d{{5,}}{STATE}"
    ),
}
"""What each keeps in its folder, a search beside the bundles of its trials."""
BUNDLE: Final = re.compile(r"(trial-\d{5,})/([^/]+)")
HALF_BUNDLE: Final = re.compile(r"\.trial-\d{5,}\.[a-z0-9_]{8}\.tmp/[^/]+")
"""One that was being written, in a folder that only then gets its name."""
IN_EVERY_BUNDLE: Final = frozenset({MANIFEST, "config.json", "README.md", "seen-texts.bin", "weights.safetensors"})
"""Or nearly so: its manifest names the others, and one that lost its manifest may have these."""
ARTIFACT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""As Optuna calls one: what a database names may be anything."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a search or a comparison."""

    folder: ArtifactPath | None
    """None: no folder can be called so."""
    files: tuple[str, ...]
    """Its own, in that folder, here or in the bucket; what vouches for a bundle is after its other files."""
    others: tuple[str, ...]
    """That are not, and stay."""
    artifacts: tuple[str, ...]
    """Of the dashboard: their ids, which are names beside the folder."""


def mark_shared(storage: BaseStorage, studies: Iterable[str]) -> None:
    """Put on record that there are other studies, in another database, to which the files of these belong as well."""
    for study in studies:
        storage.set_study_system_attr(storage.get_study_id_from_name(study), SHARED, True)


def shares_files(storage: BaseStorage, studies: Iterable[str]) -> bool:
    """Whether that is on record of one of them."""
    return any(SHARED in storage.get_study_system_attrs(storage.get_study_id_from_name(study)) for study in studies)


def kept_by(name: str, studies: Iterable[str], storage: BaseStorage, artifacts: Artifacts, kind: str) -> Kept:
    """What is kept of a search or a comparison. Another program's study has no files here that anybody knows of; those
    in a folder of its name may be a search's in another database.

    Args:
        name: of its folder.
        studies: that it is.
        storage: where they are.
        artifacts: where the folder is.
        kind: search, comparison, or other.

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
    own = set[str]()
    if kind in FILES:
        own = {file for file in found if FILES[kind].fullmatch(WRITING.sub(r"\1\2", file))}
    if kind == "search":
        own |= _of_bundles(folder, found)
    files = sorted(own, key=lambda file: (file.endswith(f"/{MANIFEST}"), file))
    return Kept(folder, tuple(files), tuple(sorted(found - own)), known)


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


def _of_bundles(folder: ArtifactPath, files: Iterable[str]) -> set[str]:
    """Those of them that are files of bundles."""
    found, named = set(), dict[str, frozenset[str]]()
    for file in files:
        if match := BUNDLE.fullmatch(file):
            bundle, name = match.groups()
            if bundle not in named:
                named[bundle] = IN_EVERY_BUNDLE | (folder / bundle).in_manifest()
            if name in named[bundle]:
                found.add(file)
        elif HALF_BUNDLE.fullmatch(file):
            found.add(file)
    return found


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
