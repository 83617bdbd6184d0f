import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from search.storage.databases import holds_secret, load_study, open_storage, shown, storage_url
from search.storage.relational import at_once
from sentiment.errors import InputError


def test_the_flag_goes_before_the_environment_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    assert storage_url(None) == "sqlite:///studies/sentiment.db"
    monkeypatch.setenv("OPTUNA_STORAGE", "sqlite:///other.db")
    assert storage_url(None) == "sqlite:///other.db"
    assert storage_url("sqlite:///flag.db") == "sqlite:///flag.db"


class TestAURLThatIsShown:
    @pytest.mark.parametrize(
        ("url", "seen"),
        [
            ("sqlite:///studies/sentiment.db", "sqlite:///studies/sentiment.db"),
            ("sqlite:////home/me@work/한글.db", "sqlite:////home/me@work/한글.db"),
            ("postgresql://me@host/db", "postgresql://me@host/db"),
            ("postgresql+psycopg://me:secret@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
            ("postgresql://me:se/c:r?et@host/db", "postgresql://me:***@host/db"),
            ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?***"),
            ("mysql+pymysql://me:secret@host/db?ssl_key_password=secret", "mysql+pymysql://me:***@host/db?***"),
            ("postgresql//me:secret@host", "(a URL that cannot be read)"),
            ("postgresql://me:sec@ret@host/db", "(a URL that cannot be read)"),
            ("secret", "(a URL that cannot be read)"),
        ],
    )
    def test_has_no_secret_in_it(self, url: str, seen: str) -> None:
        assert shown(url) == seen
        assert holds_secret(url) == (seen != url)


class TestASQLiteFile:
    def test_is_made_with_its_folder_and_lets_readers_and_a_writer_go_on_together(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "er" / "study.db"
        storage = open_storage(f"sqlite:///{path}")
        assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)
        with storage.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
        study = optuna.create_study(storage=storage, study_name="a")
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM trials").fetchall()
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)  # would wait, then fail, without WAL
        assert len(study.trials) == 2

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (
                "nonsense",
                "the storage's URL cannot be read (it is not shown, a password may be in it); give one such as",
            ),
            ("sqlite://", "is gone when the command ends"),
            ("sqlite:///:memory:", "is gone when the command ends"),
            ("x://y", "needs a driver that is not installed"),
            (
                "postgresql+psycopg2://me:secret@localhost/db",
                "postgresql+psycopg2://me:***@localhost/db needs a driver",
            ),
            ("postgresql://me:secret@localhost:1/db", "postgresql://me:***@localhost:1/db cannot be opened"),
            ("mysql://me:secret@localhost:1/db", "mysql://me:***@localhost:1/db cannot be opened"),
            ("grpc://localhost:1", "nothing answers at grpc://localhost:1; start it with"),
            ("grpc://me:secret@localhost:1", "is not grpc://HOST:PORT"),
            ("grpc://", "is not grpc://HOST:PORT"),
            ("postgresql//me:secret@localhost/db", "the storage's URL cannot be read"),
            ("postgresql://me:p@localhost:secret/db", "the storage's URL cannot be read"),
            ("postgresql://me:sec@secret@localhost/db", "more than one @; write one that belongs to a password as %40"),
            ("postgresql://me:sec{{secret}}@localhost/db", "in a password write %7B or %7D"),
            ("sqlite:///{folder}/new.db?timeout=secret", "new.db?*** has a value after '?' that its driver does not"),
            ("sqlite:///{folder}/pipe", "pipe is no plain file, not a database"),
            ("sqlite:////dev/zero", "/dev/zero is no plain file"),
            ("sqlite:///{folder}", "is a folder, not a database"),
            ("sqlite:///{folder}/text.db", "is not a SQLite database"),
            ("sqlite:///{folder}/text.db/study.db", "cannot make the folder"),
            ("sqlite:///{folder}/damaged.db", "damaged.db is not a SQLite database"),
            ("sqlite:///{folder}/old.db", "cannot be opened"),
        ],
    )
    def test_that_is_no_storage_is_refused_in_one_line(self, tmp_path: Path, url: str, message: str) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "text.db").write_text("text,stars\n" * 10)
        (tmp_path / "damaged.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
        with sqlite3.connect(tmp_path / "old.db") as connection:
            connection.execute("CREATE TABLE version_info (version_info_id INTEGER, schema_version INTEGER)")
            connection.execute("INSERT INTO version_info VALUES (1, 3)")
        with pytest.raises(InputError) as refused:
            open_storage(url.format(folder=tmp_path))
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("journal", ["delete", "wal"])
    @pytest.mark.parametrize("table", ["CREATE TABLE songs (name TEXT)", "CREATE TABLE studies (name TEXT)"])
    def test_of_another_program_is_left_as_it_is_by_who_only_reads(
        self, tmp_path: Path, table: str, journal: str
    ) -> None:
        path = tmp_path / "a song #1.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode={journal}")
            connection.execute(table)
        before = path.read_bytes()
        with pytest.raises(InputError, match="holds no Optuna studies; give the --storage of a search"):
            open_storage(f"sqlite:///{path}", create=False)
        assert path.read_bytes() == before
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == (journal,)

    def test_of_another_program_is_no_place_to_search(self, tmp_path: Path) -> None:
        path = tmp_path / "songs.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE songs (name TEXT)")
        before = path.read_bytes()
        with pytest.raises(InputError, match=r"songs\.db is the database of something else; give another --storage"):
            open_storage(f"sqlite:///{path}")
        assert path.read_bytes() == before

    def test_of_which_a_killed_process_made_a_part_is_made_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "half.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TABLE version_info (version_info_id INTEGER PRIMARY KEY, schema_version INTEGER,"
                " library_version VARCHAR(256))"
            )
        optuna.create_study(storage=open_storage(f"sqlite:///{path}"))

    def test_that_is_damaged_is_refused_with_what_to_do(self, tmp_path: Path) -> None:
        path = tmp_path / "cut.db"
        optuna.create_study(storage=open_storage(f"sqlite:///{path}"))
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=r"is damaged \(.*\); restore a copy, or give another --storage"):
            load_study("x", open_storage(f"sqlite:///{path}", create=False))

    def test_that_is_empty_is_no_study_to_read_but_a_place_to_search(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.db"
        path.touch()
        with pytest.raises(InputError, match="holds no Optuna studies"):
            open_storage(f"sqlite:///{path}", create=False)
        assert path.read_bytes() == b""
        open_storage(f"sqlite:///{path}")

    def test_of_plain_optuna_keeps_its_journal_while_it_is_read(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/plain.db"
        optuna.create_study(storage=url, study_name="plain", direction="maximize")
        assert load_study("plain", open_storage(url, create=False)).trials == []
        with closing(sqlite3.connect(tmp_path / "plain.db")) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)

    def test_may_be_opened_for_the_first_time_by_many_processes_at_once(self, tmp_path: Path) -> None:
        script = f"from search.storage.databases import open_storage; open_storage('sqlite:///{tmp_path}/study.db')"
        processes = [
            subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(3)
        ]
        assert [process.communicate(timeout=120)[1] for process in processes] == ["", "", ""]

    def test_gives_each_queued_trial_to_one_process_only(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/study.db"
        study = optuna.create_study(storage=open_storage(url), study_name="queue")
        for number in range(60):
            study.enqueue_trial({"x": number})
        script = (
            "import optuna; from search.storage.databases import open_storage\n"
            f"study = optuna.load_study(study_name='queue', storage=open_storage('{url}'))\n"
            "(_ := input()), print(*(study.ask().number for _ in range(45)))"
        )
        processes = [
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        time.sleep(2)  # both are waiting for their line by then, or nearly
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        taken = [number for process in processes for number in process.communicate(timeout=120)[0].split()]
        assert sorted(map(int, taken)) == list(range(90))

    def test_may_be_opened_again_in_the_same_process_while_another_one_writes(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/study.db"
        study = optuna.create_study(storage=open_storage(url), study_name="shared", direction="maximize")
        script = (
            "import optuna; from search.storage.databases import open_storage\n"
            f"study = optuna.load_study(study_name='shared', storage=open_storage('{url}'))\n"
            "study.optimize(lambda trial: trial.suggest_float('x', 0, 1), n_trials=5)"
        )
        assert len(study.get_trials()) == 0
        open_storage(url)  # must leave the locks of the first connection alone
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        assert len(load_study("shared", open_storage(url)).get_trials()) == 5
        assert sqlite3.connect(tmp_path / "study.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_is_not_made_where_only_an_existing_one_will_do(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="does not exist"):
            open_storage(f"sqlite:///{tmp_path}/none.db", create=False)
        assert list(tmp_path.iterdir()) == []


def test_a_study_of_two_scores_is_refused(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    optuna.create_study(study_name="two", storage=storage, directions=["maximize", "minimize"])
    with pytest.raises(InputError, match="'two' does not maximize one score"):
        load_study("two", storage)


def test_an_unknown_study_is_refused_with_the_names_of_those_there_are(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    with pytest.raises(InputError, match="it has none yet; `sentiment-search run` makes one"):
        load_study("netflix", storage)
    optuna.create_study(storage=storage, study_name="넷플릭스", direction="maximize")
    with pytest.raises(InputError, match="there is no study 'netflix' in the storage; it has '넷플릭스'"):
        load_study("netflix", storage)
    assert load_study("넷플릭스", storage).study_name == "넷플릭스"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its time zone")
def test_times_are_those_of_this_place_as_optuna_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        url = f"sqlite:///{tmp_path / 'study.db'}"
        study = optuna.create_study(storage=open_storage(url), study_name="times")
        study.tell(study.ask(), 1.0)
        plain = optuna.load_study(study_name="times", storage=url).trials
        ours = optuna.load_study(study_name="times", storage=open_storage(url)).trials
        assert [trial.datetime_start for trial in ours] == [trial.datetime_start for trial in plain]
        assert [trial.datetime_complete for trial in ours] == [trial.datetime_complete for trial in plain]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_is_recorded_at_once_is_as_it_was_said_and_is_there_when_something_goes_wrong(tmp_path: Path) -> None:
    study = optuna.create_study(storage=open_storage(f"sqlite:///{tmp_path / 'study.db'}"))
    trial = study.ask()
    curve = [1]
    with pytest.raises(RuntimeError), at_once(trial):
        trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        trial.set_user_attr("curve", curve)
        curve.append(2)
        trial.report(0.5, 1)
        raise RuntimeError
    seen = study.get_trials()[0]
    assert seen.user_attrs == {"curve": [1]}
    assert list(seen.params) == ["x", "y"]
    assert seen.intermediate_values == {1: 0.5}
    study.tell(trial, 1.0)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError), at_once(trial):
        trial.set_user_attr("late", True)
