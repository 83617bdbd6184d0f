"""The exported folder: a trained classifier that predicts anywhere this package is installed.

::

    weights.safetensors   the best checkpoint
    tokenizer.json        a Hugging Face tokenizer, fitted on the training rows
    config.json           the `NetworkConfig`, the classes, and the facts of the card as data
    README.md             the card: what it is, how well it did, how to use it
    seen-texts.bin        hashes of the texts that it was trained on and chosen by; not in bundles of earlier versions
    manifest.json         sizes and SHA-256 of all of these

The manifest is written last, into a folder that only then takes its final name: a folder under its own name is whole.
Opening verifies every file against the manifest; nothing is ever unpickled.

A manifest vouches for what was written, not for who wrote it. What a folder says of itself is checked before anything
is made of it: no file is read past the size that such a file can have, the shapes in the header of the weights must be
those of the network that the config describes, and the tokenizer must be one that this package writes.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from torch import Tensor

from sentiment.bundle.seen import BYTES_PER_TEXT, SeenTexts
from sentiment.errors import NO_SPACE, InputError
from sentiment.foreign import markdown, markdown_table
from sentiment.models.network.batches import SORTED_TOGETHER, Examples
from sentiment.models.network.config import NetworkConfig, allowed_range
from sentiment.models.network.network import Network, model_without_memory
from sentiment.models.network.training import predict_probabilities
from sentiment.tokens import encode, read_tokenizer
from sentiment.writing import write_through

__all__ = ["Bundle", "copy_bundle", "write_bundle"]

FORMAT: Final = 1
FILES: Final = ("weights.safetensors", "tokenizer.json", "config.json", "README.md")
SEEN: Final = "seen-texts.bin"
"""Not in every bundle: earlier versions made none."""
SEEN_SIZES: Final = "seen_texts"
"""What config.json calls the numbers of hashes in it."""
CHUNK: Final = SORTED_TOGETHER
"""Texts that are encoded and scored at a time, to bound memory; as many as meet in the batches of a trial's score."""
MOST_CLASSES: Final = 1000
MOST_BYTES: Final = 1 << 23
"""Of config.json, README.md and manifest.json; and of the other files beside what their numbers need."""
MOST_TEXTS: Final = 1 << 27
"""Of training, and of validation, that hashes are kept of."""
BYTES_PER_ENTRY: Final = 1024
"""Of tokenizer.json for each entry of its vocabulary: a URL of 300 Korean characters."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    directory: Path
    config: NetworkConfig
    classes: tuple[str, ...]
    facts: dict[str, Any]
    """What the card says, as data: fingerprint, scores, study, trial."""
    tokenizer: Tokenizer
    network: Network
    seen: SeenTexts | None = None
    """What it was trained on and chosen by; None in a bundle that an earlier version made."""

    @classmethod
    def open(cls, directory: str | Path) -> "Bundle":
        """Open and verify the folder.

        Raises:
            InputError: it is not a bundle, or a file in it is missing or not what was written.
        """
        directory = Path(directory)
        recorded = _manifest(directory)
        content = _verified(directory, "config.json", recorded)
        with _parts_of_a_bundle(directory):
            config, classes, size, facts, sizes = _described(json.loads(content))
            if (sizes is None) is (SEEN in recorded):
                raise InputError(f"of {SEEN} config.json and manifest.json do not say the same")
            network = model_without_memory(config, size, len(classes))
        numbers = sum(tensor.numel() for tensor in network.state_dict().values())
        _verified(directory, "README.md", recorded)
        _verified(directory, "weights.safetensors", recorded, 4 * numbers)
        content = _verified(directory, "tokenizer.json", recorded, BYTES_PER_ENTRY * size)
        hashes = b""
        if sizes is not None:
            hashes = _verified(directory, SEEN, recorded, BYTES_PER_TEXT * sum(sizes.values()))
        with _parts_of_a_bundle(directory):
            seen = None if sizes is None else SeenTexts.from_bytes(hashes, sizes)
            _fill(network, directory / "weights.safetensors")
            tokenizer = read_tokenizer(content.decode(), config.token_unit, size)
        network.eval()
        return cls(directory, config, classes, facts, tokenizer, network, seen)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, float32 [n, K], in the order of `classes`.

        Raises:
            InputError: the weights are so large that no number comes of them.
        """
        chunks = [np.empty((0, len(self.classes)), dtype=np.float32)]
        for start in range(0, len(texts), CHUNK):
            # Stripped, as the training texts were.
            chunk = [text.strip() for text in texts[start : start + CHUNK]]
            encoded = encode(self.tokenizer, chunk)
            rows = np.arange(len(chunk))
            chunks.append(predict_probabilities(self.network, Examples(encoded, rows, np.zeros_like(rows))))
            if not np.isfinite(chunks[-1]).all():
                raise InputError(f"{self.directory} answers with what is not a number; export another trial")
        return np.concatenate(chunks)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable class of each text."""
        return [self.classes[index] for index in self.probabilities(texts).argmax(axis=1)]


def write_bundle(
    directory: str | Path,
    *,
    config: NetworkConfig,
    classes: Sequence[str],
    vocabulary_size: int,
    tokenizer_json: str,
    weights: dict[str, Tensor],
    facts: dict[str, Any],
    seen: SeenTexts | None = None,
) -> str:
    """Write a bundle atomically and return the SHA-256 of its manifest, which vouches for every other file.

    With `seen`, the bundle can say of any text whether the network has seen it.

    Raises:
        InputError: `directory` exists and is not empty, or cannot be written; or such classes, or so many texts,
            cannot be opened again.
    """
    _check(classes, vocabulary_size)
    described = {
        "format": FORMAT,
        "config": config.to_dict(),
        "classes": list(classes),
        "vocabulary_size": vocabulary_size,
        "facts": facts,
    } | ({} if seen is None else {SEEN_SIZES: _checked_sizes(seen.sizes)})
    contents = {
        "weights.safetensors": safetensors.torch.save(weights),
        "tokenizer.json": tokenizer_json.encode(),
        "config.json": _json(described),
        "README.md": card(config, classes, facts).encode(),
    } | ({} if seen is None else {SEEN: seen.to_bytes()})
    return _write_folder(Path(directory), contents)


def copy_bundle(source: str | Path, directory: str | Path, facts: dict[str, Any]) -> str:
    """Write a bundle that can be opened under another name, with `facts` added to its card."""
    source = Path(source)
    config = Bundle.open(source).config
    described = json.loads((source / "config.json").read_text("utf-8"))
    described["facts"] |= facts
    contents = {name: (source / name).read_bytes() for name in _manifest(source)}
    contents["config.json"] = _json(described)
    contents["README.md"] = card(config, described["classes"], described["facts"]).encode()
    return _write_folder(Path(directory), contents)


def card(config: NetworkConfig, classes: Sequence[str], facts: dict[str, Any]) -> str:
    """The bundle's README.md."""
    scores = [(name, str(value)) for name, value in facts.items() if not isinstance(value, dict | list)]
    recipe = [(name, str(value)) for name, value in config.to_dict().items()]
    return f"""# Sentiment classifier: {markdown(" / ".join(classes))}

Written by sentiment-search. `{config.architecture}` over {config.token_unit} tokens.

{markdown_table(("fact", "value"), scores)}

The validation score chose this network among others, so it is optimistic; score rows that no search has seen with
`sentiment-search evaluate` before you quote a number: your own (it says how many of them the network has seen), or
those that the search sealed, once, where its study is (`--sealed`).

## Use

    pip install sentiment-search
    sentiment-search predict . "a review" "another one"
    sentiment-search evaluate . --data reviews.csv --text TEXT_COLUMN --label LABEL_COLUMN
    sentiment-search evaluate . --sealed STUDY

    from sentiment.bundle import Bundle
    bundle = Bundle.open(".")
    bundle.predict(["a review"])          # one of {list(classes)}
    bundle.probabilities(["a review"])    # float32 [n, {len(classes)}], in that order

## Recipe

{markdown_table(("parameter", "value"), recipe)}
"""


def _manifest(directory: Path) -> dict[str, Any]:
    """What the manifest records of each of `FILES`, and of `SEEN` where it is there."""
    try:
        manifest = json.loads(_content(directory / "manifest.json", MOST_BYTES))
        recorded, bundle_format = dict(manifest["files"]), int(manifest["format"])
    except (FileNotFoundError, NotADirectoryError):
        what = "is not a bundle: it has no manifest.json" if directory.exists() else "does not exist"
        raise InputError(f"{directory} {what}; give the folder that `sentiment-search export` wrote") from None
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise InputError(f"{directory}/manifest.json is damaged; export the bundle again") from None
    if bundle_format != FORMAT:
        raise InputError(f"{directory} is a bundle of format {bundle_format}; this version reads format {FORMAT}")
    if recorded.keys() - {SEEN} != set(FILES):
        raise InputError(
            f"{directory}/manifest.json names other files than {', '.join(FILES)}; export the bundle again"
        )
    return recorded


def _verified(directory: Path, name: str, recorded: dict[str, Any], numbers: int = 0) -> bytes:
    """A file's content, which is what the manifest says; `numbers` are the bytes that its numbers may take."""
    try:
        content = _content(directory / name, MOST_BYTES + numbers)
    except OSError as error:
        raise InputError(f"{directory}/{name} cannot be read ({error.strerror}); export the bundle again") from None
    if recorded[name] != _fingerprint(content):
        raise InputError(f"{directory}/{name} is damaged: it is not what was written; export the bundle again")
    return content


def _content(path: Path, most: int) -> bytes:
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise InputError(f"{path} is no plain file; export the bundle again")
    size = path.stat().st_size
    if size > most:
        raise InputError(
            f"{path} has {size:,} bytes, which is more than the {most:,} that it can have; export it again"
        )
    return path.read_bytes()


@contextmanager
def _parts_of_a_bundle(directory: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each of the libraries has its own, that of `tokenizers` is no narrower
        reason = " ".join((str(error) or type(error).__name__).split())[:300]
        raise InputError(f"{directory} cannot be read as a bundle ({reason}); export it again") from None


def _described(content: Any) -> tuple[NetworkConfig, tuple[str, ...], int, dict[str, Any], dict[str, int] | None]:
    """What config.json says: config, classes, entries of the vocabulary, facts, and of how many texts it has hashes."""
    if not isinstance(content, dict) or not isinstance(content.get("facts"), dict):
        raise InputError("config.json must be an object with an object of facts")
    said: dict[str, Any] = dict.fromkeys(("config", "classes", "vocabulary_size")) | content
    _check(said["classes"], said["vocabulary_size"])
    sizes = _checked_sizes(said[SEEN_SIZES]) if SEEN_SIZES in said else None
    return (
        NetworkConfig.from_dict(said["config"]),
        tuple(said["classes"]),
        said["vocabulary_size"],
        said["facts"],
        sizes,
    )


def _check(classes: Any, vocabulary_size: Any) -> None:
    most = int(allowed_range("vocabulary_size")[1])
    if type(vocabulary_size) is not int or not 2 <= vocabulary_size <= most:
        raise InputError(f"vocabulary_size must be a whole number between 2 and {most}")
    names = [name for name in classes if isinstance(name, str)] if isinstance(classes, list | tuple) else []
    if not 2 <= len(set(names)) == len(classes) <= MOST_CLASSES or not all(map(str.strip, names)):
        raise InputError(f"the classes must be 2 to {MOST_CLASSES} different names")
    "".join(names).encode()  # half a surrogate pair could not be written anywhere


def _checked_sizes(sizes: Any) -> dict[str, int]:
    if not isinstance(sizes, dict) or sizes.keys() != {"training", "validation"}:
        raise InputError(f"{SEEN_SIZES} must be an object of training and validation")
    if not all(type(size) is int and 0 <= size <= MOST_TEXTS for size in sizes.values()):
        raise InputError(f"{SEEN_SIZES} must be whole numbers from 0 to {MOST_TEXTS}")
    return sizes


def _fill(network: Network, path: Path) -> None:
    """Give a network without memory the weights of a file, if they are its own and are numbers."""
    expected = {name: ("F32", list(tensor.shape)) for name, tensor in network.state_dict().items()}
    with safetensors.safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        found = {name: (part.get_dtype(), part.get_shape()) for name, part in slices.items()}
        for name in expected | found:
            if found.get(name) != expected.get(name):
                there, wanted = (shapes.get(name, "nothing") for shapes in (found, expected))
                raise InputError(f"{path.name} has {there} as {name!r}, where config.json asks for {wanted}")
        # Copies: what is in memory does not change with the file.
        network.load_state_dict({name: file.get_tensor(name).clone() for name in expected}, assign=True)
    for name, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise InputError(f"{name} in {path.name} holds what is not a number")


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _write_folder(directory: Path, contents: dict[str, bytes]) -> str:
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise InputError(f"{directory} exists already; give a folder that does not, or empty it first")
    manifest = _json({"format": FORMAT, "files": {name: _fingerprint(data) for name, data in contents.items()}})
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=".tmp", dir=directory.parent))
        try:
            for name, content in (contents | {"manifest.json": manifest}).items():
                write_through(temporary / name, content)
            temporary.chmod(0o755)
            temporary.rename(directory)  # also over an empty folder
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        if error.errno in NO_SPACE:  # one that came of writing does not say where
            raise OSError(error.errno, error.strerror, str(directory)) from None
        raise InputError(f"cannot write {directory}: {error.strerror or error}; choose another folder") from None
    return hashlib.sha256(manifest).hexdigest()
