"""Every setting of every table of a study file, with every kind of value that it does not take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.comparison.ideas import read_comparison
from search.study.definition import read_definition
from sentiment.errors import InputError

# Written in TOML: value and kind.
VALUES = {
    "true": "truth",
    "-1": "negative",
    "0": "zero",
    "1": "one",
    "9223372036854775807": "huge",
    "0x" + "f" * 5000: "beyond 64 bits",
    "9" * 5000: "beyond what Python reads",
    "0.5": "share",
    "1e300": "large",
    "nan": "not finite",
    "-inf": "not finite",
    '""': "empty",
    '"word"': "text",
    r'"\u0000"': "text",
    '["a", "b"]': "texts",
    "[[1], [2]]": "lists",
    "[1.5, true]": "mixed",
    "[]": "nothing",
    "{ a = 1 }": "table",
    "{ low = 1, high = 2, step = 0 }": "table",
    "{ low = 1, high = 2, log = 3 }": "table",
    '{ low = "a", high = true }': "table",
    "{ a = { b = { c = { d = { e = { f = { g = { h = { i = 1 } } } } } } } } }": "deep",
    "1979-05-27": "date",
    "1979-05-27T07:32:00Z": "date",
    "07:32:00": "date",
}

# What each key takes, among the kinds above; `read_definition` decides on the first tables, `read_comparison` on the
# others.
RUN = {
    "": {"name": {"text"}},
    "data": {
        "path": {"text", "texts"},
        "text": {"text"},
        "label": {"text"},
        "group": {"text"},
        "classes": set(),
        "encoding": {"text"},
        "validation": {"text"},
        "test": {"text"},
        "fractions": set(),
        "split_seed": {"zero", "one"},
        "max_rows": {"one", "huge"},
        "max_bytes": {"one", "huge"},
    },
    "search": {
        "trials": {"one"},
        "timeout": {"one", "huge", "share", "large"},
        "workers": {"one"},
        "synchronous": {"truth"},
        "threads": {"one"},
        "seed": {"zero", "one"},
        "keep_best": {"one"},
        "patience": {"one"},
        "audit": {"zero", "one", "share"},
    },
    "space": {
        "architecture": set(),
        "kernel_sizes": {"lists", "nothing"},
        "epochs": {"one"},
        "learning_rate": {"one", "share"},
        "bidirectional": {"truth"},
        "dropout": {"zero", "share"},
    },
}
COMPARE = {
    "": {"name": {"text"}, "idea": set()},
    "baseline": {
        "architecture": set(),
        "epochs": {"one"},
        "learning_rate": {"one", "share"},
        "kernel_sizes": {"nothing"},
        "bidirectional": {"truth"},
    },
    "idea": {
        "name": {"text"},
        "change": set(),
        "search": set(),
        "against": set(),
        "guess": {"negative", "zero", "one", "share"},
        "source": {"text", "empty"},
        "relabel": set(),
        "threshold": {"zero", "one", "share"},
    },
    "tune": {"dropout": {"zero", "share"}, "epochs": {"one"}},
    "budget": {"trials": {"one"}, "pairs": set(), "seed": {"zero", "one"}},
    "curve": {"trials": set(), "search": set()},
}
TABLES = {
    "": {"name": '"x"'},
    "data": {"path": '"r.csv"', "text": '"review"', "label": '"stars"'},
    "baseline": {"architecture": '"lstm"'},
    "idea": {"name": '"Adam"', "change": '{ optimizer = "adamw" }'},
    "curve": {"trials": "2"},
}
WHOLE = ("data", "search", "space", "baseline", "tune", "budget", "curve")


def study_file(table: str, key: str, value: str) -> str:
    tables = {name: dict(entries) for name, entries in TABLES.items()}
    tables.setdefault(table, {})[key] = value
    if (table, key) == ("idea", "search"):
        del tables["idea"]["change"]
    if (table, key) == ("", "idea"):
        del tables["idea"]
    heads = {"": "", "idea": "[[idea]]\n"}
    parts = [
        heads.get(name, f"[{name}]\n") + "".join(f"{key} = {value}\n" for key, value in entries.items())
        for name, entries in tables.items()
    ]
    return "".join(parts)


def cases(known: dict[str, dict[str, set[str]]]) -> Iterator[tuple[str, str, str]]:
    for table, keys in known.items():
        for key, takes in keys.items():
            for value, kind in VALUES.items():
                if kind not in takes or value == r'"\u0000"':
                    yield table, key, value


def refusal(path: Path, text: str, run: bool) -> str:
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        read_definition(path) if run else read_comparison(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(("known", "run"), [(RUN, True), (COMPARE, False)], ids=["run", "compare"])
def test_a_wrong_value_is_refused_in_one_line_that_names_file_and_key(
    tmp_path: Path, known: dict[str, dict[str, set[str]]], run: bool
) -> None:
    path = tmp_path / "study.toml"
    for table, key, value in cases(known):
        if value == r'"\u0000"' and key in (
            "path",
            "text",
            "label",
            "group",
            "encoding",
            "validation",
            "test",
            "source",
        ):
            continue  # a name that no file and no column has: reading says so
        message = refusal(path, study_file(table, key, value), run)
        if value != "9" * 5000:  # the parser does not say where it stands
            assert key in message or (key == "change" and "idea 'Adam'" in message), (table, key, value, message)


@pytest.mark.parametrize("table", WHOLE)
@pytest.mark.parametrize("value", ["5", '"x"', "[1]", "1979-05-27", "[[{ a = 1 }]]"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, table: str, value: str) -> None:
    text = "".join(f"{key} = {entry}\n" for key, entry in TABLES[""].items()) + f"{table} = {value}\n"
    for name, entries in TABLES.items():
        if name not in ("", table):
            text += ("[[idea]]\n" if name == "idea" else f"[{name}]\n") + "".join(
                f"{key} = {entry}\n" for key, entry in entries.items()
            )
    assert table in refusal(tmp_path / "study.toml", text, run=table in RUN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "[" * 100 + "]" * 100, "nested too deeply"),
        ("a." * 5000 + "b = 1", "nested too deeply"),
        ("x" * (1 << 20) + " = 1", "more than 1,048,576 bytes"),
    ],
)
def test_depth_and_size_without_end_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path / "study.toml", text, run=True)
