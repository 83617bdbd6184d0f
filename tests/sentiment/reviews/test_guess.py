"""Columns and rules that nobody named: taken where one answer is plain, refused with the candidates where not."""

from pathlib import Path

import pytest

from sentiment.errors import InputError
from sentiment.files.reader import Table, read_table
from sentiment.reviews.guess import guess_columns, guess_rule, guess_text

TEXTS = [f"a rather good thing that was number {number} of all" for number in range(60)]


def table(folder: Path, columns: dict[str, list[object]]) -> Table:
    path = folder / "r.tsv"
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join("\t".join(map(str, row)) for row in (columns, *rows)), "utf-8")
    return read_table(path)


def cycle(*values: object) -> list[object]:
    return [values[number % len(values)] for number in range(60)]


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ({"content": TEXTS, "score": cycle(1, 2, 3, 4, 5)}, ("content", "score", "stars-3")),
        ({"리뷰": cycle("좋아요", "별로"), "평점": cycle(1, 2, 3, 4, 5)}, ("리뷰", "평점", "stars-3")),
        ({"review_text": TEXTS, "review_id": range(60), "star_rating": cycle(*range(1, 11))}, (0, 2, "ten-3")),
        ({"reviewText": TEXTS, "airline_sentiment": cycle("neg", "pos")}, (0, 1, "as-is")),
        ({"a": range(60), "b": cycle("y", "n"), "c": TEXTS}, ("c", "b", "as-is")),
        ({"text": TEXTS, "label": cycle(0, 1)}, ("text", "label", "as-is")),
        ({"text": TEXTS, "label": cycle(-1, 0, 1)}, ("text", "label", "as-is")),
        ({"말": [f"좋아요{number}" for number in range(60)], "별점": cycle(1, 2, 3, 4, 5)}, (0, "별점", "stars-3")),
        ({"본문": cycle("좋아요", "별로"), "id": range(60), "별점": cycle(1, 5)}, ("본문", "별점", "as-is")),
        # A title beside a text that is much longer.
        ({"t": TEXTS, "b": [text * 4 for text in TEXTS], "label": cycle("x", "y")}, ("b", "label", "as-is")),
        # A date, a link, a name and a number are no reviews; a column of many values is no label.
        (
            {
                "at": [f"2024-01-01 10:00:{number:02}" for number in range(60)],
                "link": [f"https://example.org/a-long-path/{number}" for number in range(60)],
                "author": cycle("Ann Lee", "Bo Ek"),
                "said": TEXTS,
                "stars": cycle(1, 2, 3, 4, 5),
            },
            ("said", "stars", "stars-3"),
        ),
    ],
)
def test_what_is_plain_is_taken(tmp_path: Path, columns: dict[str, list[object]], taken: tuple[object, ...]) -> None:
    names = list(columns)
    expected = tuple(names[one] if isinstance(one, int) else one for one in taken)
    found = guess_columns(table(tmp_path, columns))
    assert (found.text, found.label, found.classes) == expected


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {"text": TEXTS, "rating": cycle(1, 5), "sentiment": cycle("n", "p")},
            "'rating' or 'sentiment' may be the col",
        ),
        (
            {"one": TEXTS, "other": TEXTS[::-1], "label": cycle("n", "p")},
            "'one' or 'other' may be the column with the r",
        ),
        (
            {"id": range(60), "label": cycle("n", "p")},
            "no column is plainly the one with the reviews among 'id', 'label'",
        ),
        ({"text": TEXTS, "id": range(60)}, "no column is plainly the one with the labels among 'id'; give --label"),
        ({"text": TEXTS, "label": cycle("n")}, "column 'label': only the value 'n'; a classifier needs two or more"),
        (
            {"text": TEXTS, "label": range(60)},
            "column 'label': 60 different values ('0', '1', '2', '3', '4', '5', '6',",
        ),
        ({"text": TEXTS, "label": cycle(*range(11))}, 'whose classes are not plain; give --classes as-is, or "neg'),
    ],
)
def test_what_is_not_plain_is_refused_with_the_candidates(
    tmp_path: Path, columns: dict[str, list[object]], told: str
) -> None:
    with pytest.raises(InputError) as refused:
        guess_columns(table(tmp_path, columns))
    assert told in str(refused.value)


def test_the_column_with_the_labels_is_not_the_one_with_the_reviews(tmp_path: Path) -> None:
    assert guess_text(table(tmp_path, {"text": TEXTS, "review": cycle("good", "bad")}), other="review") == "text"


def test_a_few_labels_that_are_none_do_not_hide_a_scale() -> None:
    counts = {"1": 50, "2": 50, "3": 50, "4": 50, "5": 50}
    assert guess_rule(counts | {"N/A": 3}, "r") == "stars-3"
    assert guess_rule(counts | {"N/A": 30}, "r") == "as-is"


def test_the_rule_is_told_in_words(tmp_path: Path) -> None:
    found = guess_columns(table(tmp_path, {"text": TEXTS, "stars": cycle(1, 2, 3, 4, 5)}))
    assert found.rule == "stars-3 (1-2 negative, 3 neutral, 4-5 positive)"
    found = guess_columns(table(tmp_path, {"text": TEXTS, "stars": cycle("\x1b[1mgood", "bad")}))
    assert found.rule == r"as-is (\x1b[1mgood, bad)"
