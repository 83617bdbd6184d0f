import pytest

from sentiment.errors import InputError
from sentiment.reviews.labels import (
    LONGEST_LABEL,
    MAPPING,
    MAX_CLASSES,
    READY_RULES,
    canonical,
    label_rule,
    look_alikes,
    preview_rules,
    rule_advice,
)

STARS = tuple("12345")
TEN = tuple(str(rating) for rating in range(1, 11))


@pytest.mark.parametrize("raw", ["5", " 5 ", "5.0", "5.", "+5", "05", 5, 5.0])
def test_ways_to_write_a_number_are_one_value(raw: object) -> None:
    assert canonical(raw) == "5"


def test_a_number_of_any_length_keeps_all_of_its_digits() -> None:
    digits = "12" * 2500
    assert canonical(f"+00{digits}.500") == f"{digits}.5"
    assert canonical(f"0.{digits}00") == f"0.{digits}"
    assert [canonical(zero) for zero in ("-0", "-0.00", "000", "0.")] == ["0"] * 4
    assert label_rule("as-is", ("-1", "1" * 100, "1.5"), 100, "").classes == ("-1", "1.5", "1" * 100)
    assert label_rule("stars-3", (), 0, "").out_of_scale(digits)


def test_words_are_compared_as_they_are_but_for_blanks_and_normal_form() -> None:
    assert canonical(" Positive\t") == "Positive"
    assert canonical("\u1100\u1161") == "가"
    assert canonical("4.50") == "4.5"
    assert canonical(True) == "true"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stars-2", "nn-pp"),
        ("stars-3", "nnupp"),
        ("stars-5", "12345"),
        ("ten-2", "nnnn--pppp"),
        ("ten-3", "nnnnuupppp"),
        ("ten-5", "1133557799"),
    ],
)
def test_a_ready_rule_cuts_its_scale_as_documented(name: str, expected: str) -> None:
    rule = label_rule(name, (), 0, "")
    letter = {"negative": "n", "neutral": "u", "positive": "p"}
    scale = STARS if name.startswith("stars") else TEN
    indices = [rule.class_of(value) for value in scale]
    named = ["-" if index < 0 else letter.get(rule.classes[index], rule.classes[index][0]) for index in indices]
    assert "".join(named) == expected
    kept = [index for index in indices if index >= 0]
    assert kept == sorted(kept), "classes run from negative to positive"


def test_a_mapping_keeps_its_order_and_takes_numbers_of_any_form() -> None:
    rule = label_rule({"good": [4, "5.0"], "bad": ["1", 2]}, (), 0, "")
    assert rule.classes == ("good", "bad")
    assert [rule.class_of(value) for value in ("5", " 4.0", "1", "2", "3", "good")] == [0, 0, 1, 1, -1, -1]


def test_labels_as_they_are_are_sorted_by_number_else_by_alphabet() -> None:
    assert label_rule("as-is", ("10", "9", "9.0", "-1"), 100, "").classes == ("-1", "9", "10")
    assert label_rule("as-is", ("pos", "neg", "10"), 100, "").classes == ("10", "neg", "pos")


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        ("stars-4", ("'stars-4'", "stars-3", "ten-2")),
        ({"a": ["1"], "b": ["2", "1.0"]}, ("value '1'", "both 'a' and 'b'", "keep it in one")),
        ({"a": ["1"], "b": []}, ("'b' has no raw values",)),
        ({"a": ["1"]}, ("1 class", "two or more")),
        ({"a": "1", "b": ["2"]}, ("'a' is '1'", "give a list")),
        ({" ": ["1"], "b": ["2"]}, ("empty name",)),
        ({"x" * 201: ["1"], "b": ["2"]}, ("a name of 201 characters",)),
        ({"a": [["1"]], "b": ["2"]}, ("'a' has the value ['1']",)),
        (["stars-3"], ("classes is ['stars-3']",)),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(classes: object, parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        label_rule(classes, ("1", "2"), 10, "r.csv")  # type: ignore[arg-type]
    for part in parts:
        assert part in str(caught.value)


def test_a_column_of_names_or_texts_is_refused_as_a_label() -> None:
    with pytest.raises(
        InputError, match=r"r\.csv, column 'id': 51 different values are too many classes .*another column"
    ):
        label_rule("as-is", [str(number) for number in range(MAX_CLASSES + 1)], 9000, "r.csv, column 'id'")
    with pytest.raises(InputError, match="30 different values in 40 rows"):
        label_rule("as-is", [str(number) for number in range(30)], 40, "r.csv")
    with pytest.raises(InputError, match="11 different values in 20 rows"):
        label_rule("as-is", [str(number) for number in range(11)], 20, "r.csv")
    # Each value twice may be a label, and so may anything in a file that is too small to tell.
    assert len(label_rule("as-is", [str(number) for number in range(10)], 20, "r.csv").classes) == 10
    assert len(label_rule("as-is", [str(number) for number in range(19)], 19, "r.csv").classes) == 19


def test_a_very_long_value_is_refused_as_a_label() -> None:
    with pytest.raises(InputError, match=r"r\.csv, column 'id': a value of 5,000 characters .* hardly a label"):
        label_rule("as-is", ("9" * 5000, "1"), 100, "r.csv, column 'id'")
    assert label_rule("as-is", ("x" * LONGEST_LABEL, "1"), 100, "").classes == ("1", "x" * LONGEST_LABEL)


# The invisible ones: zero width space, no-break space, soft hyphen, a mark of direction, a variation selector.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Positive", "positive"),
        ("ＧＯＯＤ", "good"),
        ("straße", "STRASSE"),
        ("very good", "very  good"),
        ("very good", "very\xa0good"),
        ("positive", "posi\u200btive"),
        ("good", "go\xadod"),
        ("good", "\u200egood"),
        ("❤", "❤\ufe0f"),
    ],
)
def test_labels_that_a_person_takes_for_one_are_told(one: str, other: str) -> None:
    rule = label_rule("as-is", (one, other, "bad"), 100, "")
    assert len(rule.classes) == 3
    (sentence,) = look_alikes(rule.index, (one, other, "bad"))
    assert sentence.isprintable()
    assert all(repr(label) in sentence for label in (one, other))
    assert look_alikes(label_rule({"good": [one, other], "bad": ["bad"]}, (), 0, "").index, (one, other)) == ()
    assert look_alikes(label_rule({"good": [one], "bad": ["bad"]}, (), 0, "").index, (one, other)) == (sentence,)


def test_labels_that_look_different_are_not_told() -> None:
    labels = ("good", "bad", "좋다", "나쁘다", "ดี", "ดิ", "5", "-5", "a", "á", " good ", "가", "\u1100\u1161")
    assert look_alikes(label_rule("as-is", labels, 100, "").index, labels) == ()


def test_a_column_with_one_value_is_refused_as_a_label() -> None:
    with pytest.raises(InputError, match="only the value '5'"):
        label_rule("as-is", ("5", "5.0"), 10, "r.csv")


@pytest.mark.parametrize(
    ("rule", "values"), [("stars-3", "067"), ("stars-5", ("6", "-1", "5.5")), ("ten-3", ("0", "11", "85"))]
)
def test_a_number_beyond_the_scale_is_told_from_one_within(rule: str, values: tuple[str, ...]) -> None:
    made = label_rule(rule, (), 0, "")
    assert all(made.out_of_scale(value) for value in values)
    assert not any(made.out_of_scale(value) for value in ("1", "3.0", "5"))


def test_the_advice_names_the_rules_that_fit_or_the_mapping() -> None:
    assert rule_advice(dict.fromkeys(TEN, 9)) == "use as-is or ten-2 or ten-3 or ten-5"
    assert rule_advice({"": 3, "1": 9, "5": 9}) == "use as-is or stars-2"
    assert rule_advice({"same": 9}) == f"give {MAPPING}"


def test_words_and_halves_within_the_scale_are_not_out_of_scale() -> None:
    rule = label_rule("stars-3", (), 0, "")
    assert not rule.out_of_scale("n/a")
    assert not rule.out_of_scale("3.5")
    assert rule.class_of("3.5") == -1


def test_a_preview_names_only_the_rules_that_fit_with_their_class_sizes() -> None:
    previews = {preview.name: preview for preview in preview_rules(dict(zip(STARS, (10, 20, 30, 40, 50), strict=True)))}
    # Ten-point rules are not among them: nobody gave more than 5, so they would have no positive rows.
    assert set(previews) == {"as-is", "stars-2", "stars-3", "stars-5"}
    assert previews["stars-3"].counts == (30, 30, 90)
    assert (previews["stars-2"].counts, previews["stars-2"].left_out) == ((30, 90), 30)
    ten = {preview.name for preview in preview_rules(dict.fromkeys(TEN, 5))}
    assert ten == {"as-is", "ten-2", "ten-3", "ten-5"}
    assert {preview.name for preview in preview_rules({"pos": 3, "neg": 4})} == {"as-is"}
    # Rows without a label are of no class, and are not counted as left out by a rule.
    (words,) = preview_rules({"pos": 3, "neg": 4, "": 9, " ": 9})
    assert (words.classes, words.counts, words.left_out) == (("neg", "pos"), (4, 3), 0)


def test_every_ready_rule_covers_each_value_at_most_once() -> None:
    for parts in READY_RULES.values():
        values = [value for group in parts.values() for value in group]
        assert len(values) == len(set(values))
