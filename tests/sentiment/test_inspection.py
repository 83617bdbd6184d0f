import json
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentiment.errors import InputError
from sentiment.inspection import inspect
from sentiment.reviews.dataset import load_dataset
from sentiment.reviews.source import DataSource
from sentiment.terminal import WIDTH

WORDS = ("good", "bad", "film", "plot", "great", "awful", "story", "actor")


def write(path: Path, header: str, rows: list[tuple[str, ...]]) -> str:
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]), encoding="utf-8")
    return str(path)


@pytest.fixture
def stars(tmp_path: Path) -> str:
    """500 rows with stars 1 to 5, the last of which repeats the first, and one empty text."""
    rng = np.random.default_rng(0)
    rows = [(str(n), f"{' '.join(rng.choice(WORDS, 6))} {n}", str(1 + n % 5)) for n in range(498)]
    rows += [("498", "", "1"), ("499", rows[0][1], "1")]
    return write(tmp_path / "stars.tsv", "id\tcontent\tscore", rows)


def test_columns_are_guessed_and_the_guess_is_told(stars: str) -> None:
    found = inspect(stars)
    assert (found.text, found.label) == ("content", "score")
    assert "text column guessed: 'content'" in found.notes
    assert "label column guessed: 'score'" in found.notes
    assert not any("guessed" in note for note in inspect(stars, "content", "score").notes)


def test_columns_without_a_telling_name_are_guessed_by_their_cells(tmp_path: Path) -> None:
    rows = [(str(n), "yn"[n % 2], f"something somebody wrote {n}") for n in range(60)]
    found = inspect(write(tmp_path / "r.tsv", "a\tb\tc", rows))
    assert (found.text, found.label) == ("c", "b")


def test_rows_classes_and_the_split_are_those_that_training_will_use(stars: str) -> None:
    found = inspect(stars, classes="stars-3")
    assert (found.rows, found.kept, found.refusal) == (500, 498, None)
    assert {group.reason: group.rows.tolist() for group in found.left_out} == {
        "empty text": [499],
        "duplicate of an earlier row": [500],
    }
    assert found.classes == ("negative", "neutral", "positive")
    assert found.class_counts == (200, 100, 198)
    assert sum(found.split.values()) == 498
    assert found.fingerprint is not None


def test_each_label_rule_that_fits_is_shown_with_its_classes(stars: str) -> None:
    rules = {rule.name: rule for rule in inspect(stars).label_rules}
    assert set(rules) == {"as-is", "stars-2", "stars-3", "stars-5"}
    assert (rules["stars-2"].counts, rules["stars-2"].left_out) == ((202, 198), 100)


def test_lengths_are_counted_over_kept_rows(tmp_path: Path) -> None:
    texts = ["one", "one two", "one\u3000two three", "a b c d e f g h i j"]
    found = inspect(write(tmp_path / "r.tsv", "text", [(text,) for text in texts]), "text")
    characters, words = found.lengths
    assert (words.median, words.longest) == (2.5, 10)
    assert (characters.median, characters.longest) == (np.median([3, 7, 13, 19]), 19)
    assert characters.p95 == pytest.approx(np.percentile([3, 7, 13, 19], 95))


def test_script_shares_add_up_to_one(tmp_path: Path) -> None:
    rows = [(f"review {n}",) for n in range(30)] + [(f"리뷰 {n}",) for n in range(70)]
    assert inspect(write(tmp_path / "r.tsv", "text", rows)).scripts == {"Hangul": 0.7, "Latin": 0.3}


def test_token_units_say_what_share_of_unseen_tokens_they_know(stars: str) -> None:
    units = {unit.unit: unit for unit in inspect(stars).token_units}
    assert set(units) == {"word", "char", "subword", "jamo"}
    # The running number of each row is a word that no other row has; letters and digits occur everywhere.
    assert units["word"].coverage == pytest.approx(6 / 7, abs=0.03)
    assert units["char"].coverage == 1
    assert units["char"].tokens.median > units["subword"].tokens.median >= units["word"].tokens.median == 7


def test_the_sample_behind_the_token_units_is_stated(stars: str) -> None:
    assert any("fitted on 398 of 398 training rows" in note for note in inspect(stars).notes)


def test_a_file_without_labels_is_described_all_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "r.tsv", "text", [(f"review {n % 40}",) for n in range(50)])
    found = inspect(path)
    assert (found.label, found.kept, found.classes, found.split) == (None, 40, (), {})
    assert "no label column found or given" in found.notes
    assert "review" not in (found.refusal or "")
    assert "Classes" not in found.render()


def test_one_review_is_enough_to_look_at(tmp_path: Path) -> None:
    assert inspect(write(tmp_path / "r.tsv", "text", [("alone",)])).kept == 1


def test_what_training_would_refuse_is_told_beside_the_rest(stars: str) -> None:
    found = inspect(stars, label="id")
    assert "hardly a label" in (found.refusal or "")
    assert found.kept == 498
    report = " ".join(found.render().split())
    assert "Training on this would be refused:" in report
    assert "name another column" in report
    assert "outside the scale" not in (inspect(stars, classes="ten-3").refusal or "")
    assert "use as-is or stars-2" in (inspect(stars, classes="ten-3").refusal or "")


def test_a_wrong_column_is_refused(stars: str) -> None:
    with pytest.raises(InputError, match=r"no column 'scor'.*did you mean 'score'"):
        inspect(stars, label="scor")


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_column_that_training_would_not_read_is_not_described_either(tmp_path: Path, kind: str) -> None:
    rows = [{"review": f"fine {n}", "stars": n % 2, "tags": [n]} for n in range(40)]
    path = tmp_path / f"r.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = inspect(str(path))
    assert (found.text, found.label, found.kept) == ("review", "stars", 40)
    assert any(note.startswith(f"not looked at: {path}") and "nested" in note for note in found.notes)
    for columns in ({"text": "tags", "label": "stars"}, {"text": "review", "label": "tags"}):
        with pytest.raises(InputError, match=r"column 'tags': .*nested") as inspected:
            inspect(str(path), **columns)
        with pytest.raises(InputError) as read:
            load_dataset(DataSource(path=str(path), **columns))
        assert str(inspected.value) == str(read.value)


def test_labels_that_look_alike_are_told_also_where_they_are_why_it_is_refused(tmp_path: Path) -> None:
    rows = [(f"review {n}", ("good", "bad", "Good")[n % 3 if n < 9 else n % 2]) for n in range(60)]
    found = inspect(write(tmp_path / "r.tsv", "text\tlabel", rows))
    assert "class 'Good' has 3 usable rows" in (found.refusal or "")
    assert any("the labels 'Good', 'good' differ only in case" in note for note in found.notes)


def test_of_a_very_long_review_the_beginning_is_read_for_tokens(tmp_path: Path) -> None:
    rows = [(f"review {n}", str(n % 2)) for n in range(40)] + [("word " * 50_000, "1")]
    found = inspect(write(tmp_path / "r.tsv", "text\tlabel", rows))
    assert found.lengths[0].longest == 249_999
    assert {unit.unit: unit.tokens.longest for unit in found.token_units}["word"] == 20_000
    assert "tokens and scripts: of 1 long reviews the first 100,000 characters are read" in found.notes


def test_own_files_are_looked_at_together(stars: str, tmp_path: Path) -> None:
    rows = [("0", f"another review {n}", str(1 + n % 5)) for n in range(25)]
    test = write(tmp_path / "test.tsv", "id\tcontent\tscore", [*rows, ("1", "another review 0", "1")])
    found = inspect(stars, test_path=test)
    assert found.split["test"] == 25
    assert (found.rows, found.kept) == (526, 523)
    assert "(test.tsv)" in found.render()


def test_the_report_fits_100_columns_also_with_wide_names(tmp_path: Path) -> None:
    name = "아주 긴 별점 열 이름 " * 6
    rows = [(f"영화 리뷰 {n}", ("아주 긍정적인 리뷰 " * 8, "부정")[n % 2]) for n in range(100)]
    path = write(tmp_path / "r.tsv", f"리뷰\t{name}", rows)
    report = inspect(path, label=name).render()
    wide = [sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line) for line in report.splitlines()]
    assert max(wide) <= WIDTH
    assert "Hangul" in report


def test_columns_of_a_table_stand_under_their_heads(stars: str) -> None:
    lines = inspect(stars, classes="stars-3").render().splitlines()
    start = next(number for number, line in enumerate(lines) if line.split() == ["class", "rows", "share"])
    assert len({len(line) for line in lines[start : start + 4]}) == 1


def test_the_dictionary_goes_through_json(stars: str) -> None:
    values = json.loads(json.dumps(inspect(stars).to_dict()))
    assert values["left_out"][0] == {"reason": "empty text", "path": stars, "count": 1, "rows": [499]}
    assert values["token_units"][0]["tokens"]["unit"] == "tokens"


def test_inspecting_does_not_import_torch(stars: str) -> None:
    program = (
        "import sys; from sentiment.inspection import inspect; inspect(sys.argv[1]); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, stars], check=True)


def test_importing_the_room_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'sklearn', 'pyarrow', 'tokenizers', 'optuna'}"
    program = f"import sys, sentiment.inspection; assert not {heavy} & set(sys.modules), set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
