"""What the arms of a comparison have in common, and what tells them apart: precision, searches, groups."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.comparison import setting as room
from search.comparison.compare import _begin, compare
from search.comparison.ideas import BASELINE, LINEAR, PAIRS, RANDOM, tuning_name
from search.comparison.results import Results, results
from search.comparison.setting import Setting, arm_and_pair
from search.comparison.tuning import random_config, tune
from search.report.values import to_dict
from search.report.words import heading, words
from search.storage.databases import open_storage
from search.study.records import CONFIG, SPACE_DEFAULTS, told, told_of_study
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.family import Parameter
from sentiment.models.network import family
from sentiment.models.network.parameters import PARAMETERS
from sentiment.reviews.dataset import Dataset
from tests.support.compared import HARM, RECIPE, SAME, Killed, MadeUp, compared, setting_in, write_comparison

FREE = """[[idea]]
name = "free"
search = { epochs = 1, architecture = "textcnn", token_unit = "word", kernel_sizes = [2], filters = 8 }
[curve]
trials = 2
search = { epochs = 1, architecture = "textcnn", token_unit = "word", kernel_sizes = [2], filters = 8 }
"""


def in_new(folder: Path, name: str, text: str, **options: int) -> Path:
    (folder / name).mkdir()
    write_comparison(folder / name, text, **options)
    return folder / name


class TestAllArmsTrainInOnePrecision:
    @pytest.mark.parametrize("native", [True, False])
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_which_is_the_baselines_whatever_the_processor_says(
        self, tmp_path: Path, native: bool, precision: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(family, "has_native_bfloat16", lambda device="cpu": native)
        write_comparison(tmp_path, RECIPE.replace("[tune]", f'precision = "{precision}"\n[tune]') + FREE)
        setting = setting_in(tmp_path)
        free = setting.comparison.arms[1].space_with(setting.defaults)
        drawn = [free.sample(optuna.create_study().ask()) for _ in range(3)]
        drawn += [random_config(setting, number)[0] for number in range(3)]
        drawn += [setting.comparison.baseline.config]
        assert {config.precision for config in drawn} == {precision}

    def test_unless_one_asks_for_another(self, tmp_path: Path) -> None:
        write_comparison(tmp_path, RECIPE + FREE.replace("filters = 8", 'filters = 8, precision = "bfloat16"', 1))
        setting = setting_in(tmp_path)
        free = setting.comparison.arms[1].space_with(setting.defaults)
        assert free.sample(optuna.create_study().ask()).precision == "bfloat16"

    def test_on_record_so_that_another_processor_goes_on_in_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, RECIPE + FREE)
        monkeypatch.setattr(family, "has_native_bfloat16", lambda device="cpu": True)
        begun = setting_in(tmp_path)
        _begin(begun)
        recorded = begun.recorded()[SPACE_DEFAULTS]
        assert recorded["precision"] == "float32"
        # By another version, whose default space is another one too.
        monkeypatch.setattr(family, "has_native_bfloat16", lambda device="cpu": False)
        monkeypatch.setitem(PARAMETERS, "label_smoothing", Parameter(0.5))
        gone_on = setting_in(tmp_path)
        assert gone_on.defaults == recorded
        _begin(gone_on)
        assert gone_on.recorded()[SPACE_DEFAULTS] == recorded

    def test_in_every_training_of_a_comparison(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(family, "has_native_bfloat16", lambda device="cpu": True)
        write_comparison(tmp_path, RECIPE.replace("pairs = 3", "pairs = 2") + FREE, rows=200)
        setting = setting_in(tmp_path)
        found = compare(setting)
        trained = [
            told(trial, CONFIG)["precision"]
            for part in (BASELINE, "free", RANDOM, PAIRS)
            for trial in setting.trials(part, TrialState.COMPLETE)
            if trial.params.get("arm") != LINEAR
        ]
        assert (len(trained), set(trained)) == (2 + 2 + 2 + 2 * 2, {"float32"})
        shown = results(setting.comparison, setting.dataset, found, openings=1)
        assert "every arm trains in float32" in heading(shown)


LINEAR_ARM = '[[idea]]\nname = "linear"\nchange = { family = "linear", ratio_power = 0.5 }\n'
ENSEMBLE_ARM = """
[[idea]]
name = "both"
against = "linear"
change.family = "ensemble"
[[idea.change.members]]
family = "linear"
[[idea.change.members]]
architecture = "textcnn"
kernel_sizes = [2]
token_unit = "word"
filters = 8
epochs = 1
precision = "bfloat16"
"""


def test_arms_of_other_families_are_called_models_and_say_what_else_they_train_in(tmp_path: Path) -> None:
    recipe = RECIPE.replace("pairs = 3", "pairs = 2").replace("trials = 2", "trials = 1")
    write_comparison(tmp_path, recipe + LINEAR_ARM + ENSEMBLE_ARM, rows=200)
    found = compared(tmp_path)
    assert [config["family"] for config in found.ideas[1].score.configs] == ["ensemble"]
    assert "every arm trains in float32, both in bfloat16, with" in heading(found)
    said = words(found)
    assert any("A model so chosen has" in sentence for sentence in said)
    assert any(sentence.startswith("All this holds for models trained on") for sentence in said)
    assert not any("network" in sentence for sentence in said)
    networks = replace(found, ideas=())
    assert any("A network so chosen has" in sentence for sentence in words(networks))
    assert any(sentence.startswith("All this holds for networks trained on") for sentence in words(networks))


class TestSeveralSearches:
    RECIPE = RECIPE.replace("pairs = 3", "searches = 2\npairs = 4")

    def test_are_a_study_each_and_the_pairs_take_turns_with_their_winners(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, self.RECIPE + SAME + HARM)
        MadeUp({LINEAR: 0.5, "no learning": 0.5}, pair_sd=0.02).instead_of_training(monkeypatch)
        found = compared(tmp_path)
        setting, arms = setting_in(tmp_path), ("another limit", "baseline", "no learning")
        studies = optuna.get_all_study_names(open_storage(setting.storage))
        named = {setting.name(tuning_name(arm, search)) for arm in arms for search in (0, 1)}
        assert set(studies) == named | {setting.name(PAIRS)}
        assert "ideas: tuning of baseline (search 2)" in studies
        for arm in arms:
            rates = [told(setting.finished_pairs()[arm, pair], CONFIG)["learning_rate"] for pair in range(4)]
            assert rates == pytest.approx([0.011, 0.021, 0.011, 0.021])
        assert [config["learning_rate"] for config in found.baseline.configs] == pytest.approx([0.011, 0.021])
        # The intervals speak of two searches, and say that two are few.
        for idea in found.ideas:
            assert (idea.difference.units, len(idea.difference.pairs)) == (2, 4)
        assert found.slices.whole.gain.units == 2
        assert "with 2 tuning trials in each of 2 searches" in heading(found)
        assert any(sentence.startswith("2 searches are few") for sentence in words(found))

    def test_draw_other_settings_and_other_validation_rows(self, tmp_path: Path) -> None:
        write_comparison(tmp_path, self.RECIPE.replace("epochs = 2", "epochs = 1") + SAME, rows=200)
        setting = setting_in(tmp_path)
        for search in (0, 1):
            tune(setting, 0, search)
        first, second = (setting.trials(tuning_name(BASELINE, search), TrialState.COMPLETE) for search in (0, 1))
        assert first[0].params == second[0].params  # both begin where the study file says
        assert first[1].params != second[1].params
        assert told(first[0], CONFIG)["seed"] != told(second[0], CONFIG)["seed"]
        assert setting.tuning_folder(setting.comparison.arms[0], 1).name == "arm-00-search-02"
        assert len(list(setting.tuning_folder(setting.comparison.arms[0], 1).glob("*.npy"))) == 2

    def test_gone_on_with_another_number_of_them_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        MadeUp().instead_of_training(monkeypatch)
        write_comparison(tmp_path, self.RECIPE + SAME)
        compare(setting_in(tmp_path))
        for other in ("searches = 1", "searches = 4"):
            (tmp_path / "ideas.toml").write_text(self.RECIPE.replace("searches = 2", other) + SAME)
            with pytest.raises(InputError, match="another number of trials or searches") as refused:
                compare(setting_in(tmp_path))
            assert "\n" not in str(refused.value)


class TestGroups:
    GROUPED = RECIPE.replace('label = "label"', 'label = "label"\ngroup = "app"').replace("pairs = 3", "pairs = 6")

    def test_widen_the_intervals_where_their_rows_are_right_or_wrong_together(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, self.GROUPED + SAME, groups=60, rows=1200)
        MadeUp(of_group=0.5).instead_of_training(monkeypatch)
        setting = setting_in(tmp_path)
        found, dataset = compare(setting), setting.dataset
        alone = replace(dataset, reviews=replace(dataset.reviews, groups=None))
        with_groups, without = (results(setting.comparison, data, found, openings=1) for data in (dataset, alone))

        def widths(shown: Results) -> np.ndarray:
            idea, error = shown.ideas[0], shown.slices.whole.winner
            differences = (idea.difference, *idea.per_class.values(), idea.calibration, error)
            return np.array([difference.high - difference.low for difference in differences])

        assert (widths(with_groups) > 1.3 * widths(without)).all()
        n_groups = len(np.unique(dataset.groups("test")))  # type: ignore[arg-type]
        assert with_groups.ideas[0].difference.rows == with_groups.groups == n_groups
        assert f" sealed test rows in {n_groups} groups; " in heading(with_groups)
        assert without.groups is None and " groups" not in heading(without)

    @pytest.mark.parametrize(("groups", "few"), [(24, True), (200, False)])
    def test_are_said_to_be_few_where_they_are(
        self, tmp_path: Path, groups: int, few: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, self.GROUPED + SAME, groups=groups, rows=800)
        MadeUp(of_group=0.3).instead_of_training(monkeypatch)
        found = compared(tmp_path)
        said = [sentence for sentence in words(found) if "groups of sealed rows are few" in sentence]
        assert [sentence.split(" ")[0] for sentence in said] == ([str(found.groups)] if few else [])
        assert to_dict(found)["groups"] == found.groups


class TestAnOlderComparison:
    """Before the default space was on record, neither were looks."""

    def copied_without_the_default_space(self, folder: Path, *parts: str) -> Setting:
        setting = setting_in(folder)
        older = replace(setting, storage=f"sqlite:///{folder}/older.db")
        for part in parts:
            study, copy = setting.study(part), older.study(part)
            for name, value in told_of_study(study).items():
                if name != SPACE_DEFAULTS:
                    copy.set_user_attr(name, value)
            copy.add_trials(study.get_trials())
        return older

    @pytest.mark.parametrize("with_pairs", [True, False])
    def test_is_refused_in_one_line(self, tmp_path: Path, with_pairs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        write_comparison(tmp_path, RECIPE + SAME)
        made_up = MadeUp(most=None if with_pairs else 0).instead_of_training(monkeypatch)
        if with_pairs:
            compare(setting_in(tmp_path))
        else:  # killed before the first, when arms are tuned in whatever precision
            with pytest.raises(Killed):
                compare(setting_in(tmp_path))
        older, made_up.most = self.copied_without_the_default_space(tmp_path, BASELINE, "another limit", PAIRS), 0
        with pytest.raises(
            InputError, match=r"was begun by an older version.*give the comparison another name"
        ) as refused:
            compare(older)
        assert "\n" not in str(refused.value)
        assert SPACE_DEFAULTS not in older.recorded()  # and is refused again

    def test_in_one_that_is_not_older_the_same_copy_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, RECIPE + SAME)
        MadeUp().instead_of_training(monkeypatch)
        setting = setting_in(tmp_path)
        compare(setting)
        older = self.copied_without_the_default_space(tmp_path, BASELINE, "another limit", PAIRS)
        older.study(PAIRS).set_user_attr(SPACE_DEFAULTS, setting.defaults)
        assert compare(older).looks == setting.looks


def test_the_linear_model_is_fitted_once_for_each_pair_and_kept_beside_the_arms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_comparison(tmp_path, RECIPE.replace("pairs = 3", "pairs = 2") + SAME, rows=200)
    made_up, fit = MadeUp(), compare.__globals__["fit_linear"]
    made_up.instead_of_training(monkeypatch)
    monkeypatch.setitem(compare.__globals__, "fit_linear", fit)
    found = compared(tmp_path)
    setting = setting_in(tmp_path)
    trials = [t for t in setting.trials(PAIRS, TrialState.COMPLETE) if arm_and_pair(t)[0] == LINEAR]
    assert sorted(arm_and_pair(trial)[1] for trial in trials) == [0, 1]
    assert setting.probabilities(LINEAR).shape == (2, len(setting.dataset.split.test), 2)
    assert np.allclose(setting.probabilities(LINEAR).sum(axis=2), 1, atol=1e-5)
    # Of other rows in each pair, and in a pair of the rows that the networks have.
    assert setting.pair_seed(0) != setting.pair_seed(1)
    assert (setting.probabilities(LINEAR)[0] != setting.probabilities(LINEAR)[1]).any()
    labels = setting.dataset.labels("test")
    said = [macro_f1(labels, one.argmax(axis=1), 2) for one in setting.probabilities(LINEAR)]
    assert found.linear.macro_f1 == pytest.approx(np.mean(said))
    assert found.linear.validation_macro_f1 == pytest.approx(np.mean([trial.value or 0.0 for trial in trials]))
    assert found.linear.decision.difference.low < found.linear.decision.difference.high
    assert len(to_dict(found)["linear"]["decision"]["difference"]["pairs"]) == 2
    shutil.rmtree(setting.folder / PAIRS)
    with pytest.raises(InputError, match="is missing or damaged"):
        compared(tmp_path)


class TestFewGroups:
    def test_leave_out_what_one_group_of_validation_rows_cannot_say(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        MadeUp().instead_of_training(monkeypatch)
        plan = RECIPE.replace('label = "label"', 'label = "label"\ngroup = "app"').replace("pairs = 3", "pairs = 6")
        write_comparison(tmp_path, plan + SAME, groups=8)
        setting = setting_in(tmp_path)
        groups = {part: setting.dataset.groups(part) for part in ("validation", "test")}
        assert [len(set(numbers.tolist())) for numbers in groups.values() if numbers is not None] == [1, 4]
        found = compared(tmp_path)
        assert found.baseline.corrected is None
        said = " ".join(words(found))
        assert "4 groups of sealed rows are few" in said
        # Four groups are left, of which one is drawn for validation.
        assert re.search(r"6 pairs have [1-4] different draws? of training rows", said)

    def test_that_leave_a_pair_no_draw_are_refused_before_anything_is_trained(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = MadeUp().instead_of_training(monkeypatch)
        write_comparison(tmp_path, RECIPE.replace('label = "label"', 'label = "label"\ngroup = "app"') + SAME, groups=8)
        setting, drawn = setting_in(tmp_path), room.redraw

        def last_one_fails(dataset: Dataset, seed: int) -> Dataset:
            if seed == setting.pair_seed(2):
                raise InputError("no draw of whole groups")
            return drawn(dataset, seed)

        monkeypatch.setattr(room, "redraw", last_one_fails)
        with pytest.raises(InputError, match="no draw of whole groups"):
            compare(setting)
        assert not made.trained
        assert setting.recorded() == {}

    def test_of_which_one_is_sealed_are_refused_before_anything_is_trained(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = MadeUp().instead_of_training(monkeypatch)
        write_comparison(tmp_path, RECIPE.replace('label = "label"', 'label = "label"\ngroup = "app"') + SAME, groups=3)
        with pytest.raises(InputError, match="all sealed rows are of one group"):
            compare(setting_in(tmp_path))
        assert not made.trained
