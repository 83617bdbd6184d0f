"""A comparison is one study with its parts beside it: known by its name, opened by its name, and by its older names."""

from pathlib import Path

import optuna
import pytest
from optuna.importance import get_param_importances

from search.cli.commands import main
from search.comparison import compare as compare_room
from search.comparison import looks as looks_room
from search.comparison.compare import compare
from search.comparison.ideas import LINEAR, PAIRS
from search.comparison.pairs import VALIDATION, record_pair
from search.comparison.reopened import found, reopen
from search.comparison.setting import Setting, arm_and_pair
from search.report.values import to_dict
from search.storage.databases import open_storage
from search.study.comparisons import is_comparison, parts_of
from search.study.create import create_or_resume
from search.study.records import told_of_study
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from tests.support.compared import RECIPE, SAME, Killed, MadeUp, compared, setting_in, write_comparison
from tests.support.tiny import definition

CURVE = "[curve]\ntrials = 2\nsearch = { epochs = 1, token_unit = 'word', architecture = 'textcnn', filters = 8 }\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_comparison(tmp_path, RECIPE + SAME)
    MadeUp(pair_sd=0.02).instead_of_training(monkeypatch)
    return tmp_path


def begun_under_older_names(folder: Path, pairs: int) -> None:
    """Until so many pairs are there, as an older version had them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Setting, "is_older", True)
        for room in (compare_room, looks_room):
            patch.setattr(room, "keep_of_study", optuna.Study.set_user_attr)
        MadeUp(pair_sd=0.02, most=pairs).instead_of_training(patch)
        with pytest.raises(Killed):
            compare(setting_in(folder))


class TestAComparison:
    def test_is_the_study_of_its_name_and_its_parts_are_called_after_it(self, folder: Path) -> None:
        compared(folder)
        setting = setting_in(folder)
        storage = open_storage(setting.storage)
        parts = ["ideas", "ideas: tuning of another limit", "ideas: tuning of baseline"]
        assert sorted(optuna.get_all_study_names(storage)) == parts == parts_of("ideas", storage)
        kinds = [is_comparison(optuna.load_study(study_name=name, storage=storage)) for name in parts]
        assert kinds == [True, False, False]
        assert parts_of("idea", storage) == parts_of("ideas: tuning of baseline", storage) == []

    def test_has_no_sealed_score_as_a_value(self, folder: Path) -> None:
        compared(folder)
        setting = setting_in(folder)
        study, labels = setting.study(PAIRS), setting.dataset.labels("test")
        assert study.metric_names == ["macro-F1 on fresh validation rows"]
        for trial in study.trials:
            assert trial.value == trial.user_attrs[VALIDATION]
            arm, pair = arm_and_pair(trial)
            sealed = macro_f1(labels, setting.probabilities(arm)[pair].argmax(axis=1), 2)
            told = str(trial.user_attrs) + str(trial.system_attrs)
            assert f"{sealed:.5f}" not in told

    def test_tells_the_dashboard_what_arm_and_pair_were_worth(self, folder: Path) -> None:
        compared(folder)
        study = setting_in(folder).study(PAIRS)
        assert study.best_params.keys() == {"arm", "pair"}
        assert {trial.params["arm"] for trial in study.trials} == {"baseline", "another limit", LINEAR}
        assert get_param_importances(study).keys() == {"arm", "pair"}

    def test_has_few_attributes_where_people_look(self, folder: Path) -> None:
        compared(folder)
        assert setting_in(folder).study(PAIRS).user_attrs == {}

    def test_takes_more_pairs_than_were_planned(self, folder: Path) -> None:
        compared(folder)
        setting = setting_in(folder)
        record_pair(setting, LINEAR, 7, "more", setting.probabilities(LINEAR)[0], {VALIDATION: 0.5})
        assert setting.finished_pairs()[LINEAR, 7].value == 0.5


class TestOpenedByItsName:
    def test_it_tells_what_it_found(self, folder: Path) -> None:
        shown = compared(folder)
        (folder / "ideas.toml").unlink()
        setting = reopen("ideas", f"sqlite:///{folder}/studies.db", folder / "artifacts")
        assert to_dict(found(setting)) == to_dict(shown)

    def test_it_has_its_tuning_curve_and_the_pairs_asked_for_last(self, tmp_path: Path) -> None:
        write_comparison(tmp_path, RECIPE.replace("pairs = 3", "pairs = 2").replace("trials = 2", "trials = 1") + SAME)
        with open(tmp_path / "ideas.toml", "a") as file:
            file.write(CURVE)
        compare(setting_in(tmp_path))
        setting = reopen("ideas", f"sqlite:///{tmp_path}/studies.db", tmp_path / "artifacts")
        asked = setting_in(tmp_path).comparison
        assert (setting.comparison.arms, setting.comparison.curve) == (asked.arms, asked.curve)
        assert (setting.comparison.pairs, setting.comparison.data) == (asked.pairs, asked.data)
        shown = found(setting)
        assert shown.curve is not None
        assert len(shown.curve.trials) == 2
        names = parts_of("ideas", open_storage(setting.storage))
        assert "ideas: random draws" in names

    def test_it_says_that_its_data_have_changed_or_gone(self, folder: Path) -> None:
        compared(folder)
        setting = reopen("ideas", f"sqlite:///{folder}/studies.db", folder / "artifacts")
        with open(folder / "reviews.csv", "a") as file:
            file.write("\none more,positive")
        with pytest.raises(InputError, match="begun with other data"):
            found(setting)
        (folder / "reviews.csv").unlink()
        with pytest.raises(InputError, match=r"reviews\.csv"):
            found(reopen("ideas", f"sqlite:///{folder}/studies.db", folder / "artifacts"))

    def test_before_its_first_look_it_says_so(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        MadeUp(most=2).instead_of_training(monkeypatch)
        with pytest.raises(Killed):
            compare(setting_in(folder))
        with pytest.raises(InputError, match="has not come to its first look yet"):
            found(reopen("ideas", f"sqlite:///{folder}/studies.db", folder / "artifacts"))

    def test_one_that_is_not_there_is_refused(self, folder: Path) -> None:
        compared(folder)
        with pytest.raises(InputError, match="there is no comparison 'others'"):
            reopen("others", f"sqlite:///{folder}/studies.db", folder / "artifacts")


class TestBegunUnderOlderNames:
    def test_it_goes_on_under_them(self, folder: Path) -> None:
        begun_under_older_names(folder, pairs=4)
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        older = {"ideas: pairs", "ideas: baseline", "ideas: another limit"}
        assert set(optuna.get_all_study_names(storage)) == older
        before = optuna.load_study(study_name="ideas: pairs", storage=storage).trials
        shown = compared(folder)
        assert shown.shared_pairs == 3
        assert set(optuna.get_all_study_names(storage)) == older == set(parts_of("ideas", storage))
        setting = setting_in(folder)
        study, labels = setting.study(PAIRS), setting.dataset.labels("test")
        assert study.metric_names == ["sealed test macro-F1"]  # one study, one kind of value
        assert [trial.params for trial in study.trials] == [{}] * 9
        for trial in study.trials:
            arm, pair = arm_and_pair(trial)
            assert trial.value == macro_f1(labels, setting.probabilities(arm)[pair].argmax(axis=1), 2)
        assert [t.user_attrs for t in study.trials[:4]] == [t.user_attrs for t in before]

    def test_it_is_opened_by_its_name_once_it_has_gone_on(self, folder: Path) -> None:
        begun_under_older_names(folder, pairs=4)
        url = f"sqlite:///{folder}/studies.db"
        storage = open_storage(url)
        pairs = optuna.load_study(study_name="ideas: pairs", storage=storage)
        with pytest.MonkeyPatch.context() as patch:  # as a version had it that did not record its data
            recorded = {k: v for k, v in told_of_study(pairs).items() if k != "data"}
            patch.setattr("search.comparison.reopened.told_of_study", lambda study: recorded)
            with pytest.raises(InputError, match=r"begun by an older version.* trains nothing again"):
                reopen("ideas", url, folder / "artifacts")
        shown = compared(folder)
        assert to_dict(found(reopen("ideas", url, folder / "artifacts"))) == to_dict(shown)

    def test_where_a_search_has_its_name_both_go_on(self, folder: Path, reviews_csv: Path) -> None:
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        create_or_resume(definition(reviews_csv, name="ideas"), storage, folder / "artifacts")
        begun_under_older_names(folder, pairs=4)
        compared(folder)
        create_or_resume(definition(reviews_csv, name="ideas"), storage, folder / "artifacts")
        assert "ideas" not in parts_of("ideas", storage)


class TestOfASearchAndAComparisonOfOneName:
    def test_the_search_is_refused_where_the_comparison_is(self, folder: Path, reviews_csv: Path) -> None:
        compared(folder)
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        with pytest.raises(InputError, match="there is a comparison 'ideas' already; give the search another name"):
            create_or_resume(definition(reviews_csv, name="ideas"), storage, folder / "artifacts")

    def test_the_search_is_refused_where_an_older_comparison_is(self, folder: Path, reviews_csv: Path) -> None:
        begun_under_older_names(folder, pairs=1)
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        with pytest.raises(InputError, match="there is a comparison 'ideas' already"):
            create_or_resume(definition(reviews_csv, name="ideas"), storage, folder / "artifacts")

    def test_the_comparison_is_refused_where_the_search_is(self, folder: Path, reviews_csv: Path) -> None:
        storage = open_storage(f"sqlite:///{folder}/studies.db")
        create_or_resume(definition(reviews_csv, name="ideas"), storage, folder / "artifacts")
        with pytest.raises(InputError, match="there is a search or another program's study 'ideas' already"):
            compare(setting_in(folder))

    def test_an_empty_study_that_a_killed_process_left_is_taken(self, folder: Path) -> None:
        optuna.create_study(study_name="ideas", storage=open_storage(f"sqlite:///{folder}/studies.db"))
        assert compared(folder).shared_pairs == 3


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    "command",
    [
        ("export", "ideas", "--to", "model"),
        ("export", "ideas", "--ensemble", "--to", "model"),
        ("replay", "ideas", "--trial", "0"),
        ("worker", "--study", "ideas"),
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_a_command_for_a_search_says_in_one_line_that_it_is_a_comparison(
    folder: Path, command: tuple[str, ...], older: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    if older:
        begun_under_older_names(folder, pairs=2)
    else:
        compared(folder)
    storage = ("--storage", f"sqlite:///{folder}/studies.db")
    assert main([*command, *storage, "--artifacts", str(folder / "artifacts")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'ideas' is a comparison, not a search" in line


@pytest.mark.parametrize("older", [False, True])
def test_report_says_in_one_line_that_a_comparison_has_not_come_to_its_first_look(
    folder: Path, older: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if older:
        begun_under_older_names(folder, pairs=2)
    else:
        MadeUp(most=4).instead_of_training(monkeypatch)
        with pytest.raises(Killed):
            compare(setting_in(folder))
    storage = ("--storage", f"sqlite:///{folder}/studies.db")
    assert main(["report", "ideas", *storage, "--artifacts", str(folder / "artifacts")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "comparison 'ideas' has not come to its first look yet" in line
