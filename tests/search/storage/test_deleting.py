"""`delete` removes what is ours and all of it, wherever it is kept; of anything else nothing."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import TrialState, create_trial

from search.cli.commands import main
from search.report.pages import publish_search
from search.storage import deleting
from search.storage.databases import open_storage
from search.study.claims import claim
from search.study.create import create_or_resume, make_objective
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from search.study.records import FINGERPRINT
from tests.search.comparison.test_reopened import begun_under_older_names
from tests.support.compared import RECIPE, SAME, MadeUp, compared, write_comparison
from tests.support.tiny import definition

Capture = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def made(reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two searches, `tiny` and `other`, of one trial each; not to be changed."""
    folder = tmp_path_factory.mktemp("two searches")
    storage = open_storage(f"sqlite:///{folder}/studies/sentiment.db")
    artifacts = folder / "studies" / "artifacts"
    for name in ("tiny", "other"):
        asked = definition(reviews_csv, name=name, trials=1, space={"family": "linear"})
        opened = create_or_resume(asked, storage, artifacts)
        optimize(opened, trials=1, objective=make_objective(opened))
        publish_search(opened.study, leaderboard(opened.study), artifacts)
    return folder


@pytest.fixture
def searched_here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def made_comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a comparison, `ideas`."""
    folder = tmp_path_factory.mktemp("comparison")
    write_comparison(folder, RECIPE + SAME)
    with pytest.MonkeyPatch.context() as patch:
        MadeUp().instead_of_training(patch)
        compared(folder)
    return folder


def names() -> list[str]:
    return optuna.get_all_study_names(open_storage("sqlite:///studies/sentiment.db"))


def files(folder: str = "studies/artifacts") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def deleted(capsys: Capture, *arguments: Any) -> tuple[int, str]:
    capsys.readouterr()
    status = main(["delete", *map(str, arguments)])
    return status, capsys.readouterr().err


class TestASearch:
    def test_goes_with_its_files_and_those_of_the_dashboard_and_leaves_others_alone(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        Path("studies/artifacts/cache").mkdir(exist_ok=True)
        Path("studies/artifacts/cache/of-all").touch()
        study = optuna.load_study(study_name="other", storage=open_storage("sqlite:///studies/sentiment.db"))
        shown = {one.artifact_id for one in get_all_artifact_meta(study)}
        theirs = {name for name in files() if name.startswith(("other/", "cache/"))} | shown
        assert shown and files() > theirs
        status, err = deleted(capsys, "tiny", "--yes")
        assert status == 0
        removed, left = err.splitlines()
        assert removed.startswith("Removed search tiny: ")
        assert left.startswith("Left for other searches: studies/artifacts/cache, with tokenizers")
        assert names() == ["other"]
        assert files() == theirs
        assert not Path("studies/artifacts/tiny").exists()

    def test_asks_first_and_takes_no_for_an_answer(
        self, searched_here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = files()
        for said, status in (("no\n", 1), ("", 1), ("yes\n", 0)):
            assert files() == before
            monkeypatch.setattr(sys, "stdin", Terminal(said))
            found, err = deleted(capsys, "tiny")
            assert found == status
            assert err.startswith("Remove search tiny: ") and "This cannot be undone" in err
        assert names() == ["other"]

    def test_is_not_removed_where_nobody_can_be_asked(
        self, searched_here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
        status, err = deleted(capsys, "tiny")
        assert (status, err.count("\n")) == (2, 1)
        assert "give --yes, since nobody can be asked here" in err
        assert len(names()) == 2

    def test_whose_trial_runs_is_refused_until_its_process_is_no_more(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        script = (
            "import optuna, sys\n"
            "from search.storage.databases import open_storage\n"
            "from search.study.claims import claim\n"
            "study = optuna.load_study(study_name='tiny', storage=open_storage('sqlite:///studies/sentiment.db'))\n"
            "print(claim(study, 9).number, flush=True)\nsys.stdin.read()"
        )
        root = Path(deleting.__file__).parents[2]
        running = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        assert running.stdout is not None
        number = running.stdout.readline().strip()
        try:
            status, err = deleted(capsys, "tiny", "--yes")
            assert status == 2
            assert f"trial {number} runs in study 'tiny'; end the search first, or give --running" in err
            assert len(names()) == 2
        finally:
            running.kill()
            running.communicate()
        assert deleted(capsys, "tiny", "--yes")[0] == 0
        assert names() == ["other"]

    def test_whose_trial_runs_goes_if_that_is_said(self, searched_here: Path, capsys: Capture) -> None:
        study = optuna.load_study(study_name="tiny", storage=open_storage("sqlite:///studies/sentiment.db"))
        assert claim(study, 9) is not None
        assert deleted(capsys, "tiny", "--yes", "--running")[0] == 0
        assert names() == ["other"]

    def test_in_whose_folder_is_what_is_not_ours_leaves_that_there(self, searched_here: Path, capsys: Capture) -> None:
        elsewhere = searched_here / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "trial-00000.npy").write_text("mine")
        folder = Path("studies/artifacts/tiny")
        mine = {"predictions/mine.csv", "predictions/mine/analysis.json", "trial-7 my thesis/thesis.docx"}
        mine |= {"notes.txt", "trial-00000/my-notes.txt", "progress/weights.safetensors", "pairs/mine.npy"}
        for name in mine:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("mine")
        (folder / "arm-00").symlink_to(elsewhere)
        status, err = deleted(capsys, "tiny", "--yes")
        assert status == 0
        assert "Left in studies/artifacts/tiny, which is not of it: arm-00, notes.txt, pairs/mine.npy, ..." in err
        assert files(str(folder)) == mine
        assert (elsewhere / "trial-00000.npy").read_text() == "mine"

    def test_whose_folder_is_a_link_leaves_what_it_leads_to(self, searched_here: Path, capsys: Capture) -> None:
        folder = Path("studies/artifacts/tiny")
        folder.rename(searched_here / "elsewhere")
        folder.symlink_to(searched_here / "elsewhere")
        before = files(str(searched_here / "elsewhere"))
        assert deleted(capsys, "tiny", "--yes")[0] == 0
        assert files(str(searched_here / "elsewhere")) == before

    def test_that_was_killed_in_the_middle_goes_by_the_same_command(
        self, searched_here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(deleting, "remove_studies", killed)
            assert deleted(capsys, "tiny", "--yes")[0] == 130
        assert not Path("studies/artifacts/tiny").exists()
        assert len(names()) == 2
        assert deleted(capsys, "tiny", "--yes")[0] == 0
        assert names() == ["other"]

    def test_that_names_artifacts_elsewhere_removes_none(self, searched_here: Path, capsys: Capture) -> None:
        storage = open_storage("sqlite:///studies/sentiment.db")
        study = optuna.load_study(study_name="tiny", storage=storage)
        outside = searched_here / "studies" / "mine.txt"
        beside = searched_here / "studies" / "artifacts" / "mine.txt"
        for path in (outside, beside):
            path.write_text("mine")
        for name in ("../mine.txt", "mine.txt", "other"):
            storage.set_study_system_attr(study._study_id, f"artifacts:{name}", "{}")
        assert deleted(capsys, "tiny", "--yes")[0] == 0
        assert outside.exists() and beside.exists() and Path("studies/artifacts/other").exists()

    def test_that_was_killed_while_it_wrote_goes_with_what_is_half_written(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        folder, half = Path("studies/artifacts/tiny"), f".12-{'a' * 16}.tmp"
        for name in (".trial-00001.ab_1x9zq.tmp/own.bin", f"predictions/.trial-00001.npy{half}", f"progress/x{half}"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("")
        manifest = folder / "trial-00000" / "manifest.json"  # as of a family that somebody added
        manifest.write_text(manifest.read_text().replace("ngrams.txt", "own.bin"))
        (folder / "trial-00000" / "ngrams.txt").rename(manifest.with_name("own.bin"))
        assert deleted(capsys, "tiny", "--yes")[0] == 0
        assert files(str(folder)) == {f"progress/x{half}"}

    def test_of_another_program_leaves_what_lies_in_a_folder_of_its_name(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        storage = open_storage("sqlite:///studies/sentiment.db")
        optuna.delete_study(study_name="tiny", storage=storage)
        optuna.create_study(study_name="tiny", storage=storage)
        before = files()
        assert "Removed study of another program tiny: 0 trials and 0 files." in deleted(capsys, "tiny", "--yes")[1]
        assert files() == before

    def test_of_which_there_is_a_copy_that_uses_the_same_files_goes_with_or_without_them_as_is_said(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        before = files()
        copy = f"sqlite:///{searched_here}/copy.db"
        assert main(["storage", "copy", "sqlite:///studies/sentiment.db", copy, "--study", "tiny"]) == 0
        for storage in (copy, "sqlite:///studies/sentiment.db"):
            status, err = deleted(capsys, "tiny", "--yes", "--storage", storage)
            assert (status, err.count("\n")) == (2, 1)
            assert "another database, which uses the same files; give --keep-files" in err
        assert deleted(capsys, "tiny", "--yes", "--keep-files")[0] == 0
        assert (names(), files()) == (["other"], before)
        assert deleted(capsys, "tiny", "--yes", "--no-keep-files", "--storage", copy)[0] == 0
        assert not Path("studies/artifacts/tiny").exists()

    def test_that_is_not_there_is_refused_with_those_that_are(self, searched_here: Path, capsys: Capture) -> None:
        assert deleted(capsys, "tin", "--yes") == (
            2,
            "sentiment-search: there is no study 'tin' in the storage; it has 'other', 'tiny'\n",
        )

    def test_that_has_an_empty_name_goes_by_it(self, searched_here: Path, capsys: Capture) -> None:
        optuna.create_study(study_name="", storage="sqlite:///studies/sentiment.db")
        assert "it has '', 'other', 'tiny'" in deleted(capsys, "tin", "--yes")[1]
        assert deleted(capsys, "", "--yes")[0] == 0
        assert sorted(names()) == ["other", "tiny"]

    def test_that_no_folder_can_be_called_after_goes_without_one(self, searched_here: Path, capsys: Capture) -> None:
        storage = open_storage("sqlite:///studies/sentiment.db")
        optuna.create_study(study_name="../..", storage=storage).add_trial(create_trial(state=TrialState.FAIL))
        before = files()
        assert deleted(capsys, "../..", "--yes") == (
            0,
            "Removed study of another program ../..: 1 trial and 0 files.\n",
        )
        assert files() == before


class TestAComparison:
    @pytest.fixture
    def flags(self, made_comparison: Path, tmp_path: Path) -> list[str]:
        shutil.copytree(made_comparison, tmp_path, dirs_exist_ok=True)
        return ["--storage", f"sqlite:///{tmp_path}/studies.db", "--artifacts", str(tmp_path / "artifacts"), "--yes"]

    def test_goes_with_all_of_its_studies_and_says_that_the_ledger_goes(
        self, flags: list[str], tmp_path: Path, capsys: Capture
    ) -> None:
        status, err = deleted(capsys, "ideas", *flags)
        assert status == 0, err
        assert err.startswith("Removed comparison ideas (3 studies): ")
        assert "the record of 1 opening of its sealed rows" in err
        assert optuna.get_all_study_names(open_storage(flags[1])) == []
        assert not (tmp_path / "artifacts" / "ideas").exists()

    def test_killed_in_the_middle_is_still_known_by_its_name(self, flags: list[str], capsys: Capture) -> None:
        storage = open_storage(flags[1])
        for name in ("ideas: tuning of baseline", "ideas: tuning of another limit"):
            optuna.delete_study(study_name=name, storage=storage)
        assert deleted(capsys, "ideas", *flags)[0] == 0
        assert optuna.get_all_study_names(storage) == []

    def test_of_an_older_version_and_a_search_of_its_name_go_one_by_one(
        self, searched_here: Path, capsys: Capture
    ) -> None:
        write_comparison(searched_here, RECIPE + SAME)
        begun_under_older_names(searched_here, pairs=4)
        storage, artifacts = f"sqlite:///{searched_here}/studies.db", searched_here / "artifacts"
        shutil.copytree("studies/artifacts/tiny", artifacts / "ideas", dirs_exist_ok=True)
        search = optuna.create_study(study_name="ideas", storage=storage, direction="maximize")
        search.set_user_attr(FINGERPRINT, "0" * 64)
        of_comparison = {name for name in files(str(artifacts / "ideas")) if name.startswith(("arm-", "pairs/"))}
        flags = ["--storage", storage, "--artifacts", str(artifacts), "--yes"]
        assert deleted(capsys, "ideas", *flags)[1].startswith("Removed search ideas: 0 trials and ")
        assert files(str(artifacts / "ideas")) == of_comparison != set()
        # Alone now, it has its name again.
        assert deleted(capsys, "ideas", *flags)[1].startswith("Removed comparison ideas (3 studies): ")
        assert not (artifacts / "ideas").exists()
        assert optuna.get_all_study_names(open_storage(storage)) == []

    def test_of_which_a_part_is_named_is_refused(self, flags: list[str], capsys: Capture) -> None:
        status, err = deleted(capsys, "ideas: tuning of baseline", *flags)
        assert status == 2
        assert "is a part of comparison 'ideas'; give the name of that" in err
        where = [flag for flag in flags if flag != "--yes"]
        assert main(["report", "ideas: tuning of baseline", *where]) == 2
        assert main(["report", "none", *where]) == 2
        assert capsys.readouterr().err.splitlines() == [
            err.strip(),
            "sentiment-search: there is no study 'none' in the storage; it has 'ideas'",
        ]
