import unicodedata

import pytest

from sentiment.errors import InputError
from sentiment.files.columns import match_column, match_columns, refuse_repeated

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "리뷰") for form in ("NFC", "NFD"))


def refusal(wanted: str, names: list[str]) -> str:
    with pytest.raises(InputError) as refused:
        match_column(wanted, names, "r.csv")
    return str(refused.value)


class TestAColumn:
    def test_is_found_by_its_name_among_the_others(self) -> None:
        assert match_column("stars", ["id", "text", "stars"], "r.csv") == "stars"

    def test_is_found_in_either_unicode_form_and_named_as_the_file_names_it(self) -> None:
        assert COMPOSED != DECOMPOSED
        assert match_column(COMPOSED, ["id", DECOMPOSED], "r.csv") == DECOMPOSED
        assert match_column(DECOMPOSED, ["id", COMPOSED], "r.csv") == COMPOSED

    @pytest.mark.parametrize(
        ("wanted", "named"), [("text", "Text"), ("id2", "    ID2    "), ("txt", "text"), (" STARS", "stars")]
    )
    def test_that_is_only_nearly_there_is_not_taken_but_asked_for(self, wanted: str, named: str) -> None:
        message = refusal(wanted, ["id", named])
        assert (
            message == f"r.csv: there is no column {wanted!r}; the columns are 'id', {named!r}; did you mean {named!r}?"
        )

    def test_that_is_like_no_other_is_answered_with_the_columns_alone(self) -> None:
        assert refusal("rating", ["a", "b"]) == "r.csv: there is no column 'rating'; the columns are 'a', 'b'"

    def test_of_many_is_answered_with_the_first_twenty(self) -> None:
        names = [f"q{number}" for number in range(21)]
        assert refusal("zzz", names[:20]).endswith("'q19'")
        assert refusal("zzz", names).endswith("'q19', ...")


class TestSeveralColumns:
    def test_come_in_the_order_asked_for(self) -> None:
        assert match_columns(["b", "a"], ["a", "b", "c"], "r.csv") == ["b", "a"]

    def test_are_all_there_are_if_nobody_asks_for_some(self) -> None:
        assert match_columns(None, ("a", "b"), "r.csv") == ["a", "b"]

    def test_are_refused_for_one_that_is_missing(self) -> None:
        with pytest.raises(InputError, match="there is no column 'x'"):
            match_columns(["a", "x"], ["a", "b"], "r.csv")


class TestARepeatedName:
    @pytest.mark.parametrize("names", [["a", "b", "a"], ["id", COMPOSED, DECOMPOSED]])
    def test_is_refused_because_either_column_might_be_meant(self, names: list[str]) -> None:
        with pytest.raises(InputError, match=r"r\.csv, line 1: two columns are named .*; rename one of them"):
            refuse_repeated(names, "r.csv")

    def test_is_none_where_only_the_case_is_the_same_or_there_is_no_name(self) -> None:
        refuse_repeated(["a", "A", "", ""], "r.csv")
