"""A bucket of an S3 server, any of them, through Optuna's store of artifacts.

Where the server is and who may use it is known to boto3 alone, from its own environment (AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID, AWS_PROFILE, ...): no password passes through here, and what a `Bucket` is may be shown, stored and
sent to other processes.
"""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from sentiment.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from optuna.artifacts import Boto3ArtifactStore

__all__ = ["SCHEME", "Bucket", "BucketStore", "Writable"]

SCHEME: Final = "s3://"
NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""
CONNECT_SECONDS: Final = 10

REASONS: Final = {
    "NoCredentialsError": "no credentials are there; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "PartialCredentialsError": "half of the credentials is missing; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "NoRegionError": "no region is named; set AWS_DEFAULT_REGION",
    "ProfileNotFound": "AWS_PROFILE names no profile that is there",
    "EndpointConnectionError": "its server cannot be reached; check AWS_ENDPOINT_URL and the network",
    "ConnectTimeoutError": "its server cannot be reached; check AWS_ENDPOINT_URL and the network",
    "ReadTimeoutError": "its server does not answer; see to it",
    "ConnectionClosedError": "its server broke off; see to it",
    "NoSuchBucket": "there is no such bucket; make it, or name another",
    "AccessDenied": "it may not be read, written and listed with these credentials",
    "403": "it may not be read, written and listed with these credentials",
    "InvalidAccessKeyId": "its server does not know AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "AWS_SECRET_ACCESS_KEY is another one than its server knows",
}
"""By what botocore calls an error, or the server its answer."""


class Writable(Protocol):
    """What a file is to whoever writes it from its start to its end."""

    def write(self, content: bytes, /) -> int:
        """The next bytes."""


@dataclass(frozen=True)
class Bucket:
    """Objects under keys. What its server refuses, or does not do after boto3's retries, is an OSError of the object,
    as that of a full disk is."""

    name: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise InputError(
                f"--artifacts names the bucket {self.name!r}; give {SCHEME}BUCKET/PREFIX, with a bucket of 3 to 63 "
                "small letters, digits, dots and hyphens"
            )

    def check(self, prefix: str, *, writing: bool) -> None:
        """Before hours of training, not after them.

        Raises:
            InputError: the bucket cannot be listed or, if `writing`, a tiny object not written and removed again.
        """
        try:
            next(iter(self.keys(prefix)), None)
            if writing:
                probe = "/".join(filter(None, (prefix, f".written-by-sentiment-search-{secrets.token_hex(4)}")))
                self.write(probe, BytesIO(b"can this be written?"))
                self.remove(probe)
        except OSError as error:
            raise InputError(f"--artifacts {SCHEME}{self.name} cannot be used: {error.strerror}") from None

    def keys(self, prefix: str) -> Iterator[str]:
        """Of all objects whose keys begin so, in their order."""
        with self._asked(prefix):
            pages = self._store.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", ()))

    def write(self, key: str, content: BinaryIO) -> None:
        """An object is there whole, or not at all."""
        with self._asked(key):
            self._store.write(key, content)

    def read(self, key: str, into: Writable) -> None:
        """Write what the object holds to an open file.

        Raises:
            FileNotFoundError: there is no such object.
        """
        # Not the store's open_reader: a connection that breaks in the middle would not be tried again.
        with self._asked(key):
            self._store.client.download_fileobj(self.name, key, into)

    def remove(self, key: str) -> None:
        """One that is not there is none to remove."""
        with self._asked(key):
            self._store.remove(key)

    @property
    def _store(self) -> "Boto3ArtifactStore":
        return _store(self.name, os.getpid())

    @contextmanager
    def _asked(self, key: str) -> Iterator[None]:
        from_boto3 = _errors()
        try:
            yield
        except from_boto3 as error:
            what = errno.ENOENT if _is_missing(error) else errno.EIO
            raise OSError(what, _reason(error), f"{SCHEME}{self.name}/{key}") from None


class BucketStore:
    """Optuna's protocol of a store of artifacts, for those below a prefix: the dashboard's."""

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Raises ArtifactNotFound if there is none."""
        return self._bucket._store.open_reader(self._key(artifact_id))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Whole, or not at all."""
        self._bucket.write(self._key(artifact_id), content_body)

    def remove(self, artifact_id: str) -> None:
        """One that is not there is none to remove."""
        self._bucket.remove(self._key(artifact_id))

    def _key(self, artifact_id: str) -> str:
        if Path(artifact_id).name != artifact_id or "\\" in artifact_id:  # a database may come from anywhere
            raise ValueError(f"{artifact_id!r} is no artifact's id")
        return self._prefix + artifact_id


@lru_cache(maxsize=8)
def _store(bucket: str, process: int) -> "Boto3ArtifactStore":
    """Of this process: connections do not outlive a fork."""
    try:
        import boto3
        from botocore.config import Config
        from optuna.artifacts import Boto3ArtifactStore
    except ImportError:
        raise MissingExtraError(
            f"--artifacts {SCHEME}{bucket} needs the extra `s3`: pip install 'sentiment-search[s3]'"
        ) from None
    retries = {} if "AWS_RETRY_MODE" in os.environ else {"retries": {"mode": "standard"}}
    refused: tuple[type[Exception], ...] = (*_errors(), ValueError)  # of a profile or a URL that is none
    try:
        client = boto3.session.Session().client("s3", config=Config(connect_timeout=CONNECT_SECONDS, **retries))
    except refused as error:
        raise InputError(f"--artifacts {SCHEME}{bucket} cannot be used: {_reason(error)}") from None
    return Boto3ArtifactStore(bucket, client, avoid_buf_copy=True)  # what is read to its end may be closed


def _errors() -> tuple[type[Exception], ...]:
    """Those that boto3 raises of its own; none where it is missing, which `_store` tells."""
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return ()
    return (BotoCoreError, ClientError, Boto3Error)


def _answer(error: Any) -> dict[str, Any]:
    """What the server said, of an error that came of it."""
    error = getattr(error, "__context__", None) if not hasattr(error, "response") else error
    return getattr(error, "response", {}) or {}


def _is_missing(error: Exception) -> bool:
    return _answer(error).get("Error", {}).get("Code") in ("404", "NoSuchKey")


def _reason(error: Exception) -> str:
    """In words, without an address, in which a password could stand."""
    code = _answer(error).get("Error", {}).get("Code")
    links = (error, error.__context__)
    names = [code, *(type(link).__name__ for link in links if link is not None)]
    found = next((REASONS[name] for name in names if name in REASONS), None)
    if found is not None:
        return found
    if _is_missing(error):
        return "there is no such object"
    return f"its server answers {code}" if code else f"boto3 cannot use it ({type(error).__name__})"
