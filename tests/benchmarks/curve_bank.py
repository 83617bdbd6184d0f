"""Learning curves of random configurations, each trained in full, so that search strategies can be replayed in seconds.

    python -m tests.benchmarks.curve_bank netflix=netflix-2024-06.csv:content:score:stars-3 \\
        naver=nsmc-train.tsv.xz:document:label:as-is --rows 8000 --configurations 250 --workers 2

makes `tests/benchmarks/curves.jsonl` again (two thirds of an hour on two cores); started again, it goes on. For each
data set the file holds the space in one line, and then one line for each configuration: what was drawn, and macro-F1
on the validation rows after each half epoch. Numbers below `RECIPES` are the settings that a search tries first; the
others are drawn at random, each alone decided by its number. Nothing was pruned, and nothing that had collapsed was
ended early: the bank knows what would have become of it. No text of any review is in it.

`tests/benchmarks/strategies.py` replays strategies on it.
"""

import argparse
import json
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution

from search.study.space import Space, defaults_for
from sentiment.models.family import Resources
from sentiment.models.network.parameters import RECIPES
from sentiment.models.registry import train
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.reviews.source import DataSource

BANK = Path(__file__).parent / "curves.jsonl"


@dataclass(frozen=True)
class Bank:
    """The trained configurations of one data set."""

    data: str
    distributions: dict[str, BaseDistribution]
    params: tuple[dict[str, Any], ...]
    """Of each configuration; the known-good ones first."""
    curves: tuple[np.ndarray, ...]
    """Of each, macro-F1 on the validation rows at each step."""
    known_good: int
    """How many of them are known-good settings."""
    steps_per_epoch: int
    fixed: dict[str, Any]
    """What was not drawn."""
    class_sizes: tuple[int, ...]
    """Validation rows of each class."""


def load_banks(path: Path = BANK) -> list[Bank]:
    """The data sets in the file."""
    banks = []
    lines = sorted((json.loads(line) for line in path.open(encoding="utf-8")), key=lambda line: line["data"])
    for data, group in groupby(lines, key=lambda line: line["data"]):
        rows = list(group)
        header = next(row for row in rows if "distributions" in row)
        trained = sorted((row for row in rows if "curve" in row), key=lambda row: row["number"])
        banks.append(
            Bank(
                data=data,
                distributions={name: json_to_distribution(text) for name, text in header["distributions"].items()},
                params=tuple(row["params"] for row in trained),
                curves=tuple(np.array(row["curve"]) for row in trained),
                known_good=sum(row["number"] < len(RECIPES) for row in trained),
                steps_per_epoch=header["steps per epoch"],
                fixed=header["fixed"],
                class_sizes=tuple(header["validation rows of each class"]),
            )
        )
    return banks


_opened: dict[str, tuple[Dataset, Space]] = {}


def _open(sources: dict[str, DataSource]) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    for name, source in sources.items():
        dataset = load_dataset(source)
        _opened[name] = (dataset, Space.of({"family": "network"}, defaults=defaults_for(dataset.texts("train"))))


def _train(name: str, number: int, cache: Path) -> dict[str, Any]:
    dataset, space = _opened[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number))
    known = space.known_good()
    if number < len(known):
        study.enqueue_trial(known[number])
    trial = study.ask()
    config = space.sample(trial, seed=number)
    trained = train(config, dataset, Resources(cache, end_early=False))
    curve = [round(report.macro_f1, 4) for report in trained.reports]
    return {
        "data": name,
        "number": number,
        "params": trial.params,
        "curve": curve,
        "seconds": round(trained.seconds, 1),
    }


def _source(text: str, rows: int) -> tuple[str, DataSource]:
    name, _, rest = text.partition("=")
    path, column, label, classes = rest.split(":")
    return name, DataSource(path=path, text=column, label=label, classes=classes, max_rows=rows)


def _header(name: str) -> dict[str, Any]:
    dataset, space = _opened[name]
    return {
        "data": name,
        "rows": {"train": len(dataset.split.train), "validation": len(dataset.split.validation)},
        "validation rows of each class": dataset.class_sizes("validation"),
        "distributions": {key: distribution_to_json(value) for key, value in space.distributions.items()},
        "fixed": space.fixed,
        "steps per epoch": space.fixed["evaluations_per_epoch"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a bank of learning curves")
    parser.add_argument("data", nargs="+", help="NAME=FILE:TEXT:LABEL:CLASSES")
    parser.add_argument("--rows", type=int, default=8000, help="of each data set, a stratified sample")
    parser.add_argument("--configurations", type=int, default=250, help="of each data set")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=BANK)
    arguments = parser.parse_args()
    sources = dict(_source(text, arguments.rows) for text in arguments.data)
    there = set()
    if arguments.out.exists():
        lines = [json.loads(line) for line in arguments.out.open(encoding="utf-8")]
        there = {(line["data"], line.get("number")) for line in lines}
    _open(sources)
    with (
        arguments.out.open("a", encoding="utf-8") as out,
        tempfile.TemporaryDirectory() as cache,
        ProcessPoolExecutor(arguments.workers, get_context("spawn"), _open, (sources,)) as pool,
    ):

        def write(lines: Iterable[dict[str, Any]]) -> None:
            for line in lines:
                print(json.dumps(line, ensure_ascii=False), file=out, flush=True)

        write(_header(name) for name in sources if (name, None) not in there)
        wanted = [(name, number) for number in range(arguments.configurations) for name in sources]
        futures = [pool.submit(_train, *one, Path(cache)) for one in wanted if one not in there]
        for done, future in enumerate(as_completed(futures), start=1):
            write([future.result()])
            print(f"{done} of {len(futures)}", end="\r", flush=True)


if __name__ == "__main__":
    main()
