"""A database that somebody else made, and the folder of artifacts beside it: nothing outside that folder is read,
written or removed, whatever names stand in it.

The attacks are real: a copy of a finished study, changed with SQL, and files in the way that must not be touched.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from search.comparison.ideas import PAIRS
from search.storage.arrays import array_of
from search.storage.attributes import OURS
from search.storage.databases import load_study, open_storage
from search.storage.inside import inside, is_plain
from search.storage.predictions import keep_predictions, kept_predictions
from search.study.choosing import correct_for_choosing
from search.study.create import SearchStudy, open_recorded, remove_leftovers
from search.study.export import export, export_ensemble
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from search.study.records import DATA, OTHERS, PREDICTIONS, told, told_of_study
from sentiment.errors import InputError
from tests.search.conftest import Searched
from tests.support.compared import compared, setting_in, write_comparison

OUTSIDE = ["../outside.npy", "../../outside.npy", "{root}/outside.npy", "tiny/../../outside.npy", "..", ".", "a\\..\\b"]


class World:
    """A copy of a finished study and its artifacts, and beside them what is nobody's business."""

    def __init__(self, root: Path, searched: Searched) -> None:
        self.root = root
        self.artifacts = root / "artifacts"
        shutil.copytree(searched.artifacts, self.artifacts)
        self.database = root / "study.db"
        with (
            closing(sqlite3.connect(searched.url.removeprefix("sqlite:///"))) as source,
            closing(sqlite3.connect(self.database)) as copy,
        ):
            source.backup(copy)  # with what is in the log only
        for name in ("outside.npy", "precious/trial-00000/weights.safetensors", "precious/predictions/trial-00000.npy"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path.with_suffix(".npy"), np.zeros(3))
            path.with_suffix(".npy").rename(path)
        self.before = self.outside()

    def outside(self) -> dict[str, str]:
        """Everything but the artifacts and the database itself."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if not name.startswith(("artifacts", "study.db")):
                found[name] = "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def sql(self, order: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(order, values)

    def rename(self, name: str) -> None:
        self.sql("UPDATE studies SET study_name = ?", name)

    def storage(self) -> Any:
        return open_storage(f"sqlite:///{self.database}", create=False)

    def opened(self, name: str = "tiny") -> SearchStudy:
        return open_recorded(name, self.storage(), self.artifacts)

    def assert_untouched(self) -> None:
        assert self.outside() == self.before


@pytest.fixture
def world(tmp_path: Path, searched: Searched) -> World:
    return World(tmp_path, searched)


@pytest.mark.parametrize("name", ["../precious", "..", ".", "{root}/precious", "tiny/../../precious", "a\\b"])
class TestAStudyThatIsNamedLikeAPathElsewhere:
    def test_is_not_opened_to_work_on_nor_replayed(self, world: World, name: str) -> None:
        world.rename(name := name.format(root=world.root))
        with pytest.raises(InputError, match="which is no name of a file there: nothing is read, written or removed"):
            world.opened(name)
        world.assert_untouched()

    def test_is_shown_without_a_look_there_and_not_exported(self, world: World, tmp_path: Path, name: str) -> None:
        world.rename(name := name.format(root=world.root))
        study = load_study(name, world.storage())
        assert not any(entry.kept for entry in leaderboard(study, world.artifacts).entries)
        with pytest.raises(InputError, match="no name of a file there"):
            export(study, world.artifacts, "best", world.artifacts / "model")
        world.assert_untouched()


@pytest.mark.parametrize("file", OUTSIDE)
class TestPredictionsThatAreRecordedElsewhere:
    def test_are_not_read_for_a_correction_nor_removed_as_other_checkpoints(self, world: World, file: str) -> None:
        file = file.format(root=world.root)
        opened = world.opened()
        for trial in opened.study.get_trials(states=(TrialState.COMPLETE,)):
            record = told(trial, PREDICTIONS)
            world.sql(
                "UPDATE trial_system_attributes SET value_json = ? WHERE key = ? AND trial_id = ?",
                json.dumps(record | {OTHERS: {"file": file, "sha256": "0"}}),
                OURS + PREDICTIONS,
                trial._trial_id,
            )
        opened = world.opened()
        import search.study.choosing as choosing

        with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="is no name of a file there"):
            patch.setattr(choosing, "AHEAD", 0)  # all are behind, so that the files of each are removed
            patch.setattr(choosing, "AHEAD_IN_FAMILY", 0)
            correct_for_choosing(opened)
        world.assert_untouched()

    def test_are_not_read_to_make_an_ensemble_again(self, world: World, file: str) -> None:
        correct_for_choosing(world.opened())
        world.sql(
            "UPDATE trial_system_attributes SET value_json = ? WHERE key = ?",
            json.dumps({"file": file.format(root=world.root), "sha256": "0"}),
            OURS + PREDICTIONS,
        )
        for folder in (world.artifacts / "tiny").glob("trial-*"):
            shutil.rmtree(folder)  # so that what it is compared with is asked for
        opened = world.opened()
        if leaderboard(opened.study).ensemble is None:
            pytest.skip("these trials make no ensemble")
        with pytest.raises(InputError, match="is no name of a file there"):
            export_ensemble(opened, world.artifacts / "model")
        world.assert_untouched()


def test_a_comparison_does_not_read_predictions_elsewhere(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    compared(tmp_path)
    secret = tmp_path / "outside.npy"
    record = keep_predictions(secret, np.zeros((3, 2), np.float32))
    setting = setting_in(tmp_path)
    (database,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE trial_system_attributes SET value_json = ? WHERE key = ?",
            (json.dumps(record | {"file": "../" * 3 + "outside.npy"}), OURS + PREDICTIONS),
        )
    arm = next(arm for arm, _ in setting.finished_pairs())
    with pytest.raises(InputError, match=f"in .*{PAIRS}, which is no name of a file there"):
        setting_in(tmp_path).probabilities(arm)


class TestAFolderOfArtifactsWithLinksInIt:
    def test_is_cleaned_without_following_them(self, world: World) -> None:
        opened = world.opened()
        for folder in (world.artifacts / "tiny").glob("trial-*"):
            shutil.rmtree(folder)
        for number in range(6):
            (world.artifacts / "tiny" / f"trial-{number:05d}").symlink_to(world.root / "precious")
        assert opened.artifacts is not None
        world.sql("UPDATE trials SET state = 'FAIL' WHERE number IN (0, 1)")
        opened = world.opened()
        remove_leftovers(opened)
        world.assert_untouched()

    def test_is_written_to_without_following_them(self, world: World) -> None:
        # The seventh trial, and what it predicts, are to be written where links stand.
        for name in ("trial-00006", "predictions/trial-00006.npy", "predictions/checkpoints-00006.npy"):
            (world.artifacts / "tiny" / name).symlink_to(world.root / ("outside.npy" if "." in name else "precious"))
        opened = world.opened()
        optimize(opened, trials=7)
        assert len(opened.study.get_trials()) == 7
        world.assert_untouched()


class TestDataThatADatabaseNames:
    """A worker reads what the study says that its data are: a plain file whose rows have the recorded fingerprint."""

    def point_at(self, world: World, path: str, **changes: Any) -> None:
        recorded = told_of_study(world.opened().study)[DATA]
        world.sql(
            "UPDATE study_system_attributes SET value_json = ? WHERE key = ?",
            json.dumps(recorded | {"path": path, "max_bytes": 2**62} | changes),
            OURS + DATA,
        )

    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/random", "/dev/stdin", "/", "/proc/kcore", "/proc/self/mem"])
    def test_is_no_device_no_folder_and_nothing_that_the_system_makes_up(self, world: World, path: str) -> None:
        if not os.path.exists(path):
            pytest.skip(f"there is no {path}")
        self.point_at(world, path)
        with pytest.raises(InputError, match=f"^{path}: "):
            world.opened()

    def test_is_no_pipe(self, world: World, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        self.point_at(world, str(tmp_path / "pipe"))
        with pytest.raises(InputError, match="this is a pipe"):
            world.opened()

    def test_is_not_another_file_and_the_error_shows_none_of_its_rows(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "secret.csv").write_text(
            "text,stars\n" + "".join(f"hunter{n},{1 + n % 2 * 4}\n" for n in range(60))
        )
        self.point_at(world, str(tmp_path / "secret.csv"))
        with pytest.raises(InputError, match="made with other data, labels or split") as refused:
            world.opened()
        assert "hunter" not in str(refused.value)


class TestAnArrayFromAFile:
    def written(self, header: bytes, body: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
        length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
        return b"\x93NUMPY" + version + length + header + body

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x93NUMPY",
            b"\x80\x04.",  # a pickle
            b"PK\x03\x04",  # what np.load would take for several arrays
        ],
    )
    def test_is_refused_if_it_is_none(self, content: bytes) -> None:
        with pytest.raises(ValueError):
            array_of(content)

    @pytest.mark.parametrize(
        "header",
        [
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n",
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1), }\n",
            b"{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }\n",
            b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n",
            b"__import__('os').abort()\n",
            b"(" * 5000 + b"\n",
            b"[" * 9000 + b"\n",
        ],
    )
    def test_is_refused_if_it_says_what_it_is_not(self, header: bytes) -> None:
        for version in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
            with pytest.raises(ValueError):
                array_of(self.written(header, bytes(4), version))

    def test_with_a_checksum_that_agrees_is_refused_all_the_same(self, tmp_path: Path) -> None:
        content = self.written(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }\n", bytes(8))
        (tmp_path / "x.npy").write_bytes(content)
        record = {"file": "x.npy", "sha256": hashlib.sha256(content).hexdigest()}
        with pytest.raises(InputError, match=r"x\.npy is an array of shape \(1099511627776,\) in 8 bytes"):
            kept_predictions(tmp_path, record)

    def test_with_holes_larger_than_any_disk_is_refused_before_it_is_read(self, tmp_path: Path) -> None:
        with (tmp_path / "x.npy").open("wb") as file:
            file.truncate(1 << 40)
        with pytest.raises(InputError, match="is missing or damaged"):
            kept_predictions(tmp_path, {"file": "x.npy", "sha256": "0"})

    @pytest.mark.parametrize("record", [None, 7, [], {}, {"file": None}, {"file": ["x"]}, "x.npy", {"file": "a\0b"}])
    def test_that_nothing_names_is_refused(self, tmp_path: Path, record: Any) -> None:
        with pytest.raises(InputError):
            kept_predictions(tmp_path, record)


@pytest.mark.parametrize("name", ["x.npy", "정말.npy", "NAME: IDEA", "..x", "a b", "x" * 255, "CON"])
def test_the_name_of_a_file_is_one(tmp_path: Path, name: str) -> None:
    assert is_plain(name) and inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/a", "a\\b", "\\\\host\\share", "a\0b", "정" * 86, None, 1, b"x"]
)
def test_what_is_no_name_of_a_file_is_refused_in_one_line(tmp_path: Path, name: Any) -> None:
    with pytest.raises(InputError) as refused:
        inside(tmp_path, name)
    assert not is_plain(name)
    assert len(str(refused.value).splitlines()) == 1
