"""A study small enough for a test: 400 short made-up reviews, networks of a few hundred weights, one or two epochs."""

import csv
import random
from pathlib import Path
from typing import Any

from search.study.definition import StudyDefinition
from sentiment.reviews.source import DataSource

__all__ = ["CLASSES", "SPACE", "definition", "source", "write_reviews", "write_study_file"]

GOOD = ["wonderful", "moving", "brilliant", "charming", "funny", "superb", "delightful", "fine"]
BAD = ["dull", "awful", "boring", "tedious", "wretched", "clumsy", "lifeless", "poor"]
FILLER = [
    "the",
    "film",
    "is",
    "a",
    "story",
    "of",
    "two",
    "people",
    "in",
    "town",
    "with",
    "some",
    "scenes",
    "and",
    "music",
]

CLASSES = {"negative": ["1"], "positive": ["5"]}
SPACE: dict[str, Any] = {
    "family": "network",
    "architecture": ["textcnn", "lstm"],
    "token_unit": "word",
    "vocabulary_size": 200,
    "max_tokens": 16,
    "embedding_size": 16,
    "filters": 16,
    "hidden_size": 16,
    "kernel_sizes": [[2], [2, 3]],
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "dropout": 0.1,
    "wide": False,
    "optimizer": "adam",
    "learning_rate": {"low": 0.01, "high": 0.05, "log": True},
    "epochs": {"low": 1, "high": 2},
    "batch_size": 16,
}


def write_reviews(path: Path, n: int = 400, seed: int = 0) -> Path:
    """Columns text and stars (1 or 5): each text has one telling word, a third have one of the other class too."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "stars"])
        for number in range(n):
            telling, other = (GOOD, BAD) if rng.random() < 0.5 else (BAD, GOOD)
            words = [*rng.choices(FILLER, k=rng.randint(4, 10)), rng.choice(telling), str(number)]
            if rng.random() < 0.3:
                words.append(rng.choice(other))
            rng.shuffle(words)
            table.writerow([" ".join(words), 5 if telling is GOOD else 1])
    return path


def source(path: Path, **changes: Any) -> DataSource:
    return DataSource(path=str(path), **{"text": "text", "label": "stars", "classes": CLASSES} | changes)


def definition(path: Path, **changes: Any) -> StudyDefinition:
    settings: dict[str, Any] = {"name": "tiny", "space": SPACE, "trials": 3, "threads": 1}
    return StudyDefinition(data=source(path), **settings | changes)


def write_study_file(path: Path, reviews: Path, *, epochs: int = 1, **search: Any) -> Path:
    """The same as TOML, for a process; `epochs` is fixed."""
    lines = ['name = "tiny"', "[data]", f'path = "{reviews}"', 'text = "text"', 'label = "stars"']
    lines += ["classes = { negative = [1], positive = [5] }", "[space]"]
    for name, value in (SPACE | {"epochs": epochs}).items():
        as_table = isinstance(value, dict)
        written = str(value).lower() if isinstance(value, bool) else repr(value)
        lines.append(f"{name} = " + ("{ low = 0.01, high = 0.05, log = true }" if as_table else written))
    lines += ["[search]", *(f"{name} = {value!r}" for name, value in ({"trials": 3, "threads": 1} | search).items())]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
