"""Where artifacts lie: in a folder; or in a bucket, with a folder of this machine before it.

Whoever writes an artifact writes a file, or the folder of a bundle, at `local`, and then publishes it; whoever reads
one fetches it first, checked against the SHA-256 that the study has on record. In a folder both do nothing. What is
cached, and what an unfinished training keeps, is of this machine and stays in the local folder.
"""

import hashlib
import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from search.storage.buckets import SCHEME, Bucket, BucketStore, Writable
from sentiment.errors import InputError
from sentiment.writing import write_through, write_whole, write_whole_from

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore

__all__ = ["DEFAULT_ARTIFACTS", "ArtifactPath", "Artifacts"]

DEFAULT_ARTIFACTS: Final = "studies/artifacts"
BEFORE_BUCKETS: Final = f"{DEFAULT_ARTIFACTS}/.s3"
"""Here the local folders are, BUCKET/PREFIX. No study can be called so."""
MANIFEST: Final = "manifest.json"
"""The file of a bundle that vouches for all others: written last, removed first."""
MOST_MANIFEST: Final = 1 << 23
MOST_PREDICTIONS: Final = 1 << 33
MOST_BYTES: Final = 1 << 40
"""Of a file. A bucket may hold anything: what is longer is not read to its end."""


@dataclass(frozen=True)
class ArtifactPath:
    """A file or folder among the artifacts; it can be pickled, and holds no password."""

    local: Path
    bucket: Bucket | None = None
    key: str = ""
    """In the bucket; of a folder, what the keys in it begin with."""

    @classmethod
    def of(cls, given: "Artifacts | str") -> "ArtifactPath":
        """What `--artifacts` says: a folder, or s3://BUCKET/PREFIX.

        Raises:
            InputError: no bucket can be called so, or the prefix would leave it.
        """
        if isinstance(given, ArtifactPath):
            return given
        if not str(given).startswith(SCHEME[:4]):
            return cls(Path(given))
        name, _, prefix = str(given).removeprefix(SCHEME[:4]).lstrip("/").partition("/")
        bucket = Bucket(name)
        path = cls(Path(BEFORE_BUCKETS, name), bucket)
        return path / prefix.rstrip("/") if prefix.rstrip("/") else path

    def __truediv__(self, name: str) -> "ArtifactPath":
        """What is called so in this folder.

        Raises:
            InputError: the name would leave it; databases, and the names in them, may come from anywhere.
        """
        if not name or "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise InputError(f"{name!r} cannot be the name of an artifact in {self}; it would not be in that folder")
        return replace(self, local=self.local / name, key=f"{self.key}/{name}" if self.key else name)

    def __str__(self) -> str:
        """As it was given."""
        if self.bucket is None:
            return str(self.local)
        return f"{SCHEME}{self.bucket.name}/{self.key}".rstrip("/")

    @property
    def name(self) -> str:
        """The last part."""
        return self.local.name

    def with_stem(self, stem: str) -> "ArtifactPath":
        """A file beside it with the same suffix."""
        return replace(
            self, local=self.local.with_stem(stem), key=str(PurePosixPath(self.key).with_stem(stem)) if self.key else ""
        )

    def prepare(self, *, writing: bool = True) -> None:
        """Make the local folder if something will be written, and see whether the bucket can be used.

        Raises:
            InputError: it cannot.
        """
        if self.bucket is not None:
            self.bucket.check(self.key, writing=writing)
        if not writing:
            return
        try:
            self.local.mkdir(parents=True, exist_ok=True)
            writable = os.access(self.local, os.W_OK)
        except OSError as error:
            raise InputError(
                f"cannot make the folder {self.local}: {error.strerror}; give another --artifacts"
            ) from None
        if not writable:
            raise InputError(f"the folder {self.local} cannot be written to; give another --artifacts")

    def bundles(self, beginning: str) -> frozenset[str]:
        """The names, which begin so, of the whole bundles in this folder of the bucket, or of the folders in this."""
        if self.bucket is None:
            return frozenset(path.name for path in self.local.glob(f"{beginning}*") if path.is_dir())
        prefix, manifest = f"{self.key}/" if self.key else "", f"/{MANIFEST}"
        keys = (key.removeprefix(prefix) for key in self.bucket.keys(prefix + beginning))
        return frozenset(key.removesuffix(manifest) for key in keys if key.endswith(manifest))

    def names(self, beginning: str = "") -> set[str]:
        """What lies in this folder of the bucket, with names that begin so; nothing where there is no bucket."""
        if self.bucket is None:
            return set()
        prefix = f"{self.key}/" if self.key else ""
        keys = self.bucket.keys(prefix + beginning)
        return {key.removeprefix(prefix).partition("/")[0] for key in keys}

    def publish(self) -> None:
        """Put the file, or the folder of a bundle, that was written into the bucket.

        Raises:
            OSError: it cannot be put there.
        """
        if self.bucket is None:
            return
        files = [self.local]
        if self.local.is_dir():
            files = sorted(self.local.iterdir(), key=lambda path: path.name == MANIFEST)  # with it, it is whole
        for file in files:
            key = self.key if file == self.local else f"{self.key}/{file.name}"
            with file.open("rb") as content:
                self.bucket.write(key, content)

    def fetch_file(self, sha256: str) -> None:
        """Bring the file here, unless it is.

        Raises:
            OSError: the bucket cannot be read.
        """
        if self.bucket is None or (self.local.is_file() and _sha256(self.local) == sha256):
            return
        content = BytesIO()
        try:
            found = self._read(self.key, content, MOST_PREDICTIONS)
        except FileNotFoundError:
            return
        if found == sha256:
            self.local.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.local, content.getbuffer())

    def fetch_bundle(self, sha256: str) -> None:
        """Bring the bundle here, unless it is, with every file as its manifest says.

        Args:
            sha256: of the manifest.

        Raises:
            InputError: what is in the bucket is another one, or damaged.
            OSError: the bucket cannot be read, or this disk not written.
        """
        if self.bucket is None or (self.local.is_dir() and _sha256(self.local / MANIFEST) == sha256):
            return
        damaged = InputError(f"the bundle {self} is damaged; give the --artifacts it was written to, or another trial")
        manifest = BytesIO()
        try:
            found = self._read(f"{self.key}/{MANIFEST}", manifest, MOST_MANIFEST)
        except FileNotFoundError:
            raise InputError(f"there is no bundle {self}; give the --artifacts that it was written to") from None
        if found != sha256:
            raise damaged
        self.local.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{self.name}.", suffix=".tmp", dir=self.local.parent))
        try:
            for name, recorded in json.loads(manifest.getvalue())["files"].items():
                file = replace(self, local=temporary) / name
                with file.local.open("xb") as content:
                    found = self._read(file.key, content, recorded["bytes"])
                    content.flush()
                    os.fsync(content.fileno())
                if found != recorded["sha256"]:
                    raise damaged
            write_through(temporary / MANIFEST, manifest.getbuffer())
            temporary.chmod(0o755)
            if self.local.exists():  # of a study of the same name that is no more
                shutil.rmtree(self.local)
            temporary.rename(self.local)
        except FileNotFoundError:
            raise damaged from None
        except OSError:
            if not (self.local.is_dir() and _sha256(self.local / MANIFEST) == sha256):  # another process was first
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def in_manifest(self) -> frozenset[str]:
        """The files that the bundle in this folder says it has; none where it does not, or that cannot be read.

        Raises:
            OSError: the bucket cannot be read.
        """
        content, local = BytesIO(), self.local / MANIFEST
        with suppress(FileNotFoundError, InputError, ValueError, TypeError, KeyError, RecursionError):
            if local.is_file() and local.stat().st_size <= MOST_MANIFEST:
                content.write(local.read_bytes())
            elif self.bucket is not None:
                self._read(f"{self.key}/{MANIFEST}", content, MOST_MANIFEST)
            return frozenset(json.loads(content.getvalue())["files"])
        return frozenset()

    def remove(self) -> None:
        """The file, or the folder with all that is in it, here and in the bucket; one that is not there is none to
        remove."""
        if self.local.is_dir():
            shutil.rmtree(self.local, ignore_errors=True)
        else:
            self.local.unlink(missing_ok=True)
        if self.bucket is None:
            return
        keys = [key for key in self.bucket.keys(self.key) if key == self.key or key.startswith(f"{self.key}/")]
        for key in sorted(keys, key=lambda key: not key.endswith(f"/{MANIFEST}")):  # without it, it is none
            self.bucket.remove(key)

    def _read(self, key: str, into: Writable, most: int) -> str:
        """Write an object to an open file; returns its SHA-256."""
        assert self.bucket is not None
        checked = _Checked(into, f"{SCHEME}{self.bucket.name}/{key}", most)
        self.bucket.read(key, checked)
        return checked.sha256.hexdigest()

    def files(self) -> list[str]:
        """All files in this folder, with those in its folders, as they are called from here; the manifest of a bundle
        comes after its other files. Not those that are hidden, which somebody is writing."""
        if self.bucket is not None:
            prefix = f"{self.key}/" if self.key else ""
            found = [key.removeprefix(prefix) for key in self.bucket.keys(prefix)]
        else:
            found = [path.relative_to(self.local).as_posix() for path in self.local.rglob("*") if path.is_file()]
        shown = [name for name in found if not any(part.startswith(".") for part in name.split("/"))]
        return sorted(shown, key=lambda name: (name.endswith(f"/{MANIFEST}"), name))

    def read(self, into: Writable) -> str:
        """Write what the file holds, in the bucket if there is one, to an open file; returns its SHA-256.

        Raises:
            FileNotFoundError: there is none.
        """
        if self.bucket is not None:
            return self._read(self.key, into, MOST_BYTES)
        checked = _Checked(into, str(self.local), MOST_BYTES)
        with self.local.open("rb") as content:
            shutil.copyfileobj(content, checked)
        return checked.sha256.hexdigest()

    def write(self, content: BinaryIO) -> None:
        """Make the file, in the bucket if there is one, of what is read from `content`: whole, or not at all."""
        if self.bucket is not None:
            self.bucket.write(self.key, content)
            return
        self.local.parent.mkdir(parents=True, exist_ok=True)
        write_whole_from(self.local, content)

    def store(self) -> "ArtifactStore":
        """Of the dashboard's artifacts in this folder, as Optuna's protocol says."""
        if self.bucket is not None:
            return BucketStore(self.bucket, self.key)
        return _FolderStore(self.local)


Artifacts: TypeAlias = Path | ArtifactPath
"""A folder, or what is more than one."""


class _Checked:
    """What is written here is counted, and its SHA-256 computed, on the way to a file."""

    def __init__(self, into: Writable, name: str, most: int) -> None:
        self.sha256 = hashlib.sha256()
        self._into, self._name, self._left = into, name, most

    def write(self, content: bytes) -> int:
        self._left -= len(content)
        if self._left < 0:
            raise InputError(f"{self._name} is longer than it can be; give the --artifacts it was written to")
        self.sha256.update(content)
        return self._into.write(content)


class _FolderStore:
    """Optuna's store in a folder, but with whole files: a browser, or a full disk, never meets half of one."""

    def __init__(self, folder: Path) -> None:
        from optuna.artifacts import FileSystemArtifactStore  # not at once, since `--help` has no use for it

        self._folder, self._store = folder, FileSystemArtifactStore(folder)

    def open_reader(self, artifact_id: str) -> BinaryIO:
        return self._store.open_reader(artifact_id)

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        if Path(artifact_id).name != artifact_id:  # a database may come from anywhere
            raise ValueError(f"{artifact_id!r} is no artifact's id")
        write_whole(self._folder / artifact_id, content_body.read())

    def remove(self, artifact_id: str) -> None:
        self._store.remove(artifact_id)


def _sha256(path: Path) -> str:
    """Of a file; of none, nothing."""
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
