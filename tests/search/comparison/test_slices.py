"""Slices against planted failures: who is wrong on which rows is known here."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from search.comparison.slices import Slice, Slices, error_slices
from search.statistics import paired_mean_difference

CLASSES = ("bad", "good")
_WORDS = """plot actor music scene story camera ending cast director script comedy drama horror romance sequel remake
hero villain dialogue costume effects editing trailer studio award festival theatre audience critic genre"""
FILLER = tuple(_WORDS.split())
SECRET = "xylophone"
"""A word that sealed texts hold and no topic knows: where it is met, a text was let out."""


def sentences(n: int, seed: int, *, length: int = 6, words: tuple[str, ...] = FILLER) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join([*rng.choice(words, length - 1), SECRET]) for _ in range(n)]


def probabilities(labels: np.ndarray, wrong: np.ndarray, sure: float = 0.9) -> np.ndarray:
    """float32 [P, n, 2] of runs that are wrong where `wrong` [P, n] says so."""
    second = np.where(labels ^ wrong, sure, 1 - sure)
    return np.stack([1 - second, second], axis=2).astype(np.float32)


def at_random(share: float, n: int, pairs: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((pairs, n)) < share


def sliced(
    texts: list[str],
    wrong: np.ndarray,
    *,
    baseline: np.ndarray | None = None,
    ratings: list[str] | None = None,
    train_texts: list[str] | None = None,
    least_rows: int = 20,
) -> Slices:
    """Both arms are wrong where `wrong` says, unless `baseline` is given."""
    labels = np.arange(len(texts)) % 2
    return error_slices(
        texts,
        [str(label) for label in labels] if ratings is None else ratings,
        labels,
        CLASSES,
        probabilities(labels, wrong if baseline is None else baseline),
        probabilities(labels, wrong),
        train_texts=texts if train_texts is None else train_texts,
        least_rows=least_rows,
    )


def of_kind(found: Slices, kind: str) -> dict[str, Slice]:
    return {one.name: one for one in found.slices if one.kind == kind}


class TestWhatLeads:
    def test_is_the_length_on_which_the_winner_always_fails(self) -> None:
        texts = sentences(160, 0) + sentences(40, 1, length=30)
        wrong = at_random(0.1, 200)
        wrong[:, 160:] = True
        worst = sliced(texts, wrong).slices[0]
        assert (worst.kind, worst.name, worst.rows, worst.winner.mean) == ("length", "30 words", 40, 1.0)

    def test_is_the_topic_on_which_the_winner_always_fails(self) -> None:
        advertising = ("ads", "commercials", "price", "subscription", "expensive")
        train = sentences(400, 2) + sentences(100, 3, words=advertising)
        texts = sentences(160, 4) + sentences(40, 5, words=advertising)
        wrong = at_random(0.1, 200)
        wrong[:, 160:] = True
        worst = sliced(texts, wrong, train_texts=train).slices[0]
        assert (worst.kind, worst.rows, worst.winner.mean) == ("topic", 40, 1.0)
        assert set(worst.name.split(", ")) <= set(advertising)

    def test_is_shown_with_its_examples_also_where_a_row_of_the_table_takes_several_lines(self) -> None:
        wrong = at_random(0.1, 200)
        wrong[:, 160:] = True
        found = sliced(sentences(160, 0) + sentences(40, 1, length=30), wrong)
        whole = found.render("The winner.")
        for width in (60, 80):
            text = found.render("The winner.", width)
            assert max(map(len, text.splitlines())) <= width
            assert [" ".join(text.split()).count(one.name) for one in found.slices] >= [1] * len(found.slices)
            assert text.count(", said ") == whole.count(", said ")

    def test_is_not_a_slice_that_is_small_and_had_bad_luck(self) -> None:
        ratings = ["small"] * 20 + ["large"] * 380 + ["easy"] * 400
        wrong = np.zeros((4, 800), dtype=bool)
        wrong[:, :13] = True  # 65 %, of 20 rows
        wrong[:, 20:248] = True  # 60 %, of 380
        found = [one.name for one in sliced(sentences(800, 0), wrong, ratings=ratings).slices if one.kind == "label"]
        assert found == ["large", "small", "easy"]


class TestErrorRates:
    def test_are_the_share_of_wrong_rows_in_the_mean_over_pairs(self) -> None:
        wrong, baseline = at_random(0.2, 300), at_random(0.4, 300, seed=1)
        ratings = ["5" if row < 100 else "1" for row in range(300)]
        one = of_kind(sliced(sentences(300, 0), wrong, baseline=baseline, ratings=ratings), "rating")["5"]
        assert one.rows == 100
        assert one.winner.mean == pytest.approx(wrong[:, :100].mean())
        assert one.baseline.mean == pytest.approx(baseline[:, :100].mean())
        expected = paired_mean_difference(baseline[:, :100], wrong[:, :100])
        assert (one.gain.mean, one.gain.low, one.gain.high) == (expected.mean, expected.low, expected.high)

    @pytest.mark.parametrize("errors", [0, 60])
    def test_of_a_slice_all_right_or_all_wrong_have_the_interval_of_wilson_and_no_point(self, errors: int) -> None:
        wrong = np.full((4, 120), errors > 0)
        one = of_kind(sliced(sentences(120, 0), wrong, baseline=~wrong), "label")["0"]
        expected = stats.binomtest(errors, 60).proportion_ci(method="wilson")
        assert one.winner.mean == errors / 60
        assert (one.winner.low, one.winner.high) == pytest.approx((expected.low, expected.high))
        assert one.winner.low <= one.winner.mean <= one.winner.high
        # The gain is the same on every row, which does not make it certain on others.
        assert abs(one.gain.mean) == 1.0
        assert 0.05 < one.gain.high - one.gain.low < 0.1

    def test_of_runs_that_all_say_the_same_have_nearly_the_interval_of_wilson(self) -> None:
        wrong = np.repeat(at_random(0.1, 400, pairs=1), 5, axis=0)
        whole = sliced(sentences(400, 0), wrong).whole
        expected = stats.binomtest(int(wrong[0].sum()), 400).proportion_ci(method="wilson")
        # Student's t of 399 degrees in place of the normal: a fraction of a percent.
        assert (whole.winner.low, whole.winner.high) == pytest.approx((expected.low, expected.high), rel=0.01)

    @pytest.mark.parametrize("rate", [0.03, 0.15, 0.5])
    def test_lie_in_their_interval_as_often_as_it_says(self, rate: float) -> None:
        # Rows differ in how hard they are, runs in how good; the rate is that of fresh rows and runs.
        rng = np.random.default_rng(0)
        draws, inside = 300, 0
        for _ in range(draws):
            skill = 0.8 * rng.normal(size=60) + 0.6 * rng.normal(size=(5, 60)) + 0.1 * rng.normal(size=(5, 1))
            wrong = skill < stats.norm.ppf(rate) * np.sqrt(1.01)
            found = sliced(["."] * 60, wrong, least_rows=60, train_texts=[]).whole.winner
            inside += found.low <= rate <= found.high
        # The plain interval, cut at 0, comes to 91 % at the lowest rate; three standard errors are 3.8 points.
        assert inside / draws > 0.95 - 3 * np.sqrt(0.95 * 0.05 / draws)

    def test_of_identical_arms_differ_by_exactly_nothing(self) -> None:
        found = sliced(sentences(200, 0), at_random(0.3, 200))
        assert found.slices
        assert {(one.gain.mean, one.gain.low, one.gain.high) for one in found.slices} == {(0.0, 0.0, 0.0)}

    def test_that_are_equal_by_chance_do_not_make_a_certain_gain(self) -> None:
        right = np.zeros((4, 120), dtype=bool)
        other = right.copy()
        other[:, 1] = True  # a row of rating 1; on those of rating 0 both are right
        gain = of_kind(sliced(sentences(120, 0), right, baseline=other), "label")["0"].gain
        assert gain.mean == 0.0
        assert gain.low == -gain.high < 0 < gain.high < 0.1


class TestExamples:
    def test_are_wrong_in_most_runs_short_and_the_surest_first(self) -> None:
        texts = [f"row {row}\nword " + "long " * 100 for row in range(60)]
        labels = np.arange(60) % 2
        wrong = np.zeros((4, 60), dtype=bool)
        wrong[:3, [2, 4, 6, 8]] = True
        wrong[:2, 10] = True  # in half of the runs only
        arms = probabilities(labels, wrong)
        arms[:3, 6] = [0.01, 0.99]
        found = error_slices(texts, ["x", "y"] * 30, labels, CLASSES, arms, arms, train_texts=texts)
        examples = of_kind(found, "label")["x"].examples
        assert [example.text.split()[1] for example in examples] == ["6", "2", "4"]
        assert {(example.label, example.predicted) for example in examples} == {("bad", "good")}
        assert {len(example.text) for example in examples} == {160}
        assert all("\n" not in example.text for example in examples)
        assert of_kind(found, "label")["y"].examples == ()

    def test_name_what_is_said_most_often_of_many_classes(self) -> None:
        labels = np.zeros(40, dtype=int)
        said = np.zeros((5, 40), dtype=int)
        said[:, 0] = [2, 2, 2, 1, 0]
        said[:, 1] = [0, 0, 1, 2, 3]  # wrong in most runs, yet its own class is said most often
        arms = np.eye(4, dtype=np.float32)[said]
        found = error_slices(
            sentences(40, 0), ["a", "b"] * 20, labels, ("A", "B", "C", "D"), arms, arms, train_texts=[]
        )
        shown = [example for one in found.slices if one.kind == "label" for example in one.examples]
        assert [(example.label, example.predicted) for example in shown] == [("A", "C")]


class TestSmallSlices:
    def test_are_pooled_into_one_of_their_kind(self) -> None:
        ratings = ["1"] * 50 + [f"rare {row % 5}" for row in range(50)]
        wrong = at_random(0.2, 100)
        found = sliced(sentences(100, 0), wrong, ratings=ratings)
        assert {name: one.rows for name, one in of_kind(found, "label").items()} == {"1": 50, "other": 50}
        assert of_kind(found, "label")["other"].winner.mean == pytest.approx(wrong[:, 50:].mean())

    def test_join_a_script_that_is_itself_called_other(self) -> None:
        texts = sentences(50, 0) + ["ԱԲԳ ԴԵԶ"] * 30 + ["😀 😀"] * 5
        found = sliced(texts, at_random(0.2, 85))
        assert {name: one.rows for name, one in of_kind(found, "script").items()} == {"Latin": 50, "other": 35}

    def test_too_small_even_together_are_counted(self) -> None:
        found = sliced(sentences(100, 0), at_random(0.2, 100), ratings=["1"] * 45 + ["2"] * 45 + ["3"] * 10)
        assert set(of_kind(found, "rating")) == {"1", "2"}
        assert found.left_out["rating"] == 10
        assert "rating: 10 rows are left out" in found.render("The winner.")
        assert "rating: 10 rows are left out" in found.markdown("The winner.")

    def test_no_row_of_any_kind_is_lost(self) -> None:
        texts = sentences(70, 0) + sentences(70, 1, length=9) + ["좋아요 정말 최고"] * 15 + ["😀"] * 45
        found = sliced(texts, at_random(0.2, 200), ratings=[str(max(0, row - 100) % 11) for row in range(200)])
        for kind in ("length", "label", "script", "topic"):
            assert sum(one.rows for one in of_kind(found, kind).values()) + found.left_out.get(kind, 0) == 200

    @pytest.mark.parametrize(
        ("labels", "kind"),
        [("15", "rating"), ("12345", "rating"), ("01", "label"), ("12", "label"), ("ab", "label"), ("345x", "label")],
    )
    def test_are_called_ratings_only_where_labels_are_stars(self, labels: str, kind: str) -> None:
        found = sliced(
            sentences(200, 0), at_random(0.2, 200), ratings=[labels[row % len(labels)] for row in range(200)]
        )
        assert set(of_kind(found, kind)) == set(labels)

    def test_thirty_rows_are_not_cut_and_it_is_said(self) -> None:
        found = sliced(sentences(30, 0), at_random(0.2, 30), ratings=[str(row) for row in range(30)])
        assert of_kind(found, "length") == of_kind(found, "label") == of_kind(found, "script") == {}
        for sentence in ("length: not shown", "label: not shown", "one slice (Latin)", "All 30 rows: baseline"):
            assert sentence in found.render("The winner.")


class TestLanguages:
    def test_korean_has_words_and_topics(self) -> None:
        price = ("광고가", "가격이", "비싸요", "결제를")
        rest = ("결말이 배우가 연기가 감동이", "정말 너무 그냥 아주", "처음 오늘 친구와 가족과", "화면 소리 음악 자막")
        groups = (price, *(tuple(words.split()) for words in rest))
        texts = [text for seed, words in enumerate(groups) for text in sentences(40, seed, words=words)]
        found = sliced(texts, at_random(0.2, 200))
        assert sorted(of_kind(found, "topic")) and of_kind(found, "script") == {}
        [topic] = [one for name, one in of_kind(found, "topic").items() if set(name.split(", ")) == set(price)]
        assert topic.rows == 40

    def test_thai_is_measured_in_characters_and_has_topics_of_frequent_pieces(self) -> None:
        rng = np.random.default_rng(0)
        food, service = ("อาหาร", "อร่อย", "ร้านนี้", "กินข้าว"), ("พนักงาน", "บริการ", "โทรศัพท์", "ติดต่อ")
        texts = ["".join(rng.choice(words, 5)) for words in (food, service) for _ in range(60)]
        found = sliced(texts, at_random(0.2, 120), least_rows=10)
        assert all(name.endswith("characters") for name in of_kind(found, "length"))
        assert len(of_kind(found, "length")) > 2
        assert of_kind(found, "topic")

    def test_texts_of_one_or_two_words_are_measured_in_characters(self) -> None:
        texts = ["good", "very bad", "marvellous film"] * 30
        names = set(of_kind(sliced(texts, at_random(0.2, 90)), "length"))
        assert names == {"4 characters", "8 characters", "15 characters"}

    def test_a_text_of_unknown_words_has_no_topic_and_emoji_no_letters(self) -> None:
        texts = [*sentences(60, 0), *["😀 👍 !"] * 30]
        found = sliced(texts, at_random(0.2, 90), train_texts=sentences(200, 1, length=3))
        assert of_kind(found, "topic")["no known word"].rows == 30
        assert of_kind(found, "script")["no letters"].rows == 30

    @pytest.mark.parametrize("train_texts", [[], [""], ["word"], ["one two"] * 3, ["😀"] * 50, ["the", "and"] * 9])
    def test_too_few_words_for_topics_are_no_error_and_it_is_said(self, train_texts: list[str]) -> None:
        found = sliced(sentences(60, 0), at_random(0.2, 60), train_texts=train_texts)
        assert of_kind(found, "topic") == {}
        assert "topic: skipped" in found.render("The winner.")

    def test_a_few_words_make_one_topic(self) -> None:
        texts = ["alpha"] * 30 + ["beta alpha"] * 30 + ["gamma"] * 30
        train = ["alpha beta", "beta", *["😀"] * 8] * 9
        topics = of_kind(sliced(texts, at_random(0.2, 90), train_texts=train), "topic")
        assert {name: one.rows for name, one in topics.items()} == {"beta, alpha": 60, "no known word": 30}


class TestWhatIsShown:
    def found(self) -> Slices:
        texts = [f"{text}\nsecond line | pipe \x1b[31m" for text in sentences(100, 0, length=9)]
        ratings = ["1|\nstar" if row < 50 else "5" for row in range(100)]
        train = [text.replace(SECRET, "") for text in texts]
        return sliced(texts, at_random(0.5, 100), ratings=ratings, train_texts=train)

    def test_rows_for_a_program_are_flat_and_hold_no_text(self) -> None:
        found = self.found()
        rows = found.to_rows()
        assert len(rows) == len(found.slices) > 0
        assert {type(value) for row in rows for value in row.values()} == {str, int, float}
        assert SECRET not in str(rows)

    def test_markdown_holds_no_text_and_each_slice_in_one_line_of_six_cells(self) -> None:
        found = self.found()
        shown = found.markdown("The winner.")
        assert SECRET not in shown
        table = [line.replace("\\|", "") for line in shown.splitlines() if line.startswith("|")]
        assert len(table) == 2 + len(found.slices)
        assert {line.count("|") for line in table} == {7}

    def test_the_terminal_shows_examples_of_the_worst_only_if_asked_and_obeys_none_of_them(self) -> None:
        found = self.found()
        with_examples, without = found.render("The winner."), found.render("The winner.", examples=False)
        assert SECRET in with_examples and "\x1b" not in with_examples
        assert SECRET not in without
        table = without.splitlines()[4 : 4 + len(found.slices)]
        starts = {line.rindex(one.name) for line, one in zip(table, found.slices, strict=True)}
        assert len(starts) == 1  # columns stand under each other

    def test_the_same_seed_gives_the_same(self) -> None:
        assert self.found().render("The winner.") == self.found().render("The winner.")


def test_shapes_that_do_not_fit_and_single_pairs_are_refused() -> None:
    texts, labels = sentences(40, 0), np.arange(40) % 2
    arm = probabilities(labels, at_random(0.2, 40))
    three_short = {"texts": texts[1:]}, {"winner": arm[1:]}, {"ratings": ["1"]}
    for bad in (*three_short, {"baseline": arm[:1], "winner": arm[:1]}, {"least_rows": 1}, {"topics": 0}):
        good: dict[str, Any] = {"texts": texts, "ratings": ["1"] * 40, "labels": labels, "classes": CLASSES}
        with pytest.raises(ValueError, match="but got"):
            error_slices(**good | {"baseline": arm, "winner": arm, "train_texts": texts} | bad)


class TestGroupsAndSearches:
    LABELS = np.arange(400) % 2

    def cut(self, wrong: np.ndarray, **noise: Any) -> Slices:
        made = [probabilities(self.LABELS, one) for one in (at_random(0.3, 400, seed=9), wrong)]
        texts = sentences(400, 0)
        ratings = [str(number // 100) for number in range(400)]
        return error_slices(texts, ratings, self.LABELS, CLASSES, *made, train_texts=texts, **noise)

    def test_of_rows_that_are_wrong_together_leave_wider_intervals(self) -> None:
        groups = np.arange(400) // 20
        wrong = np.tile(np.random.default_rng(1).random(20)[groups] < 0.3, (4, 1))
        rows, grouped = self.cut(wrong), self.cut(wrong, groups=groups)
        narrow, wide = rows.whole, grouped.whole
        assert wide.winner.high - wide.winner.low > 2 * (narrow.winner.high - narrow.winner.low)
        assert (narrow.gain.rows, wide.gain.rows) == (400, 20)
        of_rating = [
            {name: one.gain.rows for name, one in of_kind(found, "label").items()} for found in (rows, grouped)
        ]
        assert of_rating == [dict.fromkeys("0123", 100), dict.fromkeys("0123", 5)]

    def test_with_all_rows_of_a_slice_in_one_group_it_is_shown_all_the_same(self) -> None:
        found = self.cut(at_random(0.2, 400), groups=np.arange(400) // 100)
        assert set(of_kind(found, "label")) == set("0123")

    def test_searches_stand_in_the_place_of_pairs(self) -> None:
        found = self.cut(at_random(0.2, 400), searches=np.arange(4) % 2)
        assert {one.gain.units for one in (found.whole, *found.slices)} == {2}
