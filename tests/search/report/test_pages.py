"""Pages of studies while they are made, and figures, without a browser."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from search.comparison.compare import compare
from search.comparison.ideas import PAIRS
from search.report import pages as room
from search.report.notes import search_note
from search.report.pages import PageOfSearch, PagesOfComparison, publish_comparison, publish_search
from search.report.plotly_figures import (
    costs_figure,
    curves_figure,
    forest_figure,
    importance_figure,
    pruning_figure,
)
from search.storage.databases import open_storage
from search.study.create import create_or_resume, make_objective
from search.study.importance import ENOUGH, importances
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from search.study.origins import origins
from search.study.positions import FIRST, FIXED
from search.study.records import AUDITED, BASELINES, CLASS_SIZES, CONFIG, CURVE, EPOCHS, OURS, ROWS, keep_of_study
from sentiment.errors import InputError
from sentiment.models.baselines import LINEAR
from tests.search.conftest import Searched
from tests.support.compared import RECIPE as STUDY_FILE
from tests.support.compared import SAME, Killed, MadeUp, compared, setting_in, write_comparison
from tests.support.results import difference, idea, results
from tests.support.tiny import definition

pytest.importorskip("plotly", reason="plotly is not installed")
EVIL = "<img src=x onerror=alert(1)> | $x$"


def trial(x: float, kind: str, value: float, *, recipe: bool = False, **attributes: Any) -> FrozenTrial:
    return create_trial(
        value=value,
        params={"x": x, "kind": kind},
        distributions={"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(["a", "b"])},
        system_attrs={OURS + CONFIG: {"family": "linear"}} | ({FIRST: 0, FIXED: {"x": x}} if recipe else {}),
        **attributes,
    )


def study_of(trials: list[FrozenTrial]) -> optuna.Study:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    return study


def drawn_by(study: optuna.Study) -> dict[str, Any]:
    kept = study._storage.get_study_system_attrs(study._study_id)
    return {name: json.loads(figure) for name, figure in get_plotly_graph_objects(kept).items()}


class TestImportances:
    def test_are_of_what_was_drawn_and_not_of_recipes_replicates_or_what_others_told(self) -> None:
        drawn = [trial(number / 40, "ab"[number % 2], number / 40) for number in range(40)]
        others = [trial(0.001 + 0.01 * number, "a", 0.99, recipe=True) for number in range(6)]
        others += [
            create_trial(value=0.9, params=drawn[0].params | {"x": 0.002}, distributions=drawn[0].distributions),
            trial(0.001, "a", 0.99),  # as one of those recipes
        ]
        found = importances(study_of(others + drawn[1:]))
        assert (found.trials, found.enough) == (39, True)
        assert list(found.values) == ["x", "kind"]
        assert found.values["x"] > 0.9
        assert sum(found.values.values()) == pytest.approx(1.0)
        # With them, what is good in all recipes would have been what counts.
        assert found.values == importances(study_of(drawn[1:])).values

    def test_count_a_pruned_trial_with_its_best_score(self) -> None:
        drawn = [trial(number / 40, "a", number / 40) for number in range(20, 40)]
        pruned = [
            create_trial(
                state=TrialState.PRUNED,
                value=number / 40,
                params=drawn[0].params | {"x": number / 40},
                distributions=drawn[0].distributions,
                system_attrs=drawn[0].system_attrs,
            )
            for number in range(20)
        ]
        assert importances(study_of(pruned + drawn)).trials == 40

    def test_of_too_few_trials_are_none(self) -> None:
        found = importances(study_of([trial(0.1 * number, "a", 0.5) for number in range(ENOUGH - 1)]))
        assert (found.values, found.trials, found.enough) == ({}, ENOUGH - 1, False)
        shown = str(importance_figure(study_of([])).to_json())
        assert "Too few: 0 sampled trials" in shown


def test_a_recipe_a_draw_and_the_same_again_are_told_apart() -> None:
    trials = [
        trial(0.1, "a", 0.5, recipe=True), trial(0.2, "a", 0.5), trial(0.1, "a", 0.6),
        create_trial(state=TrialState.FAIL, params={"x": 0.3}, distributions={"x": FloatDistribution(0, 1)}),
        create_trial(
            value=0.4, params={"x": 0.3}, distributions={"x": FloatDistribution(0, 1)},
            system_attrs={OURS + CONFIG: {"family": "linear"}},
        ),
    ]  # fmt: skip
    assert list(origins(study_of(trials).trials).values()) == ["recipe", "sampled", "replicate", "sampled", "sampled"]


class TestThePageOfASearch:
    def test_is_there_before_the_first_trial_ends_and_kept_up_to_date_now_and_then(
        self, reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path)
        page, now = PageOfSearch(opened.study, tmp_path, 3), [1000.0]
        monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
        page.refresh()
        assert "Under way: 0 of 3 trials" in get_note(opened.study)
        optimize(opened, trials=1, objective=make_objective(opened, end_early=False))
        now[0] += 29.0
        page.refresh()
        assert "Under way: 0 of 3 trials" in get_note(opened.study)
        now[0] += 2.0
        page.refresh()
        assert "Under way: 1 of 3 trials" in get_note(opened.study)
        assert "| trial 0" in get_note(opened.study)

    def test_has_each_figure_once_however_often_it_is_published(self, reviews_csv: Path, tmp_path: Path) -> None:
        opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path)
        optimize(opened, trials=2, objective=make_objective(opened, end_early=False))
        for _ in range(2):
            publish_search(opened.study, leaderboard(opened.study), tmp_path)
        assert drawn_by(opened.study).keys() == {"costs", "curves", "importance"}
        assert "Under way" not in get_note(opened.study)

    @pytest.mark.parametrize("error", [ZeroDivisionError("luck"), InputError("it has on record what nobody wrote")])
    def test_ends_no_search_whatever_is_wrong_with_it(
        self, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        study = study_of([trial(0.1, "a", 0.5)])

        def wrong(*_: object) -> None:
            raise error

        monkeypatch.setattr("search.report.plotly_figures.importance_figure", wrong)
        with pytest.warns(UserWarning, match="will not show the figure 'importance': "):
            publish_search(study, leaderboard(study), tmp_path)
        assert get_note(study).startswith("### What to do")
        monkeypatch.setattr(room, "leaderboard", wrong)
        with pytest.warns(UserWarning, match="will not show what the search has found: "):
            PageOfSearch(study, tmp_path, 3).refresh()

    def test_says_how_each_of_the_best_came_by_its_settings(self, searched: Searched) -> None:
        board = leaderboard(searched.opened.study, searched.artifacts)
        note = search_note(searched.opened.study, board, where=" --storage x")
        assert "| recipe\u00a0" in note
        assert note.startswith("### What to do")
        assert "`sentiment-search export tiny --to tiny-model --storage x`" in note
        assert "`sentiment-search evaluate tiny-model --sealed tiny --storage x`" in note
        assert "1 pruned" in note


class TestFiguresOfASearch:
    def learned(self, number: int, state: TrialState = TrialState.COMPLETE, **more: Any) -> FrozenTrial:
        curve = [{"step": n, "epoch": n / 2, "macro_f1": 0.4 + 0.05 * n + 0.01 * number} for n in range(1, 5)]
        config = {"family": "network", "architecture": "lstm", "epochs": 6}
        recorded = {CONFIG: config, CURVE: curve, EPOCHS: 2.0} | more
        return create_trial(state=state, value=curve[-1]["macro_f1"], user_attrs=recorded)

    def test_name_the_best_and_draw_the_pruned_in_one_colour(self) -> None:
        trials = [self.learned(n) for n in range(5)] + [self.learned(n, TrialState.PRUNED) for n in range(3)]
        figure = curves_figure(study_of(trials))
        assert figure is not None
        assert [trace.name for trace in figure.data] == [
            "pruned (3)", "completed (2)", "trial 4, lstm", "trial 3, lstm", "trial 2, lstm"
        ]  # fmt: skip

    def test_say_what_pruning_saved_and_that_nothing_is_known_of_what_it_cost(self) -> None:
        study = study_of([self.learned(0), self.learned(1, TrialState.PRUNED)])
        figure = pruning_figure(study, leaderboard(study))
        assert figure is not None
        assert [trace.x[0] for trace in figure.data] == [2.0, 2.0, 4.0]  # six epochs were planned
        assert "not known" in figure.layout.title.text
        assert pruning_figure(study_of([self.learned(0)]), leaderboard(study_of([self.learned(0)]))) is None

    def test_say_what_pruning_cost_where_it_was_audited(self) -> None:
        condemned = self.learned(5, **{AUDITED: {"epoch": 1.0, "macro-F1": 0.5}})
        study = study_of([self.learned(0), condemned, self.learned(1, TrialState.PRUNED)])
        figure = pruning_figure(study, leaderboard(study))
        assert figure is not None
        assert list(figure.data[0].y) == [pytest.approx(5.0)]
        assert "1 of 1 that ran on would have won" in figure.layout.title.text

    def test_say_of_an_interval_on_which_side_of_zero_it_ends(self) -> None:
        near = replace(difference(0.9), mean=0.107, low=1e-7, high=0.214)
        forest = forest_figure(results((idea("near", "improves", near),)))
        told = [text for trace in forest.data for text in trace.text or ()]
        assert "near: +10.7 (+0.00001 to +21.4), improves" in told

    def test_set_no_foreign_name_as_markup(self) -> None:
        config = {"family": EVIL, "architecture": EVIL}
        study = study_of([self.learned(0, **{CONFIG: config, "milliseconds a text": 2.0})])
        for figure in (curves_figure(study), costs_figure(leaderboard(study))):
            assert figure is not None
            assert "<img" not in json.dumps(figure.to_plotly_json(), ensure_ascii=False, default=list)

    def test_are_small(self, searched: Searched) -> None:
        study = searched.opened.study
        figures = [curves_figure(study), costs_figure(leaderboard(study)), importance_figure(study)]
        assert all(figure is not None and len(figure.to_json()) < 8_000 for figure in figures)


class TestThePageOfAComparison:
    def test_says_how_far_it_is_and_of_each_part_what_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, STUDY_FILE + SAME)
        MadeUp(most=2).instead_of_training(monkeypatch)
        setting = setting_in(tmp_path)
        pages = PagesOfComparison(setting)
        with pytest.raises(Killed):
            compare(setting, on_training=lambda done, total, _: pages.refresh(done, total))
        assert "Under way: " in get_note(setting.study(PAIRS))
        assert "nothing can be said of any idea" in get_note(setting.study(PAIRS))
        assert "Part of the comparison **ideas**: the trials that tuned 'baseline'" in get_note(
            setting.study("baseline")
        )

    def test_ends_no_comparison_whatever_is_wrong_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, STUDY_FILE + SAME)
        MadeUp().instead_of_training(monkeypatch)
        found, setting = compared(tmp_path), setting_in(tmp_path)

        def wrong(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(room, "save_note", wrong)
        with pytest.warns(UserWarning) as told:
            publish_comparison(setting, found)
        assert [str(one.message).split(": ")[0] for one in told] == [
            "the dashboard will not show the verdicts",
            "the dashboard will not show what the parts of a comparison are",
        ]
        assert drawn_by(setting.study(PAIRS)).keys() == {"forest", "arms"}
        with pytest.warns(UserWarning, match="will not show how far the comparison is: "):
            PagesOfComparison(setting).refresh(1, 2)

    def test_begins_with_the_verdicts_and_draws_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_comparison(tmp_path, STUDY_FILE + SAME.replace("another limit", "<b>another</b> limit"))
        MadeUp().instead_of_training(monkeypatch)
        found = compared(tmp_path)
        setting = setting_in(tmp_path)
        publish_comparison(setting, found)
        study = setting.study(PAIRS)
        assert get_note(study).startswith("### What it found\n\n- Deploy ")
        figures = drawn_by(study)
        assert figures.keys() == {"forest", "arms"}
        assert figures["forest"]["layout"]["yaxis"]["ticktext"][0] == "&lt;b&gt;another&lt;/b&gt; limit"
        assert forest_figure(found).data[0].error_x.array[0] > 0
        for part in setting.parts():
            assert "The verdicts are in the study **ideas**" in get_note(setting.study(part))


def test_a_note_that_advises_the_linear_model_does_not_say_that_its_command_exports_it() -> None:
    study = study_of([trial(0.1, "a", 0.61, user_attrs={CONFIG: {"family": "network", "architecture": "lstm"}})])
    keep_of_study(study, BASELINES, {LINEAR: {"macro_f1": 0.6}})
    keep_of_study(study, CLASS_SIZES, [50, 50])
    keep_of_study(study, ROWS, {"validation": 100})
    note = search_note(study, leaderboard(study))
    assert "Deploy the linear model" in note
    assert "The linear model has no weights here" in note
