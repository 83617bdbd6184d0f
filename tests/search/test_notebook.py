import tempfile
from pathlib import Path
from typing import Any

import optuna
import pytest

from search import Objective, Space, Study, export
from search.notebook import FIGURES
from search.storage.databases import open_storage
from search.study.create import create_or_resume
from search.study.replay import Replay
from sentiment import Bundle
from sentiment.errors import InputError
from sentiment.reviews.dataset import load_dataset
from tests.search.comparison.test_reopened import begun_under_older_names
from tests.search.conftest import Searched
from tests.support.compared import RECIPE, SAME, MadeUp, compared, setting_in, write_comparison
from tests.support.tiny import SPACE, definition, source

FOREIGN = "<script>alert('a')</script>"


@pytest.fixture(scope="module")
def study(searched: Searched) -> Study:
    return Study.open(searched.opened.study.study_name, searched.url, searched.artifacts)


@pytest.fixture(scope="module")
def compared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison whose trainings are made up; one of its ideas has a name that a page would obey."""
    folder = tmp_path_factory.mktemp("compared")
    ideas = f'[[idea]]\nname = "{FOREIGN}"\nchange = {{ max_tokens = 200 }}\nguess = 0.1\n'
    ideas += '[[idea]]\nname = "better"\nchange = { dropout = 0.1 }\n'
    write_comparison(folder, RECIPE.replace("pairs = 3", "pairs = 8") + ideas)
    with pytest.MonkeyPatch.context() as patch:
        MadeUp(right={"better": 0.95}, pair_sd=0.01).instead_of_training(patch)
        compared(folder)
    return folder


@pytest.fixture(scope="module")
def opened(compared_folder: Path) -> Study:
    setting = setting_in(compared_folder)
    return Study.open("ideas", setting.storage, str(setting.artifacts))


@pytest.fixture(scope="module")
def found(opened: Study) -> Any:
    return opened.comparison()


class TestASearch:
    def test_is_a_data_frame_of_its_leaderboard(self, study: Study) -> None:
        pytest.importorskip("pandas")
        frame, board = study.leaderboard(), study.board
        assert frame.index.tolist() == [entry.name for entry in board.entries]
        assert frame["macro_f1"].tolist() == [entry.macro_f1 for entry in board.entries]
        assert frame["macro_f1"].is_monotonic_decreasing
        assert frame["trial"].dropna().tolist() == [e.trial for e in board.entries if e.trial is not None]
        assert study.best == board.best

    def test_is_read_anew_each_time(self, study: Study) -> None:
        assert study.board is not study.board

    def test_gives_its_best_weights_to_a_folder(self, study: Study, tmp_path: Path) -> None:
        bundle = study.export(tmp_path / "model")
        assert study.best is not None and bundle.facts["trial"] == study.best.trial
        assert bundle.predict(["a wonderful film"]) == ["positive"]

    def test_trains_a_trial_again(self, study: Study) -> None:
        replayed = study.replay(1)
        assert replayed.same
        assert repr(replayed).startswith("Replay(trial 1: the same again, bit for bit")
        assert replayed._repr_html_().startswith("<p>trial 1: the same again")

    @pytest.mark.parametrize("figure", FIGURES)
    def test_is_drawn(self, figure: str, study: Study) -> None:
        plotly = pytest.importorskip("plotly")
        try:
            drawn = study.plot(figure)
        except InputError as error:
            assert "has nothing to draw" in str(error)
        else:
            assert isinstance(drawn, plotly.graph_objects.Figure)

    def test_says_in_a_line_and_in_html_where_it_stands(self, study: Study) -> None:
        assert repr(study).startswith("Study(tiny: 5 completed, 1 pruned.") and "\n" not in repr(study)
        assert repr(study.board).startswith("Leaderboard(tiny: 5 completed, best trial ")
        shown = study._repr_html_()
        assert "<th>macro-F1</th>" in shown and shown.count("<tr>") == len(study.board.entries) + 1

    def test_is_no_comparison(self, study: Study) -> None:
        with pytest.raises(InputError, match="'tiny' is a search, not a comparison; ask for its leaderboard"):
            study.comparison()

    def test_has_no_other_figures(self, study: Study) -> None:
        with pytest.raises(InputError, match="there is no figure 'loss'; choose one of costs, curves, pruning"):
            study.plot("loss")

    def test_whose_name_a_page_would_obey_is_shown_as_it_is(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/study.db"
        optuna.create_study(study_name=FOREIGN + "\x1b[2J", storage=open_storage(url), direction="maximize")
        opened = Study.open(FOREIGN + "\x1b[2J", url, tmp_path)
        assert "<script>" not in opened._repr_html_() and "&lt;script&gt;" in opened._repr_html_()
        assert "\x1b" not in repr(opened) and "\x1b" not in opened._repr_html_()

    def test_that_is_not_there_is_refused_in_a_line(self, searched: Searched, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="there is no study 'other' in the storage; it has 'tiny'"):
            Study.open("other", searched.url)
        with pytest.raises(InputError, match="does not exist"):
            Study.open("tiny", f"sqlite:///{tmp_path}/none.db")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", [None, 5, ["tiny"]])
    def test_without_a_name_is_refused_in_a_line(self, name: Any, searched: Searched) -> None:
        with pytest.raises(InputError, match="which is no text; `sentiment-search studies` lists them"):
            Study.open(name, searched.url)
        with pytest.raises(InputError, match=r"there is no study '\\ud800' in the storage"):
            Study.open("\ud800", searched.url)

    def test_of_another_program_says_so_where_it_would_be_shown(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/study.db"
        other = optuna.create_study(study_name=FOREIGN, storage=open_storage(url), direction="maximize")
        other.set_user_attr("rows", "many")
        opened = Study.open(FOREIGN, url, tmp_path)
        assert "has on record what this program does not write" in opened._repr_html_()
        assert "has on record what this program does not write" in repr(opened)
        assert "<script>" not in opened._repr_html_()

    def test_without_pandas_says_what_to_install(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("search.notebook.find_spec", lambda name: None)
        with pytest.raises(InputError, match=r"pip install 'sentiment-search\[notebook\]'"):
            study.leaderboard()


class TestAComparison:
    def test_is_a_data_frame_of_its_ideas(self, found: Any) -> None:
        pytest.importorskip("pandas")
        frame = found.ideas()
        assert frame.index.tolist() == [FOREIGN, "better"]
        assert frame.loc["better", "verdict"] == "improves"
        assert frame.loc["better", "difference"] == found.results.ideas[1].difference.mean

    def test_is_drawn(self, found: Any) -> None:
        plotly = pytest.importorskip("plotly")
        assert isinstance(found.plot(), plotly.graph_objects.Figure)

    def test_says_its_verdicts_in_html_that_obeys_no_name(self, opened: Study, found: Any) -> None:
        shown = found._repr_html_()
        assert "Keep: better" in shown and "<script>" not in shown and "&lt;script&gt;" in shown
        assert opened._repr_html_() == shown
        assert "better improves" in repr(found) and "\n" not in repr(found)
        assert "a comparison" in repr(opened)

    def test_is_no_search(self, opened: Study) -> None:
        with pytest.raises(InputError, match="'ideas' is a comparison, not a search"):
            opened.leaderboard()

    def test_that_an_older_version_began_is_opened_by_its_name_and_by_that_of_its_pairs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, RECIPE + SAME)
        MadeUp(pair_sd=0.02).instead_of_training(monkeypatch)
        begun_under_older_names(tmp_path, pairs=4)
        names = ("ideas", "ideas: pairs")
        url, kept = f"sqlite:///{tmp_path}/studies.db", tmp_path / "artifacts"
        for name in names:
            shown = Study.open(name, url, kept)._repr_html_()
            assert "comparison &#x27;ideas&#x27; has not come to its first look yet" in shown
        compared(tmp_path)
        by_name, by_pairs = (Study.open(name, url, kept).comparison()._repr_html_() for name in names)
        assert by_name == by_pairs

    def test_shares_its_name_with_a_search_which_is_opened_by_it(
        self, reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_comparison(tmp_path, RECIPE + SAME)
        url, kept = f"sqlite:///{tmp_path}/studies.db", tmp_path / "artifacts"
        create_or_resume(definition(reviews_csv, name="ideas"), open_storage(url), kept)
        MadeUp(pair_sd=0.02).instead_of_training(monkeypatch)
        begun_under_older_names(tmp_path, pairs=2)
        assert Study.open("ideas", url, kept).board.study == "ideas"
        assert "a comparison" in repr(Study.open("ideas: pairs", url, kept))


class TestAnybodysOwnStudy:
    def test_keeps_its_best_weights_where_it_was_told_and_exports_them(self, reviews_csv: Path, tmp_path: Path) -> None:
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        objective = Objective(load_dataset(source(reviews_csv)), Space.of(SPACE), keep=tmp_path / "weights")
        study.optimize(objective, n_trials=2)
        bundle = export(study, kept=tmp_path / "weights", to=tmp_path / "model")
        assert isinstance(bundle, Bundle) and bundle.facts["trial"] == study.best_trial.number
        assert bundle.facts["validation macro-F1"] == round(study.best_value, 6)
        with pytest.raises(InputError, match="the weights of trial 0 are not in"):
            export(study, kept=tmp_path / "elsewhere", to=tmp_path / "other", trial=0)

    def test_makes_no_folder_unasked(self, reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        study = optuna.create_study(direction="maximize")
        space = Space.of(SPACE | {"architecture": "textcnn", "epochs": 1})
        objective = Objective(load_dataset(source(reviews_csv)), space)
        study.optimize(objective, n_trials=1)
        assert not list(tmp_path.iterdir())
        assert objective.cache.parent == Path(tempfile.gettempdir()) and list(objective.cache.iterdir())
        other = Objective(objective.dataset)
        assert other.cache == objective.cache  # what is made of the texts is made once

    def test_keeps_weights_in_one_place(self, reviews_csv: Path, tmp_path: Path) -> None:
        from search.storage.artifacts import TrialArtifacts

        with pytest.raises(InputError, match="give keep or artifacts, not both"):
            Objective(load_dataset(source(reviews_csv)), artifacts=TrialArtifacts(tmp_path), keep=tmp_path)


def test_a_replay_that_differs_says_so_in_html_that_obeys_nothing() -> None:
    replay = Replay(3, (0.5,), (0.6,), {"torch": ("<b>2</b>", "3")})
    assert "<td>&lt;b&gt;2&lt;/b&gt;</td>" in replay._repr_html_()
    assert repr(replay).startswith("Replay(trial 3: macro-F1 0.600000, recorded 0.500000")
