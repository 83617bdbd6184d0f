from pathlib import Path

import pytest

from search.study.definition import StudyDefinition, parse_duration, read_definition
from search.study.space import Space
from sentiment.errors import InputError
from tests.support.tiny import SPACE, definition, write_study_file

DATA = '[data]\npath = "reviews.csv"\ntext = "text"\nlabel = "stars"\n'


def refusal(folder: Path, text: str | bytes) -> str:
    path = folder / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as refused:
        read_definition(path)
    message = str(refused.value)
    assert message.startswith(str(path))
    assert message.count(str(path)) == 1
    assert "\n" not in message
    return message


class TestAStudyFile:
    def test_defines_what_the_same_flags_would(self, tmp_path: Path, reviews_csv: Path) -> None:
        read = read_definition(write_study_file(tmp_path / "a.toml", reviews_csv, workers=2, timeout="1.5h"))
        space = SPACE | {"epochs": 1}
        assert read == definition(reviews_csv, workers=2, timeout=5400.0, space=space)

    def test_is_named_after_its_file_unless_it_says(self, tmp_path: Path) -> None:
        (tmp_path / "korean-apps.toml").write_text(DATA)
        read = read_definition(tmp_path / "korean-apps.toml")
        assert (read.name, read.trials, read.workers, read.keep_best, read.space) == ("korean-apps", 30, 1, 3, {})

    def test_finds_its_data_beside_it_first_then_where_one_stands(self, tmp_path: Path) -> None:
        (tmp_path / "study.toml").write_text(DATA)
        assert read_definition(tmp_path / "study.toml").data.path == "reviews.csv"
        (tmp_path / "reviews.csv").touch()
        assert read_definition(tmp_path / "study.toml").data.path == str(tmp_path / "reviews.csv")

    def test_may_say_how_large_its_data_may_be(self, tmp_path: Path) -> None:
        (tmp_path / "study.toml").write_text(DATA + "max_bytes = 1_000_000_000\n")
        assert read_definition(tmp_path / "study.toml").data.max_bytes == 10**9

    def test_may_name_the_column_of_the_groups(self, tmp_path: Path) -> None:
        (tmp_path / "study.toml").write_text(DATA + 'group = "app"\n')
        assert read_definition(tmp_path / "study.toml").data.group == "app"

    def test_may_begin_with_a_byte_order_mark_and_hold_the_tables_of_a_comparison(self, tmp_path: Path) -> None:
        text = (
            DATA
            + '[baseline]\narchitecture = "lstm"\n[[idea]]\nname = "Adam"\n[budget]\npairs = 3\n[curve]\ntrials = 9\n'
        )
        (tmp_path / "study.toml").write_text(text, "utf-8-sig")
        assert read_definition(tmp_path / "study.toml").name == "study"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                "[data\npath = 1",
                "is no study file, since it is not TOML: Expected ']' at the end of a table declaration (at line 1",
            ),
            (b"name = '\xff'", "is not UTF-8 (byte 8)"),
            (
                DATA + "a." * 500_000 + "a = 1",
                "line 5 has more than 500 dots, which is nested too deeply",
            ),  # hours to parse
            (DATA + "[" + "a." * 500_000 + "a]", "has more than 500 dots"),
            ("", '[data] needs path = "reviews.csv"'),
            ("data = 3", "data is 3; it must be a table"),
            ("[data]\npath = 'r.csv'\ntext = 'text'", '[data] needs label = "stars"'),
            (DATA.replace('"text"', "3"), '[data] text is 3; write text = "review"'),
            (DATA + "encoding = 3", "[data] encoding is 3"),
            (DATA + "validation = 3", "[data] validation is 3"),
            (DATA + "classes = 3", "[data] classes is 3"),
            (DATA + "classes = 'stars-9'", "there is no label rule 'stars-9'"),
            (DATA + "classes = { negative = 1 }", "'negative' is 1"),
            (DATA + "group = 3", '[data] group is 3; write group = "app"'),
            (DATA + "group = ''", "[data] group is ''; write group = \"app\""),
            (DATA + "group = 'stars'", "label and group are both column 'stars'"),
            (DATA + "fractions = 0.8", "[data] fractions is 0.8; write fractions = [0.8, 0.1, 0.1]"),
            (DATA + "fractions = [0.8, 0.1]", "three shares"),
            (DATA + "max_rows = '5'", "[data] max_rows is '5'; write max_rows = 10000"),
            (DATA + "columns = 3", "[data] has no 'columns'; known are classes"),
            (DATA + "[serach]\ntrials = 3", "there is no 'serach'; known are baseline, budget"),
            (DATA + "[search]\ntrails = 3", "[search] has no 'trails'; known are audit"),
            (DATA + "[search]\ntrials = 0", "trials is 0; it must be a whole number, 1 or more"),
            (DATA + "[search]\ntrials = 'many'", "trials is 'many'"),
            (DATA + "[search]\nworkers = 1.5", "workers is 1.5"),
            (DATA + "[search]\nkeep_best = true", "keep_best is True"),
            (DATA + "[search]\nthreads = 0", "threads is 0"),
            (DATA + "[search]\ntimeout = 'soon'", "timeout is 'soon'; write it like 90s, 30m or 2h"),
            (DATA + "[search]\ntimeout = [1]", "timeout is [1]"),
            ("space = 3\n" + DATA, "space is 3; it must be a table"),
            (DATA + "[space]\ndropuot = 0.1", "[space] there is no parameter 'dropuot'; did you mean 'dropout'?"),
            (DATA + "[space]\nepochs = { low = 1, high = 2, step = 0.5 }", "[space] epochs: step is 0.5"),
            (DATA + "max_rows = true", "[data] max_rows is True"),
            (DATA + "[search]\nthreads = 100000000", "threads is 100000000; it must not be more than 1024"),
            (DATA + "[search]\ntimeout = true", "timeout is True"),
            (DATA + "[search]\naudit = true", "audit is True"),
            ("name = 5\n" + DATA, "the study's name is 5"),
            ("name = 'a/b'\n" + DATA, "the study's name is 'a/b', which cannot be a folder's"),
        ],
    )
    def test_that_makes_no_sense_is_refused_in_one_line_that_names_it(
        self, tmp_path: Path, text: str | bytes, message: str
    ) -> None:
        assert message in refusal(tmp_path, text)

    def test_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="does not exist; give a study file"):
            read_definition(tmp_path / "none.toml")
        with pytest.raises(InputError, match="this is a directory"):
            read_definition(tmp_path)


NAMES_OF_NO_FOLDER = [
    *("", "..", ".hidden", "a/b", "a\nb", "a\0b", "\ud800", "x" * 201, "각" * 67),
    *("/somewhere/abs", "../../../evil", "a\\b", " a", "a ", "cache", "Cache", "cmp: baseline", "\u200b"),
    *(
        "x.",
        "...",
        "con",
        "NUL",
        "Aux.toml",
        "com1",
        "LPT9.x",
        "a\u202eb",
        "\u200dx",
        "\x1b[31m",
        "x\x7f",
        "\\\\host\\share",
    ),
]


class TestAName:
    @pytest.mark.parametrize("name", NAMES_OF_NO_FOLDER)
    def test_that_cannot_be_a_folders_of_its_own_is_refused(self, reviews_csv: Path, name: str) -> None:
        with pytest.raises(InputError, match="the study's name is"):
            definition(reviews_csv, name=name)

    @pytest.mark.parametrize("name", ["netflix", "two words", 'o\'clock "quoted"', "넷플릭스 🎬", "x" * 200, "x-"])
    def test_may_be_anything_else(self, reviews_csv: Path, name: str) -> None:
        assert isinstance(definition(reviews_csv, name=name), StudyDefinition)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), ("1d", 86400), (0.5, 0.5), (7, 7)]
)
def test_a_duration_is_read_in_seconds(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "soon", "0", "-5m", "nan", "inf", "1 year", "5mm"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="timeout is"):
        parse_duration(text)


def test_an_encoder_lies_beside_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    for given in ('encoder = "enc"', '[space.encoder]\nmodel = "enc"'):
        (tmp_path / "study.toml").write_text(f"{DATA}[space]\n{given}\n".replace("[space]\n[space", "[space"), "utf-8")
        space = read_definition(tmp_path / "study.toml").space
        assert Space.of(space).fixed["encoder.model"] == str(tmp_path / "enc")
    (tmp_path / "study.toml").write_text(f'{DATA}[space]\nencoder = "somebody/elsewhere"\n', "utf-8")
    assert read_definition(tmp_path / "study.toml").space == {"encoder": "somebody/elsewhere"}
