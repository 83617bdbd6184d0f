import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from sentiment.bundle import scoring
from sentiment.bundle.folder import Bundle
from sentiment.bundle.scoring import evaluate, predict_file, predictions, score
from sentiment.errors import InputError
from tests.sentiment.conftest import Exported
from tests.sentiment.test_foreign import OBEYED
from tests.support.tiny import CLASSES


@pytest.fixture(scope="module")
def bundle(exported: Exported) -> Bundle:
    return Bundle.open(exported.folder)


def table(path: Path, *rows: tuple[str, ...]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "stars"), *rows])
    return str(path)


class TestPredictions:
    def test_name_the_most_probable_class_and_the_probability_of_each(self, bundle: Bundle) -> None:
        (row,) = predictions(bundle, ["a wonderful film"])
        assert row["text"] == "a wonderful film"
        assert row["label"] == max(row["probabilities"], key=row["probabilities"].get)
        assert list(row["probabilities"]) == ["negative", "positive"]
        assert row["probabilities"]["positive"] == round(float(bundle.probabilities(["a wonderful film"])[0, 1]), 6)

    @pytest.mark.parametrize(
        "text",
        [
            "\u200b\u200d\ufeff" * 100,
            "\ud800\udfff \udc00",
            "\x00" * 1000,
            "\u202e" * 1000,
            "\uffff\U0010ffff",
            "e" + "\u0301" * 10**5,
            "ﷺ" * 10**5,
            "İ" * 10**5,
            "!'" * 10**5,
            "a" * 10**6,
        ],
        ids=lambda text: f"{text[:2]!a} x {len(text)}",
    )
    def test_answer_for_any_text(self, bundle: Bundle, text: str) -> None:
        (row,) = predictions(bundle, [text])
        assert row["label"] in bundle.classes
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)

    def test_of_an_empty_text_are_none(self, bundle: Bundle) -> None:
        assert predictions(bundle, [" \n"]) == [{"text": " \n", "label": None, "probabilities": {}}]
        assert predictions(bundle, []) == []


class TestClassesThatAreCommands:
    """Labels that a spreadsheet or a terminal would obey."""

    @pytest.fixture
    def hostile(self, bundle: Bundle) -> Bundle:
        return replace(bundle, classes=("=1+1", "\x1b[31mred\n"), facts={})

    def test_are_no_formulas_in_a_file_and_otherwise_as_they_are(
        self, hostile: Bundle, reviews_csv: Path, tmp_path: Path
    ) -> None:
        predict_file(hostile, str(reviews_csv), "text", tmp_path / "out.csv")
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["label"] for row in rows} == {"'=1+1", "\x1b[31mred\n"}
        assert list(rows[0]) == ["row", "label", "p(=1+1)", "p(\x1b[31mred\n)"]
        assert sum(float(rows[0][name]) for name in list(rows[0])[2:]) == pytest.approx(1, abs=1e-5)

    def test_that_are_numbers_stay_numbers(self, bundle: Bundle, reviews_csv: Path, tmp_path: Path) -> None:
        predict_file(replace(bundle, classes=("-1", "+1")), str(reviews_csv), "text", tmp_path / "out.csv")
        with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
            assert {row["label"] for row in csv.DictReader(file)} == {"-1", "+1"}

    def test_reach_standard_output_written_out(
        self, hostile: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = table(tmp_path / "in.csv", ("wonderful \x1b[2J", "5"), ("dull \x9b2J", "1"))
        predict_file(hostile, data, "text", None)
        predict_file(hostile, data, "text", None, as_json=True)
        written = capsys.readouterr().out
        assert not OBEYED.search(written)
        assert len(written.splitlines()) == 3 + 2
        assert json.loads(written.splitlines()[-1])["text"] == "dull \x9b2J"

    def test_keep_the_figures_of_an_evaluation_in_their_columns(self, hostile: Bundle, tmp_path: Path) -> None:
        data = table(tmp_path / "in.csv", ("wonderful", "=1+1"), ("dull", "\x1b[31mred"))
        rendered = evaluate(hostile, data, "text", "stars").render().splitlines()
        assert not any(map(OBEYED.search, rendered))
        assert [line.split()[0] for line in (rendered[5], *rendered[7:9])] == ["class", "=1+1", r"\x1b[31mred\n"]


class TestAFileOfTexts:
    def test_is_labelled_row_by_row_in_its_order(
        self, bundle: Bundle, reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scoring, "CHUNK", 37)  # several pieces
        said = predict_file(bundle, str(reviews_csv), "text", tmp_path / "out.csv")
        assert said == f"400 rows of {reviews_csv} labelled; written to {tmp_path / 'out.csv'}"
        rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8")))
        texts = [row["text"] for row in csv.DictReader(reviews_csv.open(encoding="utf-8"))]
        assert [int(row["row"]) for row in rows] == list(range(1, 401))
        assert [row["label"] for row in rows] == bundle.predict(texts)
        written = np.array([[row["p(negative)"], row["p(positive)"]] for row in rows], dtype=float)
        np.testing.assert_allclose(written, bundle.probabilities(texts), atol=1e-5)

    def test_answers_for_every_row_also_those_without_a_text(self, bundle: Bundle, tmp_path: Path) -> None:
        data = table(tmp_path / "in.csv", ("fine", "1"), ("", "5"), ("two\nlines, 🎬", ""), ("   ", ""))
        said = predict_file(bundle, data, "text", tmp_path / "out.jsonl", as_json=True)
        assert "4 rows" in said
        assert "2 rows have no text and so no label" in said
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        assert [row["row"] for row in rows] == [1, 2, 3, 4]
        assert [row["label"] is None for row in rows] == [False, True, False, True]
        assert rows[2]["text"] == "two\nlines, 🎬"

    def test_goes_to_standard_output_where_no_file_is_named(
        self, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        predict_file(bundle, table(tmp_path / "in.csv", ("fine", "")), "text", None)
        assert capsys.readouterr().out.startswith("row,label,p(negative),p(positive)\n1,")

    def test_is_never_overwritten_with_its_own_labels(self, bundle: Bundle, tmp_path: Path) -> None:
        data = Path(table(tmp_path / "in.csv", ("fine", "1")))
        before = data.read_bytes()
        with pytest.raises(InputError, match=r"--out is .*in[.]csv, the file with the reviews"):
            predict_file(bundle, str(data), "text", tmp_path / "." / "in.csv")
        assert data.read_bytes() == before

    def test_leaves_what_was_there_when_it_cannot_be_finished(
        self, bundle: Bundle, reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "out.csv").write_text("yesterday's")

        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(scoring, "predictions", interrupted)
        with pytest.raises(KeyboardInterrupt):
            predict_file(bundle, str(reviews_csv), "text", tmp_path / "out.csv", overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
        assert (tmp_path / "out.csv").read_text() == "yesterday's"

    def test_may_be_read_by_those_who_may_read_other_new_files(
        self, bundle: Bundle, reviews_csv: Path, tmp_path: Path
    ) -> None:
        predict_file(bundle, str(reviews_csv), "text", tmp_path / "out.csv")
        (tmp_path / "other").touch()
        assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_may_go_into_a_pipe_which_stays_one(self, bundle: Bundle, tmp_path: Path) -> None:
        import threading

        pipe, read = tmp_path / "pipe", []
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
        reader.start()
        predict_file(bundle, table(tmp_path / "in.csv", ("fine", "1")), "text", pipe)
        reader.join(timeout=120)
        assert read[0].startswith("row,label")
        assert pipe.is_fifo()

    @pytest.mark.parametrize(
        ("out", "message"),
        [("none/out.csv", "No such file or directory"), ("", "Is a directory"), ("in.csv/x", "Not a directory")],
    )
    def test_that_cannot_be_written_is_refused(self, bundle: Bundle, tmp_path: Path, out: str, message: str) -> None:
        data = table(tmp_path / "in.csv", ("fine", "1"))
        with pytest.raises(InputError, match=f"cannot write .*: {message}; choose another --out"):
            predict_file(bundle, data, "text", tmp_path / out)
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


class TestAnEvaluation:
    def test_has_the_figures_of_scikit_learn(self, bundle: Bundle, exported: Exported, reviews_csv: Path) -> None:
        figures = evaluate(bundle, str(reviews_csv), "text", "stars")
        rows = list(csv.DictReader(reviews_csv.open(encoding="utf-8")))
        labels = [int(row["stars"] == "5") for row in rows]
        guesses = bundle.probabilities([row["text"] for row in rows]).argmax(axis=1)
        assert figures.macro_f1 == pytest.approx(f1_score(labels, guesses, average="macro"))
        assert figures.accuracy == pytest.approx(accuracy_score(labels, guesses))
        np.testing.assert_array_equal(figures.confusion, confusion_matrix(labels, guesses))
        expected = precision_recall_fscore_support(labels, guesses)
        for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
            np.testing.assert_allclose([entry[name] for entry in figures.per_class], values)
        assert figures.macro_f1 > 0.7
        assert figures.left_out == {}

    def test_reads_labels_by_name_by_the_rule_of_the_training_or_by_another(
        self, bundle: Bundle, tmp_path: Path
    ) -> None:
        text = ("wonderful", "awful")
        raw = table(tmp_path / "raw.csv", (text[0], "5.0"), (text[1], " 1 "))
        named = table(tmp_path / "named.csv", (text[0], "positive"), (text[1], "negative"))
        words = table(tmp_path / "words.csv", (text[0], "yes"), (text[1], "no"))
        by_rule = evaluate(bundle, raw, "text", "stars").confusion
        np.testing.assert_array_equal(evaluate(bundle, named, "text", "stars").confusion, by_rule)
        mapping = {"positive": ["yes"], "negative": ["no"]}
        np.testing.assert_array_equal(evaluate(bundle, words, "text", "stars", classes=mapping).confusion, by_rule)
        assert by_rule.sum() == 2

    def test_counts_the_rows_that_it_leaves_out_by_reason(self, bundle: Bundle, tmp_path: Path) -> None:
        rows = [("fine", "5"), ("", "5"), ("dull", ""), ("so so", "3"), ("so", "3")]
        figures = evaluate(bundle, table(tmp_path / "in.csv", *rows), "text", "stars")
        assert figures.left_out == {"no text": 1, "no label": 1, "label not in the rule": 2}
        assert figures.confusion.sum() == 1
        assert "1 rows scored; 1 left out: no text; 1 left out: no label" in figures.render()

    def test_says_how_many_texts_the_bundle_has_seen_and_what_it_is_worth_without_them(
        self, bundle: Bundle, exported: Exported, reviews_csv: Path, tmp_path: Path
    ) -> None:
        figures = evaluate(bundle, str(reviews_csv), "text", "stars")
        unseen = score(bundle, "x", exported.dataset.texts("test"), exported.dataset.labels("test"))
        assert figures.seen is not None and figures.seen.without_them is not None
        assert (figures.seen.trained_on, figures.seen.chose_checkpoint, figures.seen.classes_lost) == (320, 40, ())
        assert figures.seen.without_them.macro_f1 == unseen.macro_f1
        assert figures.seen.without_them.accuracy == unseen.accuracy
        assert figures.seen.without_them.calibration_error == pytest.approx(unseen.calibration_error, abs=1e-6)
        lines = figures.render().splitlines()
        assert lines[3].startswith("The bundle was trained on 320 of these texts, and 40 more chose its checkpoint: ")
        assert lines[4] == f"Without them (40 rows): {unseen.figures()}"
        told = json.loads(json.dumps(figures.to_dict(), allow_nan=False))["seen"]
        assert told["trained_on"] == 320
        assert told["without_them"]["macro_f1"] == unseen.macro_f1

    def test_of_new_texts_says_so_in_one_line(self, bundle: Bundle, tmp_path: Path) -> None:
        figures = evaluate(bundle, table(tmp_path / "in.csv", ("fine", "5"), ("dull", "1")), "text", "stars")
        said = "The bundle was trained on none of these texts, and none chose its checkpoint."
        assert figures.render().splitlines()[2:5] == [figures.figures(), said, ""]
        assert figures.to_dict()["seen"]["without_them"] is None

    @pytest.mark.parametrize(
        ("trained", "chose", "new", "said"),
        [
            (3, 0, 0, "was trained on all of these texts: the figures say nothing of new ones."),
            (0, 2, 0, "on 0 of these texts, and 2 more chose its checkpoint, which is all of them: the figures say "),
            (2, 2, 0, "on 2 of these texts, and 2 more chose its checkpoint, which is all of them: the figures say "),
            (4, 0, 1, "(1 rows, none of class negative): macro-F1 "),
        ],
    )
    def test_of_texts_that_were_all_seen_says_so_in_words(
        self, bundle: Bundle, exported: Exported, tmp_path: Path, trained: int, chose: int, new: int, said: str
    ) -> None:
        texts = [*exported.dataset.texts("train")[:trained], *exported.dataset.texts("validation")[:chose]]
        rows = [(f" \t{text}\u3000", "1") for text in texts] + new * [("something new", "5")]  # blanks change nothing
        figures = evaluate(bundle, table(tmp_path / "in.csv", *rows), "text", "stars")
        assert said in figures.render()
        assert figures.seen is not None
        assert (figures.seen.trained_on, figures.seen.chose_checkpoint) == (trained, chose)
        assert (figures.seen.without_them is None) is (new == 0)

    def test_by_a_bundle_of_an_earlier_version_says_that_it_is_unknown(self, bundle: Bundle, reviews_csv: Path) -> None:
        figures = evaluate(replace(bundle, seen=None), str(reviews_csv), "text", "stars")
        assert "trained on any of these texts is unknown: it was made by an earlier version." in figures.render()
        assert figures.to_dict()["seen"] is None

    def test_is_plain_json_and_a_table(self, bundle: Bundle, reviews_csv: Path) -> None:
        figures = evaluate(bundle, str(reviews_csv), "text", "stars")
        told = json.loads(json.dumps(figures.to_dict(), allow_nan=False))
        assert told["rows"] == 400
        assert np.array(told["confusion"]).shape == (2, 2)
        text = figures.render()
        assert f"macro-F1 {figures.macro_f1:.4f}" in text
        assert [line.split()[0] for line in text.splitlines()[-2:]] == ["negative", "positive"]

    @pytest.mark.parametrize(
        ("label", "classes", "message"),
        [
            (
                "stars",
                {"bad": ["1"], "good": ["5"]},
                r"gives \['bad', 'good'\], the bundle has \['negative', 'positive'\]",
            ),
            ("stars", "stars-3", r"gives \['negative', 'neutral', 'positive'\]"),
            ("stars", "stars-9", "there is no label rule 'stars-9'"),
            ("kind", None, r"column 'kind' holds 'film', no label that the bundle knows \(negative, positive\)"),
            ("none", None, "there is no column 'none'"),
            ("text", None, "text and label are both column 'text'"),
        ],
    )
    def test_of_labels_that_the_bundle_does_not_know_is_refused(
        self, bundle: Bundle, tmp_path: Path, label: str, classes: Any, message: str
    ) -> None:
        (tmp_path / "in.csv").write_text("text,stars,kind\nfine,5,film\ndull,1,film\n")
        with pytest.raises(InputError, match=message) as refused:
            evaluate(bundle, str(tmp_path / "in.csv"), "text", label, classes=classes)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        "rule", [3, ["1", "5"], {"negative": "1"}, {"negative": [["1"]], "positive": [None]}, True]
    )
    def test_by_a_rule_of_the_bundle_that_is_none_is_refused(
        self, bundle: Bundle, reviews_csv: Path, rule: Any
    ) -> None:
        lying = replace(bundle, facts={"label rule": rule})
        with pytest.raises(InputError, match="says of its label rule what is none; give --classes"):
            evaluate(lying, str(reviews_csv), "text", "stars")
        assert evaluate(lying, str(reviews_csv), "text", "stars", classes=CLASSES).confusion.sum() == 400


def test_the_confusion_of_more_classes_than_a_terminal_has_columns_is_left_to_a_program(
    bundle: Bundle, reviews_csv: Path
) -> None:
    scored = evaluate(bundle, str(reviews_csv), "text", "stars")
    many = tuple(f"class {number}" for number in range(200))
    shown = replace(scored, classes=many, per_class=scored.per_class[:1] * 200, confusion=np.zeros((200, 200), int))
    assert shown.render().splitlines()[-1] == "the confusion of 200 classes is in --json"
    assert "confusion (rows: label, columns: prediction)" in scored.render()
