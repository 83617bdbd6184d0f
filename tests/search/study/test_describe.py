import csv
from pathlib import Path
from typing import Any

import optuna

from search.study.create import SearchStudy, describe
from search.study.space import Space
from sentiment.reviews.dataset import load_dataset
from tests.support.tiny import SPACE, source


def described(path: Path, rows: list[tuple[str, int]], encoding: str = "utf-8", **changes: Any) -> list[str]:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([("text", "stars"), *rows])
    dataset = load_dataset(source(path, **changes))
    study = optuna.create_study(study_name="tiny")
    return describe(SearchStudy(study, dataset, Space.of(SPACE), 0, None, path.parent), 7).splitlines()


def reviews(n: int, prefix: str = "film") -> list[tuple[str, int]]:
    return [(f"{prefix} {number}", (1, 5)[number % 2]) for number in range(n)]


def test_nothing_guessed_and_nothing_left_out_is_one_line(tmp_path: Path) -> None:
    (line,) = described(tmp_path / "r.csv", reviews(100))
    assert line.startswith("Study tiny: 80 training, 10 validation and 10 sealed test rows (negative 50, positive 50)")


def test_rows_left_out_are_summed_up_by_reason_over_all_files_the_most_first(tmp_path: Path) -> None:
    with (tmp_path / "test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "stars"), ("sealed 1", 1), ("sealed 2", 5), ("sealed 2", 5)])
    rows = reviews(1200) + reviews(1200) + [(f"neutral {number}", 3) for number in range(2)] + [(" ", 5)]
    _, line = described(tmp_path / "r.csv", rows, test_path=str(tmp_path / "test.csv"))
    assert line == (
        "Left out before the split: 1,201 duplicate of an earlier row, 2 label not in the rule, 1 empty text "
        "(`sentiment-search inspect` names the rows)."
    )


def test_groups_are_counted_in_every_part(tmp_path: Path) -> None:
    rows = [(f"{text} by author {number % 20}", stars) for number, (text, stars) in enumerate(reviews(200))]
    with (tmp_path / "r.csv").open("w", newline="") as file:
        table = [(text, stars, f"author {number // 2 % 20}") for number, (text, stars) in enumerate(rows)]
        csv.writer(file).writerows([("text", "stars", "author\x1b"), *table])
    dataset = load_dataset(source(tmp_path / "r.csv", group="author\x1b"))
    opened = SearchStudy(optuna.create_study(study_name="tiny"), dataset, Space.of(SPACE), 0, None, tmp_path)
    _, line = describe(opened, 7).splitlines()
    assert line == (
        r"Rows with the same author\x1b are in one part; of such groups 16 in training, 2 in validation and 2 in "
        "the sealed rows. So few groups make scores much less sure than so many rows would."
    )


def test_an_encoding_that_was_guessed_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    _, line = described(tmp_path / "r.csv", reviews(100, "정말 재미있는 영화"), "cp949")
    assert line.startswith(f"{tmp_path / 'r.csv'} was read as cp949, which was guessed from its bytes; ")
