"""The exported folder: a trained classifier that predicts anywhere this package is installed.

::

    config.json           the config, the classes, and the facts of the card as data
    README.md             the card: what it is, how well it did, how to use it
    seen-texts.bin        hashes of the texts that it was trained on and chosen by; not in bundles of earlier versions
    manifest.json         sizes and SHA-256 of all of these

and the files of its family: the weights and the tokenizer of a network, the weights and the n-grams of a linear model,
the weights, the tokenizer and the architecture of an encoder.

The manifest is written last, into a folder that only then takes its final name: a folder under its own name is whole.
Opening verifies every file against the manifest; nothing is ever unpickled.

A manifest vouches for what was written, not for who wrote it. What a folder says of itself is checked before anything
is made of it: no file is read past the size that such a file can have, and each family checks its own (`Family.load`).
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

from sentiment.bundle.seen import BYTES_PER_TEXT, SeenTexts
from sentiment.checked import shown
from sentiment.errors import NO_SPACE, InputError, MissingExtraError
from sentiment.foreign import markdown, markdown_table, visible
from sentiment.models.config import Config
from sentiment.models.family import Model
from sentiment.models.registry import config_of, family_of
from sentiment.writing import write_through

__all__ = ["Bundle", "copy_bundle", "refuse_occupied", "write_bundle"]

FORMAT: Final = 1
FILES: Final = ("config.json", "README.md")
"""In every bundle, beside the files of its family."""
SEEN: Final = "seen-texts.bin"
"""Not in every bundle: earlier versions made none."""
SEEN_SIZES: Final = "seen_texts"
"""What config.json calls the numbers of hashes in it."""
CHUNK: Final = 8192
"""Texts that are read and answered at a time, to bound memory."""
MOST_CLASSES: Final = 1000
MOST_BYTES: Final = 1 << 23
"""Of config.json, README.md and manifest.json; and of the other files beside what their numbers need."""
MOST_TEXTS: Final = 1 << 27
"""Of training, and of validation, that hashes are kept of."""

SCORED: Final = """The score above chose this model among others, so it is optimistic; score rows that no search has \
seen with
`sentiment-search evaluate` before you quote a number: your own (it says how many of them the model has seen), or
those that the search sealed, once, where its study is (`--sealed`)."""
UNSCORED: Final = """It has not been scored. Before you quote a number, score rows of your own with `sentiment-search \
evaluate`, which
says how many of them the model has seen."""


class DamagedError(InputError):
    """A file of a bundle is not what was written."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle."""

    directory: Path
    config: Config
    classes: tuple[str, ...]
    facts: dict[str, Any]
    """What the card says, as data: fingerprint, scores, study, trial."""
    model: Model
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
            said = _object(json.loads(content))
            config, sizes = config_of(said["config"]), _seen_sizes(said)
            if (sizes is None) is (SEEN in recorded):
                raise InputError(f"of {SEEN} config.json and manifest.json do not say the same")
        family = family_of(config.family)
        _refuse_other_names(directory, recorded, family.files_of(config))
        _verified(directory, "README.md", recorded)
        hashes = b"" if sizes is None else _verified(directory, SEEN, recorded, BYTES_PER_TEXT * sum(sizes.values()))
        with _parts_of_a_bundle(directory):
            seen = None if sizes is None else SeenTexts.from_bytes(hashes, sizes)
            model = family.load(
                config, len(said["classes"]), said, lambda name, most: _verified(directory, name, recorded, most)
            )
        return cls(directory, config, tuple(said["classes"]), said["facts"], model, seen)

    def __repr__(self) -> str:
        names = ", ".join(map(visible, self.classes[:8])) + (", ..." if len(self.classes) > 8 else "")
        return f"Bundle({visible(str(self.directory))}: {self.config.title}; classes {names})"

    def probabilities(self, texts: Sequence[str] | str) -> np.ndarray:
        """Class probabilities, float32 [n, K], in the order of `classes`; a single string is one text.

        Raises:
            InputError: what is given is no text; or the weights are so large that no number comes of them.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(f"text {place} (counted from 0) is {shown(text)}; give strings")
        # Stripped, as the training texts were.
        found: np.ndarray = self.model.probabilities([text.strip() for text in texts]).astype(np.float32)
        if not np.isfinite(found).all():
            raise InputError(f"{self.directory} answers with what is not a number; export another trial")
        return found

    def predict(self, texts: Sequence[str] | str) -> list[str]:
        """The most probable class of each text; a single string is one text."""
        return [self.classes[index] for index in self.probabilities(texts).argmax(axis=1)]


def write_bundle(
    directory: str | Path,
    *,
    model: Model,
    classes: Sequence[str],
    facts: dict[str, Any],
    seen: SeenTexts | None = None,
) -> str:
    """Write a bundle atomically and return the SHA-256 of its manifest, which vouches for every other file.

    With `seen`, the bundle can say of any text whether the model has seen it.

    Raises:
        InputError: `directory` exists and is not empty, or cannot be written; or such classes, or so many texts,
            cannot be opened again.
    """
    described: dict[str, Any] = {
        **model.sizes,
        "format": FORMAT,
        "config": model.config.to_dict(),
        "classes": list(classes),
        "facts": facts,
    } | ({} if seen is None else {SEEN_SIZES: seen.sizes})
    _seen_sizes(_object(described))
    contents = {
        **model.files(),
        "config.json": _json(described),
        "README.md": card(model.config, classes, facts).encode(),
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


def card(config: Config, classes: Sequence[str], facts: dict[str, Any]) -> str:
    """The bundle's README.md."""
    scores = [(name, str(value)) for name, value in facts.items() if not isinstance(value, dict | list)]
    recipe = [(name, str(value)) for name, value in _one_by_one(config.to_dict())]
    extra = family_of(config.family).extra_of(config)
    package = "sentiment-search" if extra is None else f"'sentiment-search[{extra}]'"
    return f"""# Sentiment classifier: {markdown(" / ".join(classes))}

Written by sentiment-search. {config.title}.

{markdown_table(("fact", "value"), scores)}

{SCORED if any("macro-F1" in fact for fact in facts) else UNSCORED}

## Use

    pip install {package}
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


def _one_by_one(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and values, with those of each member of an ensemble for themselves."""
    for name, value in values.items():
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value) or not value:
            yield name, value
            continue
        for number, part in enumerate(value, start=1):
            yield from ((f"member {number}: {own}", kept) for own, kept in part.items())


def _manifest(directory: Path) -> dict[str, Any]:
    """What the manifest records of each file; `FILES` are among them."""
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
    if not recorded.keys() >= set(FILES):
        raise InputError(f"{directory}/manifest.json does not name {' and '.join(FILES)}; export the bundle again")
    return recorded


def _refuse_other_names(directory: Path, recorded: dict[str, Any], of_model: Sequence[str]) -> None:
    wanted = (*FILES, *of_model)
    if recorded.keys() - {SEEN} != set(wanted):
        raise InputError(
            f"{directory}/manifest.json names other files than {', '.join(wanted)}; export the bundle again"
        )


def _verified(directory: Path, name: str, recorded: dict[str, Any], numbers: int = 0) -> bytes:
    """A file's content, which is what the manifest says; `numbers` are the bytes that its numbers may take.

    Raises:
        DamagedError: it is not, with all that is to be said of it.
    """
    try:
        content = _content(directory / name, MOST_BYTES + numbers)
    except OSError as error:
        raise DamagedError(f"{directory}/{name} cannot be read ({error.strerror}); export the bundle again") from None
    if recorded[name] != _fingerprint(content):
        raise DamagedError(f"{directory}/{name} is damaged: it is not what was written; export the bundle again")
    return content


def _content(path: Path, most: int) -> bytes:
    if path.exists() and not path.is_file():  # a pipe or a device may never end
        raise DamagedError(f"{path} is no plain file; export the bundle again")
    size = path.stat().st_size
    if size > most:
        raise DamagedError(
            f"{path} has {size:,} bytes, which is more than the {most:,} that it can have; export it again"
        )
    return path.read_bytes()


@contextmanager
def _parts_of_a_bundle(directory: Path) -> Iterator[None]:
    try:
        yield
    except (DamagedError, MissingExtraError):
        raise
    except Exception as error:  # each of the libraries has its own, that of `tokenizers` is no narrower
        reason = " ".join((str(error) or type(error).__name__).split())[:300]
        raise InputError(f"{directory} cannot be read as a bundle ({reason}); export it again") from None


def _object(said: Any) -> dict[str, Any]:
    """What config.json says, if its classes and its facts are some."""
    if not isinstance(said, dict) or not isinstance(said.get("facts"), dict):
        raise InputError("config.json must be an object with an object of facts")
    classes: Any = said.get("classes")
    names = [name for name in classes if isinstance(name, str)] if isinstance(classes, list) else []
    if not 2 <= len(set(names)) <= MOST_CLASSES or len(set(names)) != len(classes) or not all(map(str.strip, names)):
        raise InputError(f"the classes must be 2 to {MOST_CLASSES} different names")
    "".join(names).encode()  # half a surrogate pair could not be written anywhere
    return {"config": None} | said


def _seen_sizes(said: dict[str, Any]) -> dict[str, int] | None:
    """Of how many texts it has hashes; None in a bundle that has none."""
    sizes = said.get(SEEN_SIZES)
    if SEEN_SIZES not in said:
        return None
    if not isinstance(sizes, dict) or sizes.keys() != {"training", "validation"}:
        raise InputError(f"{SEEN_SIZES} must be an object of training and validation")
    if not all(type(size) is int and 0 <= size <= MOST_TEXTS for size in sizes.values()):
        raise InputError(f"{SEEN_SIZES} must be whole numbers from 0 to {MOST_TEXTS}")
    return sizes


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def refuse_occupied(directory: Path) -> None:
    """Refuse where no bundle can be written.

    Raises:
        InputError: `directory` is a file, or a folder with something in it.
    """
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise InputError(f"{directory} exists already; give a folder that does not, or empty it first")


def _write_folder(directory: Path, contents: dict[str, bytes]) -> str:
    refuse_occupied(directory)
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
