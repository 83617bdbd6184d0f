import ast
import json
import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

import search
import sentiment
from search.cli.commands import main
from search.storage.databases import load_study, open_storage
from search.study.records import COMMAND, told_of_study
from tests.search.conftest import Searched
from tests.sentiment.test_foreign import OBEYED
from tests.support.program import PROGRAM, run
from tests.support.tiny import write_reviews, write_study_file

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def called(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command in an empty directory: exit status, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO()))  # nothing is piped in

    def call(*arguments: Any) -> tuple[int, str, list[str]]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err.splitlines()

    return call


@pytest.fixture(scope="module")
def model(searched: Searched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from search.study.export import export

    folder = tmp_path_factory.mktemp("exported") / "model"
    export(searched.opened.study, searched.artifacts, "best", folder)
    return folder


class TestImports:
    def test_help_waits_for_nothing_heavy(self) -> None:
        heavy = "{'torch', 'optuna', 'sklearn', 'pyarrow', 'numpy', 'scipy', 'sqlalchemy', 'tokenizers'}"
        script = (
            "import sys; from search.cli.commands import main\n"
            "for arguments in (['--help'], ['run', '--help'], ['--version']):\n"
            "    try: main(arguments)\n"
            "    except SystemExit as ended: assert ended.code == 0\n"
            f"print('heavy:', sorted({heavy} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "heavy: []"

    def test_a_report_waits_for_nothing_that_trains(self, searched: Searched) -> None:
        script = (
            f"import sys; from search.cli.commands import main; main(['report', 'tiny', *{searched.flags!r}])\n"
            "print('heavy:', sorted({'torch', 'sklearn'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert "Leaderboard of tiny" in done.stdout
        assert done.stdout.splitlines()[-1] == "heavy: []"

    def test_sentiment_knows_nothing_of_search_or_optuna(self) -> None:
        for path in Path(sentiment.__file__).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not {name.split(".")[0] for name in names} & {"search", "optuna"}, path

    def test_the_public_names_of_search_are_there_and_no_others(self) -> None:
        assert search.Objective.__name__ == "Objective"
        assert search.Space.__name__ == "Space"
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            search.Nothing  # noqa: B018


class TestTheWholePath:
    def test_from_a_file_to_a_prediction(self, called: Any, tmp_path: Path, reviews_csv: Path) -> None:
        study_file = write_study_file(tmp_path / "study.toml", reviews_csv, trials=2)
        status, out, err = called("run", study_file)
        assert status == 0, err
        assert "TF-IDF + logistic regression" in out
        assert out.split("\nNext: ")[1].splitlines() == [
            "sentiment-search export tiny --to tiny-model",
            "      sentiment-search evaluate tiny-model --sealed tiny",
            "      sentiment-search report tiny --html tiny.html",
            "      sentiment-search dashboard",
        ]
        assert (tmp_path / "studies" / "sentiment.db").exists()
        again, shown, err = called("run", study_file)  # nothing is left to do
        assert (again, shown.splitlines()[:3]) == (0, out.splitlines()[:3]), err
        assert err[0].endswith("2 of 2 trials are there already.")
        status, out, _ = called("export", "tiny", "--to", "tiny-model")
        assert (status, out.splitlines()[1]) == (0, 'Next: sentiment-search predict tiny-model "a review"')
        status, out, err = called("predict", "tiny-model", "a wonderful film", "")
        assert (status, err) == (0, [])
        assert out.splitlines()[0].startswith(("positive\tnegative 0.", "negative\tnegative 0."))
        assert out.splitlines()[1].startswith("(no text)")
        status, out, err = called("evaluate", "tiny-model", "--sealed", "tiny")
        assert (status, err, out.splitlines()[-1]) == (0, [], "Sealed rows opened 1 time.")

    def test_with_flags_alone(self, called: Any, tmp_path: Path) -> None:
        data = write_reviews(tmp_path / "my reviews.v2.csv")
        status, out, err = called(
            *("run", "--data", data, "--text", "text", "--label", "stars", "--classes", "bad=1 good=5"),
            *("--trials", 1, "--threads", 1, "--max-rows", 200, "--json"),
        )
        assert status == 0, err
        assert json.loads(out)["study"] == "my reviews"
        assert any("(bad " in line for line in err)

    def test_names_what_comes_next_without_what_stands_in_the_url(
        self, called: Any, tmp_path: Path, reviews_csv: Path
    ) -> None:
        study_file = write_study_file(tmp_path / "study.toml", reviews_csv, trials=1)
        url = "sqlite:///x.db?timeout=59"  # for all that is known, 59 is a password
        status, out, err = called("run", study_file, "--storage", url)
        assert status == 0, err
        assert 'export tiny --to tiny-model --storage "$OPTUNA_STORAGE"' in out
        assert 'evaluate tiny-model --sealed tiny --storage "$OPTUNA_STORAGE"' in out
        assert 'sentiment-search dashboard --storage "$OPTUNA_STORAGE"' in out
        assert "59" not in out.split("Next:")[1] and "timeout" not in out
        assert any("put the URL into OPTUNA_STORAGE" in line for line in err)
        recorded = told_of_study(load_study("tiny", open_storage(url)))
        assert recorded[COMMAND] == f'sentiment-search run {study_file} --storage "$OPTUNA_STORAGE"'


class TestJSON:
    def test_of_every_command_that_has_it_parses(
        self, called: Any, searched: Searched, model: Path, reviews_csv: Path, tmp_path: Path
    ) -> None:
        columns = ["--text", "text", "--label", "stars"]
        for arguments in (
            ["report", "tiny", *searched.flags],
            ["export", "tiny", "--to", tmp_path / "m", *searched.flags],
            ["evaluate", model, "--data", reviews_csv, *columns],
            ["replay", "tiny", "--trial", 0, *searched.flags],
            ["inspect", reviews_csv, *columns],
        ):
            status, out, err = called(*arguments, "--json")
            assert (status, err) == (0, []), arguments
            assert isinstance(json.loads(out, parse_constant=pytest.fail), dict)

    def test_of_predict_is_one_object_a_line(self, called: Any, model: Path, reviews_csv: Path) -> None:
        status, out, err = called("predict", model, "--json", "not bad", "좋아요 🎬", "  ")
        rows = [json.loads(line) for line in out.splitlines()]
        assert (status, err) == (0, [])
        assert [row["text"] for row in rows] == ["not bad", "좋아요 🎬", "  "]
        assert rows[2]["label"] is None
        assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        status, out, err = called("predict", model, "--data", reviews_csv, "--text", "text", "--json")
        assert (status, err) == (0, [f"400 rows of {reviews_csv} labelled"])
        assert [json.loads(line)["row"] for line in out.splitlines()] == list(range(1, 401))


def test_with_standard_error_closed_what_is_said_is_not_among_the_answers(model: Path, reviews_csv: Path) -> None:
    order = [*PROGRAM, "predict", model, "--data", reviews_csv, "--text", "text"]
    root = Path(__file__).parents[3]
    answers = [
        subprocess.run(order, stdout=subprocess.PIPE, check=True, preexec_fn=prepare, cwd=root).stdout
        for prepare in (None, lambda: os.close(2))
    ]
    assert answers[0] == answers[1] != b""


class TestABadRequest:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--json"], "the following arguments are required: COMMAND"),
            (["frobnicate"], "invalid choice: 'frobnicate'"),
            (["run"], "give a file of reviews, such as reviews.csv, or a study file (STUDY.toml)"),
            (["run", "none.toml"], "none.toml does not exist; give a study file"),
            (["compare", "none.toml"], "with `sentiment-search run reviews.csv`"),
            (["run", "{toml}", "--data", "x.csv"], "not both"),
            (["run", "{toml}", "--classes", "stars-3"], "--classes is for --data; write it into [data] of "),
            (["run", "{toml}", "--group", "app"], "--group is for --data; write it into [data] of "),
            (["run", "{toml}", "--max-rows", "9"], "--max-rows is for --data; write it into [data] of "),
            (["run", "{toml}", "--trials", "0"], "trials is 0; it must be a whole number, 1 or more"),
            (["run", "{toml}", "--trials", "x"], "invalid int value: 'x'"),
            (["run", "{toml}", "--workers", "-1"], "workers is -1"),
            (["run", "{toml}", "--threads", "0"], "threads is 0"),
            (["run", "{toml}", "--timeout", "0"], "timeout is '0'; write it like 90s, 30m or 2h"),
            (["run", "{toml}", "--timeout", "soon"], "timeout is 'soon'"),
            (["run", "{toml}", "--name", "a/b"], "the study's name is 'a/b'"),
            (["run", "{toml}", "--name=-rf"], "the study's name is '-rf'"),
            (["run", "{toml}", "--device", "abacus"], "device 'abacus' cannot be used here"),
            (["run", "{toml}", "--storage", "nonsense"], "the storage's URL cannot be read"),
            (["run", "{toml}", "--storage", "sqlite:///{csv}"], "is not a SQLite database"),
            (["run", "--data", "none.csv", "--text", "t", "--label", "l"], "none.csv: there is no such file"),
            (["run", "--data", "{csv}", "--text", "txt", "--label", "stars"], "there is no column 'txt'"),
            (["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--classes", "=1"], "--classes has '=1'"),
            (["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--classes", "stars-9"], "no label rule"),
            (
                ["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--group", "app"],
                "there is no column 'app'",
            ),
            (["run", "{toml}", "--artifacts", "{csv}"], "cannot make the folder"),
            (["report", "none", "--storage", "{url}"], "there is no study 'none' in the storage; it has 'tiny'"),
            (["report", "tiny"], "studies/sentiment.db does not exist; give --storage, or `sentiment-search run`"),
            (["replay", "tiny", "--trial", "99", "--storage", "{url}"], "has no trial 99; its trials are 0 to 5"),
            (["export", "tiny", "--to", "m", "--trial", "x", "--storage", "{url}"], "--trial is 'x'"),
            (
                ["export", "tiny", "--to", "{model}", "--storage", "{url}", "--artifacts", "{artifacts}"],
                "exists already",
            ),
            (["predict", "{model}"], "no text came on standard input; give texts"),
            (["predict", "{model}", "x", "--data", "{csv}", "--text", "text"], "one of the two"),
            (["predict", "{model}", "--data", "{csv}", "--text", "none"], "there is no column 'none'"),
            (["predict", "{model}", "--nonsense", "x"], "unrecognized arguments: --nonsense"),
            (["predict", "none", "x"], "none does not exist"),
            (["evaluate", "{model}", "--data", "{csv}", "--text", "text", "--label", "text"], "name two columns"),
            (["evaluate", "{model}"], "or --sealed STUDY, one of the two"),
            (["evaluate", "{model}", "--data", "{csv}", "--sealed", "tiny"], "or --sealed STUDY, one of the two"),
            (["evaluate", "{model}", "--sealed", "tiny", "--max-bytes", "9"], "--max-bytes is for --data"),
            (["evaluate", "{model}", "--sealed", "tiny", "--classes", "stars-3"], "--classes is for --data"),
            (["evaluate", "{model}", "--sealed", "none", "--storage", "{url}"], "there is no study 'none'"),
            (["evaluate", "{model}", "--sealed", "tiny"], "studies/sentiment.db does not exist; give --storage"),
            (["evaluate", "{model}", "--data", "{csv}", "--storage", "{url}"], "are for --sealed STUDY"),
            (["evaluate", "{model}", "--data", "{csv}", "--artifacts", "{artifacts}"], "are for --sealed STUDY"),
            (["inspect", "none.csv"], "none.csv: there is no such file"),
            (["worker", "--study", "none", "--trials", "1", "--storage", "{url}"], "there is no study 'none'"),
            (["worker", "--study", "tiny", "--trials", "1", "--threads", "0"], "threads is 0"),
            (["worker", "--study", "tiny", "--trials", "0", "--storage", "{url}"], "trials is 0; it must be a whole"),
            (
                ["worker", "--study", "tiny", "--trials", "9", "--timeout", "nan"],
                "is 'nan'; write it like 90s, 30m or 2h",
            ),
            (["worker", "--study", "tiny", "--trials", "1", "--device", "abacus", "--storage", "{url}"], "'abacus'"),
            (
                ["run", "{toml}", "--threads", "100000000"],
                "threads is 100000000; it must not be more than 1024",
            ),
            (["run", "{toml}", "--threads", "9" * 30], "it must not be more than 1024"),
            (["run", "{toml}", "--workers", "100000"], "workers is 100000; it must not be more than 1024"),
            (["run", "{toml}", "--device", "meta"], "device 'meta' cannot be used here"),
            (["run", "{toml}", "--storage", ""], "argument --storage: it is empty; give a value, or leave it out"),
            (["run", "{toml}", "--artifacts="], "argument --artifacts: it is empty"),
            (
                ["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--classes", ""],
                "--classes: it is empty",
            ),
            (["run", "\x1b[31mno\n.toml"], r"\x1b[31mno\n.toml does not exist"),
            (["run", "{toml}", "--\x1b[31m"], r"unrecognized arguments: --\x1b[31m"),
            (["run", "{toml}", "--storage", "postgres//me:secret@host"], "URL cannot be read (it is not shown"),
            (["compare", "{toml}", "--workers", "100000"], "workers is 100000"),
            (
                ["report", "tiny", "--top", "-1", "--storage", "{url}"],
                "--top is -1; it must be a whole number, 1 or more",
            ),
            (["report", "\x1b[31m", "--storage", "{url}"], r"there is no study '\x1b[31m'"),
            (["export", "tiny", "--to", "{long}", "--storage", "{url}", "--artifacts", "{artifacts}"], "name too long"),
            (
                ["export", "tiny", "--to", "m", "--trial", "9" * 5000, "--storage", "{url}"],
                "give best or a trial's number",
            ),
            (["predict", "{model}", "x", "--out", "x.csv"], "--out is for a file; give --data FILE"),
            (["predict", "{model}", "x", "--text", "t"], "--text is for a file"),
            (["dashboard"], "does not exist"),
            (["dashboard", "--artifacts", "{csv}", "--storage", "{url}"], "cannot make the folder"),
            (["dashboard", "--port", "99999", "--storage", "{url}"], "port 99999 cannot be used"),
        ],
    )
    def test_exits_with_2_and_says_in_one_line_what_to_do(
        self,
        called: Any,
        searched: Searched,
        model: Path,
        reviews_csv: Path,
        tmp_path: Path,
        arguments: Any,
        message: str,
    ) -> None:
        names = {
            "toml": write_study_file(tmp_path / "study.toml", reviews_csv),
            "csv": reviews_csv,
            "url": searched.url,
            "artifacts": searched.artifacts,
            "model": model,
            "long": "x" * 300,
        }
        status, out, err = called(*(argument.format(**names) for argument in arguments))
        assert (status, out, len(err)) == (2, "", 1), err
        assert err[0].startswith("sentiment-search: ")
        assert message in err[0]
        assert "secret" not in err[0] and not OBEYED.search(err[0])
        assert len(err[0]) < 1500
        assert not list(tmp_path.glob("studies/artifacts/*"))

    def test_of_other_data_for_the_same_study_is_refused(self, called: Any, searched: Searched, tmp_path: Path) -> None:
        other = write_study_file(tmp_path / "study.toml", write_reviews(tmp_path / "other.csv", seed=1))
        status, _, err = called("run", other, *searched.flags)
        assert (status, len(err)) == (2, 1)
        assert "study 'tiny' was made with other data, labels or split" in err[0]


class TestForeignText:
    """Labels, texts and names that a terminal would obey."""

    @pytest.fixture
    def hostile(self, model: Path, tmp_path: Path) -> Path:
        from sentiment.bundle.folder import Bundle, write_bundle

        bundle = Bundle.open(model)
        write_bundle(
            folder := tmp_path / "hostile",
            model=bundle.model,
            classes=("\x1b[31mred\x1b[0m", "line\nbreak\x9b"),
            facts={},
        )
        return folder

    def test_in_what_predict_prints_is_written_out(self, called: Any, hostile: Path) -> None:
        status, out, _ = called("predict", hostile, "fine\x1b[2J \u202e 한글 👩‍👩‍👧", "")
        assert status == 0
        assert not OBEYED.search(out.replace("\t", ""))
        first, second = out.splitlines()
        assert len(first.split("\t")) == len(second.split("\t")) == 3
        assert r"\x1b[31mred\x1b[0m" in first and r"line\nbreak\x9b" in first
        assert first.endswith(r"fine\x1b[2J \u202e 한글 👩‍👩‍👧")
        status, out, _ = called("predict", hostile, "--json", "fine\x9b2J")
        assert not OBEYED.search(out)
        assert json.loads(out)["text"] == "fine\x9b2J"

    def test_in_a_file_that_is_inspected_is_written_out(self, called: Any, tmp_path: Path) -> None:
        rows = "".join(f"{n} fine\x1b,\x1b[31mred\n{n} dull,\u202eblue\n" for n in range(20))
        (tmp_path / "x\x1b.csv").write_text(f"text,label\n{rows}", "utf-8")
        status, out, _ = called("inspect", tmp_path / "x\x1b.csv")
        assert status == 0
        assert not OBEYED.search(out)
        assert r"\x1b[31mred" in out and r"\u202eblue" in out and r"x\x1b.csv" in out


class TestThatTheWorkFailed:
    def test_is_said_in_one_line_with_status_1(self, called: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("first line\nsecond line")

        monkeypatch.setattr("sentiment.inspection.inspect", broken)
        status, out, err = called("inspect", "x.csv")
        assert (status, out) == (1, "")
        assert err == [
            "sentiment-search: RuntimeError: first line second line (SENTIMENT_SEARCH_TRACEBACK=1 shows where)"
        ]
        monkeypatch.setenv("SENTIMENT_SEARCH_TRACEBACK", "1")
        with pytest.raises(RuntimeError, match="first line"):
            called("inspect", "x.csv")


class TestStandardOutput:
    """In a process of its own, buffered as a shell's is."""

    def shell(self, command: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        surroundings |= {"PROGRAM": " ".join(PROGRAM), "PYTHONPATH": str(Path(__file__).parents[3])} | environment
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"], cwd=folder, env=surroundings, capture_output=True, text=True
        )

    def test_that_nobody_reads_on_ends_the_program_with_1_and_no_word(self, searched: Searched, tmp_path: Path) -> None:
        done = self.shell(f"$PROGRAM report tiny --storage {searched.url} | true", tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "")

    def test_that_is_read_to_its_end_ends_it_with_0(self, searched: Searched, tmp_path: Path) -> None:
        done = self.shell(f"$PROGRAM report tiny --storage {searched.url} | cat", tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("Leaderboard of tiny")

    def test_that_cannot_be_written_fails_in_one_line(self, searched: Searched, tmp_path: Path) -> None:
        done = self.shell(f"$PROGRAM report tiny --storage {searched.url} > /dev/full", tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines() == [
            "sentiment-search: no space is left on the device; free some space, then give the same command again: all "
            "that was finished is kept"
        ]


def test_the_optuna_command_opens_the_study(searched: Searched, tmp_path: Path) -> None:
    optuna_program = Path(sys.executable).with_name("optuna")

    def told(*arguments: str) -> Any:
        command = [optuna_program, *arguments, "--storage", searched.url, "-f", "json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout)

    (study,) = told("studies")
    assert (study["name"], study["n_trials"]) == ("tiny", 6)
    best = told("best-trial", "--study-name", "tiny")
    assert best["number"] == searched.opened.study.best_trial.number
    assert best["params"] == searched.opened.study.best_params
    trials = told("trials", "--study-name", "tiny")
    assert [trial["state"] for trial in trials] == ["COMPLETE"] * 5 + ["PRUNED"]


def test_as_a_module_it_is_the_same_program(tmp_path: Path) -> None:
    status, out, _ = run(tmp_path, "--version")
    assert (status, out.split()[0]) == (0, "sentiment-search")
