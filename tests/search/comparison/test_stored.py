"""What a storage holds, as the commands show it: a search is one thing, and so is a comparison."""

import platform
from datetime import datetime, timedelta
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import TrialState, create_trial
from rich.cells import cell_len

from search.comparison.stored import Stored, stored, wholes
from search.report.studies import studies_table
from search.storage.databases import open_storage
from search.study.records import (
    BASELINES,
    CONFIG,
    FINGERPRINT,
    IS_LINEAR_BASELINE,
    TRIALS,
    attributes,
    told_of_study,
)
from sentiment.errors import InputError
from tests.search.comparison.test_reopened import begun_under_older_names
from tests.search.conftest import Searched
from tests.support.compared import RECIPE, SAME, MadeUp, compared, setting_in, write_comparison


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_comparison(tmp_path, RECIPE + SAME)
    MadeUp().instead_of_training(monkeypatch)
    return tmp_path


def search(storage: BaseStorage, name: str) -> optuna.Study:
    """As `run` makes one, with two of three trials."""
    made = optuna.create_study(study_name=name, storage=storage, direction="maximize")
    made.set_user_attr(TRIALS, 3)
    made.set_user_attr(FINGERPRINT, "0" * 64)
    linear = attributes({CONFIG: {"family": "linear"}, IS_LINEAR_BASELINE: True})
    made.add_trial(create_trial(value=0.7, **linear))
    made.add_trial(create_trial(value=0.75, **attributes({CONFIG: {"family": "network"}})))
    made.add_trial(create_trial(state=TrialState.RUNNING))
    return made


class TestASearch:
    def test_is_told_by_how_far_and_how_good_it_is(self, searched: Searched) -> None:
        (one,) = stored(searched.opened.study._storage)
        assert (one.name, one.kind, one.studies) == ("tiny", "search", ("tiny",))
        assert (one.done, one.total, one.running) == (6, 3, 0)
        assert one.best == searched.opened.study.best_value
        assert one.linear == told_of_study(searched.opened.study)[BASELINES]["TF-IDF + logistic regression"]["macro_f1"]
        assert one.active is not None

    def test_whose_best_score_was_told_from_outside_has_another_best(self) -> None:
        storage = InMemoryStorage()
        made = search(storage, "x")
        made.add_trial(create_trial(value=0.99))
        (one,) = stored(storage)
        assert (one.best, one.linear, one.done, one.running) == (0.75, 0.7, 3, 1)

    def test_of_another_program_is_told_as_that(self) -> None:
        storage = InMemoryStorage()
        other = optuna.create_study(study_name="a: b", storage=storage, direction="minimize")
        other.add_trial(create_trial(value=0.5))
        (one,) = stored(storage)
        assert (one.name, one.kind, one.done, one.best, one.total) == ("a: b", "other", 1, None, None)

    def test_whose_process_was_killed_does_not_run(self) -> None:
        storage = InMemoryStorage()
        made = search(storage, "x")
        gone = {"sentiment-search:worker": {"host": platform.node(), "pid": 2**22 + 1, "started": "1"}}
        made.add_trial(create_trial(state=TrialState.RUNNING, system_attrs=gone))
        (one,) = stored(storage)
        assert (one.running, one.lost) == (1, 1)
        assert "1, lost 1" in studies_table([one], datetime.now()).splitlines()[2]

    def test_with_what_this_program_does_not_write_is_refused_by_its_name(self) -> None:
        storage = InMemoryStorage()
        made = optuna.create_study(study_name="x", storage=storage, direction="maximize")
        made.set_user_attr(FINGERPRINT, "0")
        made.set_user_attr(BASELINES, 5)
        with pytest.raises(InputError, match="study 'x' has on record what this program does not write"):
            stored(storage)


class TestAComparison:
    def test_is_one_with_its_parts_folded_into_it(self, folder: Path) -> None:
        compared(folder)
        (one,) = stored(open_storage(setting_in(folder).storage))
        assert (one.name, one.kind, len(one.studies)) == ("ideas", "comparison", 3)
        assert (one.done, one.total) == (4, 4)  # two trials of two arms
        assert (one.pairs, one.most_pairs) == (3, 3)
        assert one.best is None  # sealed scores choose nothing

    def test_that_an_older_version_began_is_one_too(self, folder: Path) -> None:
        begun_under_older_names(folder, pairs=4)
        (one,) = stored(open_storage(f"sqlite:///{folder}/studies.db"))
        assert (one.name, one.kind, one.done) == ("ideas", "comparison", 4)
        assert (one.pairs, one.most_pairs) == (1, 3)  # the linear model has all three

    def test_that_an_older_version_began_is_told_from_a_search_of_its_name(self, folder: Path) -> None:
        begun_under_older_names(folder, pairs=4)
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        search(storage, "ideas")
        found = {one.name: (one.kind, len(one.names), one.folder) for one in wholes(storage.get_all_studies())}
        assert found == {"ideas": ("search", 1, "ideas"), "ideas: pairs": ("comparison", 3, "ideas")}
        assert {one.name: one.kind for one in stored(storage)} == {"ideas": "search", "ideas: pairs": "comparison"}

    def test_has_no_studies_of_another_program_whatever_they_are_called(self, folder: Path) -> None:
        compared(folder)
        storage = open_storage(setting_in(folder).storage)
        others = ["ideas: mine", "bar: baseline", "bar: pairs", "bar: other", "bar: random", "bar"]
        for name in others:
            optuna.create_study(study_name=name, storage=storage, direction="maximize")
        found = {one.name: one.kind for one in wholes(storage.get_all_studies())}
        assert found == {"ideas": "comparison"} | dict.fromkeys(others, "other")

    def test_is_told_from_a_search_whose_name_begins_alike(self, folder: Path) -> None:
        compared(folder)
        storage = open_storage(setting_in(folder).storage)
        optuna.create_study(study_name="ideas 2", storage=storage, direction="maximize")
        found = {one.name: len(one.names) for one in wholes(storage.get_all_studies())}
        assert found == {"ideas": 3, "ideas 2": 1}


def entry(name: str, active: datetime, kind: str = "search", running: int = 0) -> Stored:
    pairs = (0, None) if kind == "search" else (5, 10)
    return Stored(name, kind, (name,), 3, 1030, running, *pairs, 0.75, 0.7, None, active)


def test_the_table_has_eighty_columns_at_most_and_none_that_is_empty() -> None:
    now = datetime(2026, 1, 31, 12)
    ages = {"a" * 90: timedelta(0), "한글 이름" * 9: timedelta(minutes=7), "c\x1b[1m": timedelta(hours=5)}
    plain = [entry(name, now - age) for name, age in (ages | {"d": timedelta(days=40)}).items()]
    full = [*plain, entry("e", now, "comparison", running=2)]
    for entries, columns in ((plain, 6), (full, 8)):
        lines = studies_table(entries, now).splitlines()
        assert [line.rpartition("  ")[2] for line in lines[2:6]] == ["now", "7 min ago", "5 h ago", "2025-12-22"]
        assert len(lines[0].split()) == columns
        assert "3 of 1,030" in lines[2] and r"c\x1b[1m" in lines[4]
        assert max(map(cell_len, lines)) <= 80
