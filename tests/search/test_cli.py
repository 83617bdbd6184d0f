import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import search
import sentiment
from search.cli import main
from tests.search.conftest import Searched
from tests.support.program import PROGRAM, run
from tests.support.tiny import write_reviews, write_study_file

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def called(capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command in an empty directory: exit status, standard output, lines of standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)

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
    from search.export import export

    folder = tmp_path_factory.mktemp("exported") / "model"
    export(searched.opened.study, searched.artifacts, "best", folder)
    return folder


class TestImports:
    def test_help_waits_for_nothing_heavy(self) -> None:
        heavy = "{'torch', 'optuna', 'sklearn', 'pyarrow', 'numpy', 'scipy', 'sqlalchemy', 'tokenizers'}"
        script = (
            "import sys; from search.cli import main\n"
            "for arguments in (['--help'], ['run', '--help'], ['--version']):\n"
            "    try: main(arguments)\n"
            "    except SystemExit as ended: assert ended.code == 0\n"
            f"print('heavy:', sorted({heavy} & set(sys.modules)))"
        )
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "heavy: []"
        assert time.perf_counter() - started < 2  # 0.1 s on an idle machine; the promise is 0.5

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
        assert "Next: sentiment-search export tiny --to tiny-model" in out
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

    def test_with_flags_alone(self, called: Any, tmp_path: Path) -> None:
        data = write_reviews(tmp_path / "my reviews.v2.csv")
        status, out, err = called(
            *("run", "--data", data, "--text", "text", "--label", "stars", "--classes", "bad=1 good=5"),
            *("--trials", 1, "--threads", 1, "--max-rows", 200, "--json"),
        )
        assert status == 0, err
        assert json.loads(out)["study"] == "my reviews"
        assert any("(bad " in line for line in err)


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


class TestABadRequest:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "the following arguments are required: COMMAND"),
            (["frobnicate"], "invalid choice: 'frobnicate'"),
            (["run"], "give a study file, or --data, --text and --label (--data, --text, --label is missing)"),
            (["run", "none.toml"], "none.toml does not exist; give a study file"),
            (["run", "{toml}", "--data", "x.csv"], "not both"),
            (["run", "{toml}", "--trials", "0"], "trials is 0; it must be a whole number, 1 or more"),
            (["run", "{toml}", "--trials", "x"], "invalid int value: 'x'"),
            (["run", "{toml}", "--workers", "-1"], "workers is -1"),
            (["run", "{toml}", "--threads", "0"], "threads is 0"),
            (["run", "{toml}", "--timeout", "0"], "timeout is '0'; write it like 90s, 30m or 2h"),
            (["run", "{toml}", "--timeout", "soon"], "timeout is 'soon'"),
            (["run", "{toml}", "--name", "a/b"], "the study's name is 'a/b'"),
            (["run", "{toml}", "--device", "abacus"], "device 'abacus' cannot be used here"),
            (["run", "{toml}", "--storage", "nonsense"], "the storage is 'nonsense'"),
            (["run", "{toml}", "--storage", "sqlite:///{csv}"], "is not a SQLite database"),
            (["run", "--data", "none.csv", "--text", "t", "--label", "l"], "none.csv: there is no such file"),
            (["run", "--data", "{csv}", "--text", "txt", "--label", "stars"], "there is no column 'txt'"),
            (["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--classes", "=1"], "--classes has '=1'"),
            (["run", "--data", "{csv}", "--text", "text", "--label", "stars", "--classes", "stars-9"], "no label rule"),
            (["run", "{toml}", "--artifacts", "{csv}"], "cannot make the folder"),
            (["report", "none", "--storage", "{url}"], "there is no study 'none' in the storage; it has tiny"),
            (["report", "tiny"], "studies/sentiment.db does not exist; give --storage, or `sentiment-search run`"),
            (["replay", "tiny", "--trial", "99", "--storage", "{url}"], "has no trial 99; its trials are 0 to 5"),
            (["export", "tiny", "--to", "m", "--trial", "x", "--storage", "{url}"], "--trial is 'x'"),
            (
                ["export", "tiny", "--to", "{model}", "--storage", "{url}", "--artifacts", "{artifacts}"],
                "exists already",
            ),
            (["predict", "{model}"], "give texts"),
            (["predict", "{model}", "x", "--data", "{csv}", "--text", "text"], "one of the two"),
            (["predict", "{model}", "--data", "{csv}"], "--data needs --text"),
            (["predict", "{model}", "--data", "{csv}", "--text", "none"], "there is no column 'none'"),
            (["predict", "{model}", "--nonsense", "x"], "unrecognized arguments: --nonsense"),
            (["predict", "none", "x"], "none does not exist"),
            (["evaluate", "{model}", "--data", "{csv}", "--text", "text"], "evaluate needs --label"),
            (["evaluate", "{model}", "--data", "{csv}", "--text", "text", "--label", "text"], "name two columns"),
            (["inspect", "none.csv"], "none.csv: there is no such file"),
            (["worker", "--study", "none", "--trials", "1", "--storage", "{url}"], "there is no study 'none'"),
            (["worker", "--study", "tiny", "--trials", "1", "--threads", "0"], "threads is 0"),
            (["dashboard"], "does not exist"),
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
        }
        status, out, err = called(*(argument.format(**names) for argument in arguments))
        assert (status, out, len(err)) == (2, "", 1), err
        assert err[0].startswith("sentiment-search: ")
        assert message in err[0]
        assert not list(tmp_path.glob("studies/artifacts/*"))

    def test_of_other_data_for_the_same_study_is_refused(self, called: Any, searched: Searched, tmp_path: Path) -> None:
        other = write_study_file(tmp_path / "study.toml", write_reviews(tmp_path / "other.csv", seed=1))
        status, _, err = called("run", other, *searched.flags)
        assert (status, len(err)) == (2, 1)
        assert "study 'tiny' was made with other data, labels or split" in err[0]


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
        surroundings |= {"PROGRAM": " ".join(PROGRAM), "PYTHONPATH": str(Path(__file__).parents[2])} | environment
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
            "sentiment-search: OSError: [Errno 28] No space left on device (SENTIMENT_SEARCH_TRACEBACK=1 shows where)"
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
