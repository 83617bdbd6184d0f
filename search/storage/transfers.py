"""Artifacts go from one folder or bucket to another, each read back and compared by its SHA-256."""

from collections.abc import Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile

from search.storage.copying import Copied
from search.storage.paths import ArtifactPath
from sentiment.errors import InputError

__all__ = ["Transferred", "copy_artifacts"]


@dataclass(frozen=True)
class Transferred:
    """Files that are the same on both sides."""

    files: int = 0
    bytes: int = 0
    """Of all of them."""


def copy_artifacts(source: ArtifactPath, target: ArtifactPath, studies: Iterable[Copied]) -> Transferred:
    """Copy what the studies keep, and what the dashboard shows with them.

    Raises:
        InputError: where a file shall be is another one; or one changes while it is copied.
        OSError: a folder or a bucket cannot be read or written.
    """
    studies = list(studies)
    files = size = 0
    for folder in dict.fromkeys(copied.study.partition(": ")[0] for copied in studies):
        try:
            here, there = source / folder, target / folder
        except InputError:  # of a study of another program, which keeps nothing here
            continue
        for name in here.files():
            size += _copy(here / name, there / name, replacing=False)
            files += 1
    for name in sorted(frozenset().union(*(copied.artifacts for copied in studies))):
        try:
            size += _copy(source / name, target / name, replacing=True)
            files += 1
        except FileNotFoundError:  # whoever uploaded it may have kept it elsewhere
            continue
    return Transferred(files, size)


def _copy(source: ArtifactPath, target: ArtifactPath, *, replacing: bool) -> int:
    """Its size in bytes."""
    with TemporaryFile() as content:
        sha256, size = source.read(content), content.tell()
        there = _sha256(target)
        if there == sha256:
            return size
        if there is not None and not replacing:
            raise InputError(
                f"{target} is there already and not what {source} is; give another --to-artifacts, or remove what is "
                "in the way"
            )
        content.seek(0)
        target.write(content)
    if _sha256(target) != sha256:
        raise InputError(f"{target} is not what was written there; give the same command again")
    return size


class _Nowhere:
    """What is read only for its SHA-256."""

    def write(self, content: bytes, /) -> int:
        return len(content)


def _sha256(path: ArtifactPath) -> str | None:
    try:
        return path.read(_Nowhere())
    except FileNotFoundError:
        return None
