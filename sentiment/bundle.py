"""The exported folder: a trained classifier that predicts anywhere this package is installed.

::

    weights.safetensors   the best checkpoint
    tokenizer.json        a Hugging Face tokenizer, fitted on the training rows
    config.json           the `Config`, the classes, and the facts of the card as data
    README.md             the card: what it is, how well it did, how to use it
    manifest.json         sizes and SHA-256 of all of these

The manifest is written last, into a folder that only then takes its final name: a folder under its own name is whole.
Opening verifies every file against the manifest; nothing is ever unpickled.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch
from tokenizers import Tokenizer
from torch import Tensor

from sentiment.batches import SORTED_TOGETHER, Examples
from sentiment.config import Config
from sentiment.errors import InputError
from sentiment.foreign import markdown, markdown_table
from sentiment.model import Network, build_model
from sentiment.tokens import encode
from sentiment.training import predict_probabilities

__all__ = ["Bundle", "copy_bundle", "verify", "write_bundle"]

FORMAT: Final = 1
FILES: Final = ("weights.safetensors", "tokenizer.json", "config.json", "README.md")
CHUNK: Final = SORTED_TOGETHER
"""Texts that are encoded and scored at a time, to bound memory; as many as meet in the batches of a trial's score."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    directory: Path
    config: Config
    classes: tuple[str, ...]
    facts: dict[str, Any]
    """What the card says, as data: fingerprint, scores, study, trial."""
    tokenizer: Tokenizer
    network: Network

    @classmethod
    def open(cls, directory: str | Path) -> "Bundle":
        """Open and verify the folder.

        Raises:
            InputError: it is not a bundle, or a file in it is missing or not what was written.
        """
        directory = Path(directory)
        verify(directory)
        try:
            described = json.loads((directory / "config.json").read_text("utf-8"))
            config = Config.from_dict(described["config"])
            classes = tuple(described["classes"])
            network = build_model(config, described["vocabulary_size"], len(classes))
            network.load_state_dict(safetensors.torch.load_file(directory / "weights.safetensors"))
            tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
            facts = described["facts"]
        except Exception as error:  # each of the libraries has its own, that of `tokenizers` is no narrower
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"{directory} cannot be read as a bundle ({reason}); export it again") from None
        network.eval()
        return cls(directory, config, classes, facts, tokenizer, network)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, float32 [n, K], in the order of `classes`."""
        chunks = [np.empty((0, len(self.classes)), dtype=np.float32)]
        for start in range(0, len(texts), CHUNK):
            # Stripped, as the training texts were.
            chunk = [text.strip() for text in texts[start : start + CHUNK]]
            encoded = encode(self.tokenizer, chunk)
            rows = np.arange(len(chunk))
            chunks.append(predict_probabilities(self.network, Examples(encoded, rows, np.zeros_like(rows))))
        return np.concatenate(chunks)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable class of each text."""
        return [self.classes[index] for index in self.probabilities(texts).argmax(axis=1)]


def write_bundle(
    directory: str | Path,
    *,
    config: Config,
    classes: Sequence[str],
    vocabulary_size: int,
    tokenizer_json: str,
    weights: dict[str, Tensor],
    facts: dict[str, Any],
) -> str:
    """Write a bundle atomically and return the SHA-256 of its manifest, which vouches for every other file.

    Raises:
        InputError: `directory` exists and is not empty, or cannot be written.
    """
    described = {
        "format": FORMAT,
        "config": config.to_dict(),
        "classes": list(classes),
        "vocabulary_size": vocabulary_size,
        "facts": facts,
    }
    contents = {
        "weights.safetensors": safetensors.torch.save(weights),
        "tokenizer.json": tokenizer_json.encode(),
        "config.json": _json(described),
        "README.md": card(config, classes, facts).encode(),
    }
    return _write_folder(Path(directory), contents)


def copy_bundle(source: str | Path, directory: str | Path, facts: dict[str, Any]) -> str:
    """Write a verified bundle under another name, with `facts` added to its card."""
    source = Path(source)
    verify(source)
    described = json.loads((source / "config.json").read_text("utf-8"))
    described["facts"] |= facts
    contents = {name: (source / name).read_bytes() for name in FILES}
    contents["config.json"] = _json(described)
    config = Config.from_dict(described["config"])
    contents["README.md"] = card(config, described["classes"], described["facts"]).encode()
    return _write_folder(Path(directory), contents)


def verify(directory: Path) -> None:
    """Check every file of a bundle against its manifest.

    Raises:
        InputError: it is not a bundle, or a file is missing or damaged.
    """
    try:
        manifest = json.loads((directory / "manifest.json").read_bytes())
        recorded = dict(manifest["files"])
        bundle_format = manifest["format"]
    except (FileNotFoundError, NotADirectoryError):
        what = "is not a bundle: it has no manifest.json" if directory.exists() else "does not exist"
        raise InputError(f"{directory} {what}; give the folder that `sentiment-search export` wrote") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{directory}/manifest.json is damaged; export the bundle again") from None
    if bundle_format != FORMAT:
        raise InputError(f"{directory} is a bundle of format {bundle_format}; this version reads format {FORMAT}")
    for name in FILES:
        try:
            content = (directory / name).read_bytes()
        except OSError as error:
            raise InputError(f"{directory}/{name} cannot be read ({error.strerror}); export the bundle again") from None
        if recorded.get(name) != _fingerprint(content):
            raise InputError(f"{directory}/{name} is damaged: it is not what was written; export the bundle again")


def card(config: Config, classes: Sequence[str], facts: dict[str, Any]) -> str:
    """The bundle's README.md."""
    scores = [(name, str(value)) for name, value in facts.items() if not isinstance(value, dict | list)]
    recipe = [(name, str(value)) for name, value in config.to_dict().items()]
    return f"""# Sentiment classifier: {markdown(" / ".join(classes))}

Written by sentiment-search. `{config.architecture}` over {config.token_unit} tokens.

{markdown_table(("fact", "value"), scores)}

The validation score chose this network among others, so it is optimistic; score rows that no search has seen with
`sentiment-search evaluate` before you quote a number.

## Use

    pip install sentiment-search
    sentiment-search predict . "a review" "another one"
    sentiment-search evaluate . --data reviews.csv --text TEXT_COLUMN --label LABEL_COLUMN

    from sentiment.bundle import Bundle
    bundle = Bundle.open(".")
    bundle.predict(["a review"])          # one of {list(classes)}
    bundle.probabilities(["a review"])    # float32 [n, {len(classes)}], in that order

## Recipe

{markdown_table(("parameter", "value"), recipe)}
"""


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
                with open(temporary / name, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            temporary.chmod(0o755)
            temporary.rename(directory)  # also over an empty folder
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise InputError(
            f"cannot write {directory}: {error.strerror or error}; free space or choose another folder"
        ) from None
    return hashlib.sha256(manifest).hexdigest()
