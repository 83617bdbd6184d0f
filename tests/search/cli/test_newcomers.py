"""What somebody types who has not read anything: it works, or one line says how."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import optuna
import pytest

from search.cli.commands import main
from tests.search.conftest import Searched
from tests.support.tiny import write_reviews

Call = Callable[..., tuple[int, str, list[str]]]
EARLIER = Path(__file__).parents[2] / "data" / "earlier"


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def called(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs one command in an empty folder, with what is piped in: exit status, answer, lines of what else is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)

    def call(*arguments: Any, piped: bytes | None = b"", typed: str | None = None) -> tuple[int, str, list[str]]:
        stdin = Terminal(typed) if typed is not None else None if piped is None else TextIOWrapper(BytesIO(piped))
        monkeypatch.setattr(sys, "stdin", stdin)
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call


@pytest.fixture
def model() -> Path:
    return EARLIER / "model"


def refusal(called: Call, *arguments: Any) -> str:
    status, out, err = called(*arguments)
    assert (status, out, len(err)) == (2, "", 1), err
    return err[0].removeprefix("sentiment-search: ")


class TestTheBareCommand:
    def test_shows_help_with_the_four_commands_first(self, called: Call) -> None:
        status, out, err = called()
        assert (status, err) == (0, [])
        assert out == called("--help")[1]
        first = [line.split("sentiment-search ")[1].split()[0] for line in out.splitlines()[5:9]]
        assert first == ["run", "report", "export", "predict"]
        assert max(map(len, out.splitlines())) <= 80

    def test_with_a_file_in_place_of_a_command_says_which(self, called: Call, tmp_path: Path) -> None:
        write_reviews(tmp_path / "reviews.csv", 40)
        assert refusal(called, "reviews.csv").startswith(
            "reviews.csv is a file, where a command is asked for: sentiment-search run reviews.csv;"
        )


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_commands_options_and_files(called: Call, shell: str) -> None:
    status, out, _ = called("--print-completion", shell)
    assert status == 0
    for word in ("studies", "delete"):
        assert word in out
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=out, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, "")
        asked = (
            out
            + "\nCOMP_WORDS=(sentiment-search run --tri); COMP_CWORD=2; _shtab_sentiment_search\necho ${COMPREPLY[@]}"
        )
        assert subprocess.run(["bash"], input=asked, text=True, capture_output=True).stdout.split() == ["--trials"]


class TestRun:
    def test_takes_a_file_alone_and_says_how_it_is_read(self, called: Call, tmp_path: Path) -> None:
        write_reviews(tmp_path / "reviews.csv", 120)
        status, out, err = called("run", "reviews.csv", "--trials", 1, "--families", "linear", "--out", "out")
        assert status == 0, err
        assert err[0] == (
            "Taken: text = text, label = stars, classes = as-is (1, 5). "
            "Otherwise: --text COLUMN --label COLUMN --classes RULE"
        )
        assert out.startswith("Leaderboard of reviews ")
        assert "sentiment-search dashboard" in out
        written = {path.name for path in (tmp_path / "out").iterdir()}
        assert written >= {"results.md", "leaderboard.json", "leaderboard.csv"}
        assert json.loads((tmp_path / "out" / "leaderboard.json").read_text("utf-8"))["study"] == "reviews"
        assert any(line.startswith("Wrote results.md, ") and line.endswith(" to out") for line in err)
        # What nobody said is taken alike the next time, so that the search goes on.
        again, _, err = called("run", "reviews.csv", "--trials", 2, "--families", "linear")
        assert (again, "1 of 2 trials are there already." in err[1]) == (0, True)
        assert refusal_after(called, "reviews.csv").endswith(
            "was made with --families linear; give the same, or another name to another search: --name OTHER"
        )
        assert refusal_after(called, "reviews.csv", "--name", "another", "--out", "out").startswith(
            "--out is out, which holds results.md, but no earlier report of 'another'"
        )

    def test_takes_several_files_of_one_class_each(self, called: Call, tmp_path: Path) -> None:
        lines = write_reviews(tmp_path / "reviews.csv", 160).read_text().splitlines()
        for stars in "15":
            own = [line for line in lines[1:] if line.endswith(f",{stars}")]
            (tmp_path / f"{stars}.csv").write_text("\n".join([lines[0], *own]))
        status, out, err = called("run", "1.csv", "5.csv", "--trials", 1, "--families", "linear", "--name", "both")
        assert status == 0, err
        assert out.startswith("Leaderboard of both")
        assert "classes = as-is (1, 5)" in err[0]

    def test_given_the_labels_takes_them_as_they_are(self, called: Call, tmp_path: Path) -> None:
        write_reviews(tmp_path / "reviews.csv", 120)
        _, _, err = called("run", "reviews.csv", "--label", "stars", "--trials", 1, "--families", "linear")
        assert err[0] == "Taken: text = text, classes = as-is. Otherwise: --text COLUMN --classes RULE"

    def test_does_not_take_the_column_that_names_groups(self, called: Call, tmp_path: Path) -> None:
        rows = "".join(f"a good thing of {n},{n % 12},{'yn'[n % 2]}\n" for n in range(120))
        (tmp_path / "reviews.csv").write_text(f"said,app,liked\n{rows}")
        assert "'app' or 'liked' may be the column" in refusal(called, "run", "reviews.csv")
        more = ("--trials", 1, "--families", "linear")
        status, _, err = called("run", "reviews.csv", "--group", "app", *more)
        assert err[0].startswith("Taken: text = said, label = liked, classes = as-is (n, y).")
        assert status == 0 or "groups" in err[-1]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "the file is empty (0 bytes)"),
            (b"text,label\n", "the file has a header but no rows"),
            (b"text,label\nx,good\ny,good\n", "only the value 'good'"),
            (b"a,b\n1,2\n", "no column is plainly the one with the reviews among 'a', 'b'; give --text COLUMN"),
            (b"text,label\ngood \x00 thing,x\n", "NUL"),
            (b"PK\x03\x04" + b"\x00" * 40, "a binary file"),
        ],
    )
    def test_of_a_file_that_cannot_be_used_says_why(
        self, called: Call, tmp_path: Path, content: bytes, told: str
    ) -> None:
        (tmp_path / "reviews.csv").write_bytes(content)
        message = refusal(called, "run", "reviews.csv")
        assert message.startswith("reviews.csv") and told in message

    def test_of_what_is_no_file_of_reviews_says_so(self, called: Call, tmp_path: Path) -> None:
        write_reviews(tmp_path / "reviews.csv", 40).rename(tmp_path / "data.toml")
        (tmp_path / "folder").mkdir()
        write_reviews(tmp_path / "reviews.csv", 40)
        assert refusal(called, "run", "folder").endswith("this is a directory; give the file in it")
        assert refusal(called, "run", "none.csv") == "none.csv: there is no such file"
        assert "a file of reviews is given with --data" in refusal(called, "run", "data.toml")
        assert refusal(called, "run", "data.toml", "reviews.csv") == (
            "give one study file, or files of reviews, not both"
        )
        assert refusal(called, "run", "data.toml", "--data", "reviews.csv").endswith("not both")
        assert refusal(called, "run", "reviews.csv", "--data", "reviews.csv").startswith(
            "give the files of reviews once"
        )
        assert refusal(called, "compare", "reviews.csv").endswith(
            "; compare wants one; a file of reviews is searched with `sentiment-search run reviews.csv`"
        )
        assert refusal(called, "run", "reviews.csv", "--trails", 3).endswith("; see `sentiment-search run --help`")
        assert refusal_after(called, "reviews.csv", "--families", "linear,textcnn").startswith(
            "--families: textcnn is a network's architecture, not a family; give network here, or "
        )
        assert "there is no column 'stras'" in refusal(called, "run", "reviews.csv", "--label", "stras")


def refusal_after(called: Call, *arguments: Any) -> str:
    """Where something was said before."""
    status, out, err = called("run", *arguments)
    assert (status, out) == (2, "")
    return err[-1].removeprefix("sentiment-search: ")


def test_inspect_guesses_what_run_does(called: Call, tmp_path: Path) -> None:
    rows = "".join(f"a rather good thing that was number {n},{1 + n % 5}\n" for n in range(100))
    (tmp_path / "reviews.csv").write_text(f"content,score\n{rows}")
    status, out, _ = called("inspect", "reviews.csv")
    assert status == 0
    assert "read by rule stars-3" in out and "label rule guessed: stars-3" in out
    assert "read by rule as-is" in called("inspect", "reviews.csv", "--label", "score")[1]
    # What is not plain to `run` is described all the same, and said to be so.
    rows = "".join(f"a thing of number {n},the other thing of {n},{n % 2}\n" for n in range(100))
    (tmp_path / "two.csv").write_text(f"one,other,score\n{rows}")
    assert "may be the column with the reviews" in refusal(called, "run", "two.csv")
    assert "guessed: 'other', which is not plain: a search wants --text" in " ".join(
        called("inspect", "two.csv")[1].split()
    )


def test_a_first_row_that_looks_like_data_is_told(called: Call, tmp_path: Path) -> None:
    rows = "".join(f"a rather good thing that was number {n},{1 + n % 2}\n" for n in range(101))
    (tmp_path / "reviews.csv").write_text(rows)
    told = "reviews.csv: the first row looks like data, not like a header (a column is called"
    assert told in " ".join(called("inspect", "reviews.csv")[1].split())
    _, _, err = called("run", "reviews.csv", "--trials", 1, "--families", "linear")
    assert any(line.startswith(told) for line in err), err


class TestStudies:
    @pytest.mark.parametrize("word", ["studies", "list", "status"])
    def test_shows_what_is_there(self, called: Call, searched: Searched, word: str) -> None:
        status, out, err = called(word, "--storage", searched.url)
        assert (status, err) == (0, [])
        assert out.splitlines()[2].split()[:5] == ["tiny", "search", "6", "of", "3"]
        (one,) = json.loads(called(word, "--json", "--storage", searched.url)[1])
        assert (one["name"], one["kind"], one["done"], one["best"]) == (
            "tiny",
            "search",
            6,
            searched.opened.study.best_value,
        )

    def test_of_a_storage_that_is_not_there_or_empty_says_how_to_begin(self, called: Call, tmp_path: Path) -> None:
        told = "holds no study yet; a first one: sentiment-search run reviews.csv\n"
        assert called("studies") == (0, f"sqlite:///studies/sentiment.db {told}", [])
        assert not (tmp_path / "studies").exists()
        optuna.storages.RDBStorage("sqlite:///empty.db")
        assert called("studies", "--storage", "sqlite:///empty.db") == (0, f"sqlite:///empty.db {told}", [])
        assert called("studies", "--json", "--storage", "sqlite:///empty.db")[1] == "[]\n"

    def test_waits_for_nothing_that_trains(self, searched: Searched) -> None:
        script = (
            f"import sys; from search.cli.commands import main; main(['studies', '--storage', {searched.url!r}])\n"
            "print('heavy:', sorted({'torch', 'sklearn'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "heavy: []"


def copy(url: str, to: Path) -> None:
    """Of a database, with what is only in its journal yet."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


class TestWithoutAName:
    def test_the_only_search_there_is_is_taken(self, called: Call, searched: Searched) -> None:
        for command in (["report"], ["export", "--to", "model"], ["replay", "--trial", "0"]):
            status, out, err = called(*command, *searched.flags)
            assert status == 0, err
            assert err[0] in ("Study tiny, the only one there is.", "Search tiny, the only one there is.")
            assert out

    def test_of_several_one_is_asked_for(self, called: Call, searched: Searched, tmp_path: Path) -> None:
        copy(searched.url, tmp_path / "two.db")
        optuna.create_study(study_name="other", storage="sqlite:///two.db")
        told = "give the NAME of one: the storage has 'other', 'tiny'"
        assert refusal(called, "report", "--storage", "sqlite:///two.db") == told
        assert refusal(called, "export", "--to", "m", "--storage", "sqlite:///two.db") == told

    def test_of_none_it_is_said_how_to_begin(self, called: Call) -> None:
        optuna.storages.RDBStorage("sqlite:///empty.db")
        assert refusal(called, "report", "--storage", "sqlite:///empty.db") == (
            "there is no study in the storage yet; a first one: sentiment-search run reviews.csv"
        )

    def test_the_sealed_rows_are_those_of_the_study_that_a_model_is_of(self, called: Call, searched: Searched) -> None:
        # Of a copy: to look is on record.
        copy(searched.url, Path("copy.db"))
        flags = ("--storage", "sqlite:///copy.db", "--artifacts", str(searched.artifacts))
        assert called("export", "--to", "model", *flags)[0] == 0
        status, out, err = called("evaluate", "model", "--sealed", *flags)
        assert (status, err) == (0, [])
        assert out.startswith("sealed rows of study tiny: 40 rows scored")


class TestPredict:
    @pytest.mark.parametrize("arguments", [[], ["-"]])
    def test_reads_what_is_piped_in_a_text_a_line(self, called: Call, model: Path, arguments: list[str]) -> None:
        piped = "fine word1\r\n\npoor word2\n  \n좋아요".encode()
        status, out, err = called("predict", model, *arguments, piped=piped)
        assert (status, err) == (0, [])
        lines = out.splitlines()
        assert [line.split("\t")[0] == "(no text)" for line in lines] == [False, True, False, True, False]
        assert [line.split("\t")[2] for line in lines] == ["fine word1", "", "poor word2", "", "좋아요"]
        rows = [
            json.loads(line) for line in called("predict", model, *arguments, "--json", piped=piped)[1].splitlines()
        ]
        assert [row["text"] for row in rows] == ["fine word1", "", "poor word2", "  ", "좋아요"]
        assert rows[1] == {"text": "", "label": None, "probabilities": {}}

    def test_answers_as_it_is_given_a_file_of_the_same_texts(self, called: Call, model: Path, tmp_path: Path) -> None:
        texts = [f"fine word{number % 9} poor" for number in range(3000)]
        out = called("predict", model, "--json", piped="\n".join(texts).encode())[1]
        (tmp_path / "texts.csv").write_text("\n".join(["text", *texts]))
        of_file = called("predict", model, "--json", "--data", "texts.csv", "--text", "text")[1]
        assert [json.loads(line)["label"] for line in out.splitlines()] == [
            json.loads(line)["label"] for line in of_file.splitlines()
        ]

    def test_answers_each_line_while_more_may_come(self, model: Path) -> None:
        root = Path(__file__).parents[3]
        running = subprocess.Popen(
            [sys.executable, "-m", "search", "predict", str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        )
        assert running.stdin is not None and running.stdout is not None
        for text in ("fine word1", "poor word2"):
            running.stdin.write(f"{text}\n")
            running.stdin.flush()
            assert running.stdout.readline().endswith(f"\t{text}\n")
        running.stdin.close()
        assert running.wait(60) == 0

    def test_shows_bytes_that_cannot_be_read_and_counts_their_lines(self, called: Call, model: Path) -> None:
        piped = b"caf\xe9 fine\npoor\n\xff\n"
        status, out, err = called("predict", model, piped=piped)
        assert (status, len(out.splitlines())) == (0, 3)
        assert err == ["2 of 3 lines hold what is not UTF-8, shown as \ufffd; --encoding names another"]
        status, out, err = called("predict", model, "--encoding", "latin-1", piped=piped)
        assert (status, err) == (0, [])
        assert out.splitlines()[0].endswith("café fine")

    @pytest.mark.parametrize(
        ("encoding", "words"),
        [
            ("none", "encoding 'none' is not known; give one such as utf-8, cp949"),
            ("base64", "encoding 'base64' is not known"),
            ("idna", "encoding 'idna' is not known"),
            ("utf-16", "does not start with BOM; pass --encoding utf-16-le or -be"),
        ],
    )
    def test_refuses_an_encoding_that_lines_are_not_in(
        self, encoding: str, words: str, called: Call, model: Path
    ) -> None:
        status, out, err = called("predict", model, "--encoding", encoding, piped=b"fine\npoor\n")
        assert (status, out, len(err)) == (2, "", 1)
        assert words in err[0]

    def test_shows_half_a_character_as_it_shows_bytes_that_cannot_be_read(self, called: Call, model: Path) -> None:
        status, out, err = called("predict", model, "--encoding", "utf-7", piped=b"+2AA- fine\npoor\n")
        assert (status, len(out.splitlines())) == (0, 2)
        assert "1 of 2 lines holds what is not utf-7" in err[0]

    def test_without_texts_says_what_to_do(self, called: Call, model: Path) -> None:
        for arguments in ({"typed": ""}, {"piped": None}):
            status, _, err = called("predict", model, **arguments)
            assert (status, len(err)) == (2, 1)
            assert "or - to type one a line; or pipe lines into it" in err[0]
        assert "no text came on standard input" in called("predict", model, piped=b"")[2][0]

    def test_of_a_file_given_as_a_text_says_how_to_label_it(self, called: Call, model: Path, tmp_path: Path) -> None:
        write_reviews(tmp_path / "reviews.csv", 20)
        status, out, err = called("predict", model, "reviews.csv")
        assert (status, out.count("\n")) == (0, 1)
        assert err == ["reviews.csv was taken for a text; --data reviews.csv labels what it holds"]

    def test_guesses_the_column_with_the_reviews_and_evaluate_both(
        self, called: Call, model: Path, tmp_path: Path
    ) -> None:
        rows = "".join(
            f"{n},fine word{n % 3} of some kind {n},{'positive' if n % 2 else 'negative'}\n" for n in range(40)
        )
        (tmp_path / "reviews.csv").write_text(f"id,said,sentiment\n{rows}")
        status, out, err = called("predict", model, "--data", "reviews.csv")
        assert (status, len(out.splitlines())) == (0, 41)
        assert err[0] == "Taken: text = said. Otherwise: --text COLUMN"
        status, out, err = called("evaluate", model, "--data", "reviews.csv")
        assert (status, err) == (0, ["Taken: text = said, label = sentiment. Otherwise: --text COLUMN --label COLUMN"])
        assert out.startswith("reviews.csv: 40 rows scored")
        assert called("evaluate", model, "reviews.csv") == (status, out, err)
        assert refusal(called, "evaluate", model, "reviews.csv", "--data", "reviews.csv").startswith(
            "give the file once"
        )
