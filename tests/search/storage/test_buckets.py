"""Artifacts in a bucket of a real S3 server, on loopback."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import TrialState

from search.cli.commands import main
from search.console import explained
from search.storage.buckets import _store
from search.storage.databases import load_study, open_storage
from search.storage.paths import ArtifactPath
from search.storage.predictions import keep_predictions, kept_predictions
from search.study.create import create_or_resume
from search.study.optimization import optimize
from sentiment.errors import InputError
from tests.support.compared import RECIPE, SAME, write_comparison
from tests.support.servers import bucket
from tests.support.tiny import definition, write_study_file

S3 = "s3://reviews/team/searches"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with bucket() as found:
        yield found


@pytest.fixture(autouse=True)
def within(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty disk, and what boto3 reads."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def connected_anew() -> Iterator[None]:
    """A client keeps the environment that it was made in."""
    _store.cache_clear()
    yield
    _store.cache_clear()


def client(environment: dict[str, str]) -> Any:
    return boto3.client("s3", endpoint_url=environment["AWS_ENDPOINT_URL"])


def keys(environment: dict[str, str]) -> list[str]:
    return [entry["Key"] for entry in client(environment).list_objects_v2(Bucket="reviews").get("Contents", [])]


def call(capsys: Capture, *arguments: Any) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main([str(word) for word in arguments])
    return status, *capsys.readouterr()


@pytest.fixture(scope="module")
def url(environment: dict[str, str], reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A search that another machine made; its disk is gone."""
    folder, database = tmp_path_factory.mktemp("another"), tmp_path_factory.mktemp("database") / "study.db"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        write_study_file(folder / "study.toml", reviews_csv, trials=3, keep_best=1)
        assert main(["run", "study.toml", "--storage", f"sqlite:///{database}", "--artifacts", S3]) == 0
    assert list(folder.rglob("trial-*.npy"))  # the local half
    shutil.rmtree(folder)
    _store.cache_clear()
    return f"sqlite:///{database}"


class TestASearch:
    def test_of_another_machine_is_reported_exported_and_evaluated_here(
        self, url: str, tmp_path: Path, capsys: Capture, environment: dict[str, str]
    ) -> None:
        flags = ("--storage", url, "--artifacts", S3)
        status, out, err = call(capsys, "report", "tiny", "--json", *flags)
        assert status == 0, err
        kept = [entry["trial"] for entry in json.loads(out)["entries"] if entry.get("kept")]
        assert kept
        status, _, err = call(capsys, "export", "tiny", "--to", "model", *flags)
        assert status == 0, err
        status, out, err = call(capsys, "evaluate", "model", "--sealed", "tiny", "--json", *flags)
        assert status == 0, err
        assert json.loads(out)["rows"] > 0
        assert call(capsys, "replay", "tiny", "--trial", kept[0], *flags)[0] == 0
        # Weights that better trials replaced are gone there too; and nothing is left of what tried the bucket.
        there = {key.split("/")[3] for key in keys(environment) if "/tiny/trial-" in key}
        assert there == {f"trial-{number:05d}" for number in kept}
        assert not [key for key in keys(environment) if "/." in key]

    def test_the_dashboard_finds_there_what_it_shows(self, url: str) -> None:
        study = load_study("tiny", open_storage(url))
        store = ArtifactPath.of(S3).store()
        shown = {one.filename: store.open_reader(one.artifact_id).read() for one in get_all_artifact_meta(study)}
        assert shown["leaderboard.csv"].startswith(b"name,")
        with pytest.raises(ValueError, match="no artifact's id"):
            store.open_reader("tiny/manifest.json")

    def test_a_bundle_that_was_changed_there_is_refused(
        self, url: str, capsys: Capture, environment: dict[str, str], tmp_path: Path
    ) -> None:
        own = S3.removeprefix("s3://reviews/")  # in one process, moto's servers share what they hold
        key = next(key for key in keys(environment) if key.startswith(own) and key.endswith("/config.json"))
        whole = client(environment).get_object(Bucket="reviews", Key=key)["Body"].read()
        client(environment).put_object(Bucket="reviews", Key=key, Body=whole.replace(b"tiny", b"TINY"))
        status, _, err = call(capsys, "export", "tiny", "--to", "model", "--storage", url, "--artifacts", S3)
        client(environment).put_object(Bucket="reviews", Key=key, Body=whole)
        assert status == 2
        assert "is damaged" in err
        assert not (tmp_path / "model").exists()
        assert not list(tmp_path.rglob("trial-*"))

    def test_goes_to_a_folder_and_to_another_bucket_with_its_study(
        self, url: str, tmp_path: Path, capsys: Capture, environment: dict[str, str]
    ) -> None:
        moved = ("--storage", "sqlite:///moved.db", "--artifacts", "folder")
        copy = ("storage", "copy", url, "sqlite:///moved.db", "--artifacts", S3, "--to-artifacts", "folder")
        status, _, err = call(capsys, *copy)
        assert status == 0, err
        assert call(capsys, "export", "tiny", "--to", "model", *moved)[0] == 0
        copy = (
            "storage",
            "copy",
            "sqlite:///moved.db",
            "sqlite:///again.db",
            *moved[2:],
            "--to-artifacts",
            "s3://reviews/b",
        )
        assert call(capsys, *copy)[0] == 0
        first = {key.removeprefix("team/searches/") for key in keys(environment) if key.startswith("team/searches/")}
        assert {key.removeprefix("b/") for key in keys(environment) if key.startswith("b/")} == first

    def test_that_is_deleted_is_gone_from_there_and_others_are_not(
        self, capsys: Capture, environment: dict[str, str], reviews_csv: Path
    ) -> None:
        place, storage = "s3://reviews/deleted", "sqlite:///study.db"
        for name in ("tiny", "tiny-2"):
            command = ("run", reviews_csv, "--name", name, "--families", "linear", "--trials", 1, "--storage", storage)
            status, _, err = call(capsys, *command, "--artifacts", place)
            assert status == 0, err
        client(environment).put_object(Bucket="reviews", Key="deleted/tiny/notes.txt", Body=b"mine")
        before = {key for key in keys(environment) if key.startswith("deleted/tiny-2/")}
        status, _, err = call(capsys, "delete", "tiny", "--yes", "--storage", storage, "--artifacts", place)
        assert status == 0, err
        left = {key for key in keys(environment) if key.startswith("deleted/tiny")}
        assert left == before | {"deleted/tiny/notes.txt"}
        assert "Left in s3://reviews/deleted/tiny, which is not of it: notes.txt" in err


class TestAComparison:
    def test_is_gone_on_with_from_a_disk_without_predictions(self, tmp_path: Path, capsys: Capture) -> None:
        write_comparison(tmp_path, RECIPE.replace("pairs = 3", "pairs = 2") + SAME)
        command = ("compare", "ideas.toml", "--artifacts", S3, "--storage", "sqlite:///study.db", "--json")
        status, first, err = call(capsys, *command)
        assert status == 0, err
        shutil.rmtree(tmp_path / "studies")
        status, again, err = call(capsys, *command)
        assert status == 0, err
        assert json.loads(again)["ideas"] == json.loads(first)["ideas"]
        assert not list(tmp_path.rglob("*.building*"))


class TestAFault:
    def test_of_the_bucket_queues_the_trial_again(
        self, environment: dict[str, str], reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = ArtifactPath.of("s3://gone/x")
        client(environment).create_bucket(Bucket="gone")
        opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), place)
        baseline = [key["Key"] for key in client(environment).list_objects_v2(Bucket="gone")["Contents"]]
        for key in baseline:
            client(environment).delete_object(Bucket="gone", Key=key)
        client(environment).delete_bucket(Bucket="gone")
        with pytest.raises(OSError, match="there is no such bucket") as failed:
            optimize(opened, trials=2)
        assert str(failed.value.filename).startswith("s3://gone/x/tiny/predictions/")
        assert "there is no such bucket; make it, or name another; then give the same command again" in explained(
            failed.value, ""
        )
        states = [trial.state for trial in opened.study.trials]
        assert states == [TrialState.FAIL, *[TrialState.WAITING] * (len(states) - 1)]
        client(environment).create_bucket(Bucket="gone")
        optimize(opened, trials=2)
        kept = [trial for trial in opened.study.trials if trial.state == TrialState.COMPLETE]
        assert len(kept) == 2
        assert all(opened.artifacts is not None and opened.artifacts.has(trial) for trial in kept)


class TestWhatCannotBeUsed:
    def test_is_refused_in_one_line_before_anything_is_trained(
        self, capsys: Capture, reviews_csv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        write_study_file(tmp_path / "study.toml", reviews_csv, trials=1)

        def refused(url: str) -> str:
            _store.cache_clear()
            status, _, err = call(capsys, "run", "study.toml", "--artifacts", url)
            assert status == 2
            return err.splitlines()[-1]

        assert "there is no such bucket" in refused("s3://elsewhere/a")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert "its server cannot be reached" in refused("s3://reviews/a")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        assert "no credentials are there" in refused("s3://reviews/a")

    def test_a_missing_boto3_names_the_extra(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)
        with pytest.raises(InputError, match=r"pip install 'sentiment-search\[s3\]'"):
            ArtifactPath.of("s3://reviews/a").prepare()

    @pytest.mark.parametrize(
        "url", ["s3://", "s3://A_B/x", "s3:///x", "s3://reviews/../x", "s3://reviews/a//b", "s3://u:p@h/x"]
    )
    def test_a_url_that_is_none(self, url: str, capsys: Capture) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["report", "x", "--artifacts", url])
        assert ended.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


class TestAPath:
    @pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "/etc/passwd", "a\\b", "", ".", "a//b", "a\0b"])
    def test_cannot_leave_its_folder(self, name: str) -> None:
        for root in (ArtifactPath.of("folder"), ArtifactPath.of(S3)):
            with pytest.raises(InputError, match="cannot be the name of an artifact"):
                root / name

    def test_of_predictions_that_are_not_here_is_fetched_whole(self, tmp_path: Path) -> None:
        said = np.random.default_rng(0).random((50, 3), dtype=np.float32)
        place = ArtifactPath.of(S3) / "fetched"
        record = keep_predictions(place / "trial.npy", said)
        (place / record["file"]).local.write_bytes(b"half")  # a disk that lost it
        assert np.array_equal(kept_predictions(place, record), said)
        with pytest.raises(InputError, match="missing or damaged"):
            kept_predictions(place, record | {"sha256": "0" * 64})
        (place / record["file"]).remove()
        with pytest.raises(InputError, match="missing or damaged"):
            kept_predictions(place, record)
