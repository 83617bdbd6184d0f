import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Interval
from pydantic import Field

from sentiment.checked import check, read, shown
from sentiment.errors import InputError
from sentiment.foreign import visible

Size = Annotated[int, Interval(ge=1, le=64)]


@dataclass(frozen=True, kw_only=True)
class Toy:
    unit: Literal["word", "char"]
    width: Annotated[int, Field(ge=1, le=8192)] = 128
    layers: Annotated[int, Interval(ge=1, le=16)] = 1
    dropout: Annotated[float, Field(ge=0, le=0.95)] = 0.3
    rows: Annotated[int | None, Ge(1)] = None
    recurrent: Literal["lstm", "gru"] | None = None
    sizes: tuple[Size, ...] | None = None
    shuffled: bool = False
    label: Annotated[str, 'write label = "stars"'] = "label"
    search: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)


def test_what_is_declared_is_taken_with_whole_numbers_for_numbers_and_lists_for_tuples() -> None:
    toy = read(Toy, {"unit": "word", "dropout": 0, "sizes": [3, 4], "search": {"epochs": [1, 2]}})
    assert toy == Toy(unit="word", dropout=0.0, sizes=(3, 4), search={"epochs": [1, 2]})
    assert isinstance(toy.dropout, float)
    assert replace(toy, sizes=[5]).sizes == (5,)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "width is 0; it must lie between 1 and 8192"),
        ({"layers": 17}, "layers is 17; it must lie between 1 and 16"),
        ({"dropout": 1}, "dropout is 1; it must lie between 0 and 0.95"),
        ({"width": 1.5}, "width is 1.5; it must be a whole number"),
        ({"width": 1.0}, "width is 1.0; it must be a whole number"),
        ({"width": True}, "width is True; it must be a whole number"),
        ({"width": "1"}, "width is '1'; it must be a whole number"),
        ({"width": 16**5000}, "width is too long to show; it must lie between 1 and 8192"),
        ({"dropout": True}, "dropout is True; it must be a number"),
        ({"dropout": float("nan")}, "dropout is nan; it must be a number"),
        ({"dropout": 10**5000}, "dropout is too long to show; it must be a number"),
        ({"rows": 0}, "rows is 0; it must be a whole number, 1 or more"),
        ({"rows": "5"}, "rows is '5'; it must be a whole number, 1 or more"),
        ({"unit": "words"}, "unit is 'words'; choose one of word, char"),
        ({"unit": "\ud800"}, "unit is '\\ud800'; choose one of word, char"),
        ({"recurrent": ["gru"]}, "recurrent is ['gru']; choose one of lstm, gru"),
        ({"recurrent": "x" * 10**6}, f"recurrent is '{'x' * 96}...; choose one of lstm, gru"),
        ({"sizes": 4}, "sizes is 4; it must be a list of whole numbers"),
        ({"sizes": [3, "4"]}, "sizes is [3, '4']; it must be a list of whole numbers"),
        ({"sizes": [3, 65]}, "sizes is [3, 65]; each must lie between 1 and 64"),
        ({"shuffled": 1}, "shuffled is 1; it must be true or false"),
        ({"search": 5}, "search is 5; it must be a table"),
        ({"label": 5}, 'label is 5; write label = "stars"'),
        ({"label": {"\ud800\n": 1}}, "label is {'\\ud800\\n': 1}; write label = \"stars\""),
        ({"widht": 5}, "toy has no 'widht'; known are dropout, label, layers, recurrent, rows"),
        ({"\ud800": 5}, "toy has no '\\ud800'; known are"),
    ],
)
def test_anything_else_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        read(Toy, {"unit": "word"} | changes, "toy: ")
    start = "" if "has no" in message else "toy: "
    assert str(refused.value).startswith(start + message)
    assert visible(str(refused.value)) == str(refused.value)
    if start:
        with pytest.raises(InputError) as refused:
            replace(Toy(unit="word"), **changes)
        assert str(refused.value).startswith(message)


def test_what_is_missing_is_named_after_what_is_misspelt() -> None:
    with pytest.raises(InputError, match=r"^toy needs unit$"):
        read(Toy, {}, "toy: ")
    with pytest.raises(InputError, match=r"^there is no 'units'; known are"):
        read(Toy, {"units": "word"})


def test_a_field_may_have_another_name_in_a_file() -> None:
    called = {"width": "wide"}
    assert read(Toy, {"unit": "word", "wide": 5}, called=called).width == 5
    with pytest.raises(InputError, match=r"^wide is 0; it must lie between"):
        read(Toy, {"unit": "word", "wide": 0}, called=called)
    with pytest.raises(InputError, match=r"^there is no 'width'; known are"):
        read(Toy, {"unit": "word", "width": 5}, called=called)


def test_a_long_list_is_refused_at_its_first_mistake() -> None:
    begun = time.perf_counter()
    with pytest.raises(InputError, match=r"99, \.\.\.; each must lie between"):
        Toy(unit="word", sizes=(99,) * 10**6)
    assert time.perf_counter() - begun < 1


def test_what_is_too_deep_to_show_is_not_shown() -> None:
    deep: list[Any] = []
    for _ in range(10**5):
        deep = [deep]
    assert shown(deep) == "too long to show"
    with pytest.raises(InputError, match=r"^width is too long to show; it must be a whole number from 1 to 8192$"):
        Toy(unit="word", width=deep)  # type: ignore[arg-type]
    while deep:  # or its end would be as deep
        deep = deep.pop()


@pytest.mark.parametrize("room", ["sentiment.checked", "search.cli.commands", "search.study.leaderboard"])
def test_importing_a_room_imports_no_pydantic(room: str) -> None:
    program = f"import sys, {room}; assert 'pydantic' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
