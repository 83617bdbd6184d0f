"""Several families in one search and in one comparison; one of them is a toy that only these tests have."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FixedTrial

from search.cli.commands import main
from search.comparison.ideas import read_comparison
from search.comparison.setting import Setting
from search.study.records import CONFIG, told
from search.study.space import Space, declared, defaults_for
from sentiment import Bundle
from sentiment.errors import InputError
from sentiment.models import registry
from sentiment.models.family import Parameter
from sentiment.models.linear.config import LinearConfig
from sentiment.models.registry import FAMILIES, config_of, family_of
from tests.support.compared import RECIPE, compared, write_comparison
from tests.support.tiny import SPACE, definition, write_study_file
from tests.support.toy import Toy

RUN = """
[space.toy]
smoothing = { low = 0.5, high = 5.0 }
[space.linear]
word_ngrams = 1
"""


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line in the registry."""
    monkeypatch.setitem(FAMILIES, "toy", "tests.support.toy:Toy")


class TestASpaceOfSeveral:
    @pytest.fixture
    def space(self, toy: None) -> Space:
        return Space.of({"family": ["network", "linear", "toy"], "toy": {"smoothing": 3.0}, "epochs": 2})

    @pytest.fixture
    def drawn(self, space: Space) -> list[tuple[Any, dict[str, Any]]]:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        trials = [study.ask() for _ in range(100)]
        return [(space.sample(trial), trial.params) for trial in trials]

    def test_draws_of_each_what_it_has_and_nothing_of_the_others(self, drawn: list[Any]) -> None:
        own = {name: {*family_of(name).parameters} for name in FAMILIES}
        families = set()
        for config, params in drawn:
            families.add(config.family)
            for name in params:
                family, _, parameter = name.rpartition(".")
                assert name == "family" or ((family or "network") == config.family and parameter in own[config.family])
            assert config_of(json.loads(json.dumps(config.to_dict()))) == config
        assert families == {"network", "linear", "toy"}

    def test_keeps_what_is_said_of_one(self, drawn: list[Any]) -> None:
        assert {config.smoothing for config, _ in drawn if config.family == "toy"} == {3.0}
        assert {config.epochs for config, _ in drawn if config.family == "network"} == {2}

    def test_begins_with_the_recipes_of_all(self, space: Space) -> None:
        begun = [trial["family"] for trial in space.known_good()]
        assert begun.count("toy") == 1
        assert begun.count("network") == 5
        for settings in space.known_good():
            assert all(name in space.distributions for name in settings)

    def test_takes_a_table_of_networks_too(self) -> None:
        assert Space.of({"network": {"epochs": 3}}) == Space.of({"epochs": 3})

    def test_has_what_a_family_declares_where_recorded_defaults_are_of_a_version_without_it(self) -> None:
        older = {name: entry for name, entry in declared().items() if "." not in name and name != "family"}
        assert "linear.C" in Space.of({"family": ["network", "linear"]}, defaults=older).distributions

    def test_knows_how_often_each_reports(self, space: Space) -> None:
        assert space.reports_per_epoch == {"network": 2, "linear": 1, "toy": 1}

    def test_is_of_all_families_if_nothing_is_said(self) -> None:
        every = [name for name in FAMILIES if family_of(name).needs is None]
        assert list(Space.of({}).families) == every
        assert list(Space.of({}, defaults=defaults_for(["a film"])).families) == every
        assert Space.of({}).known_good()[0]["family"] == "linear"
        networks = Space.of({"family": "network"})
        assert networks.families == ["network"]
        assert not [name for name in networks.distributions if "." in name]

    def test_leaves_out_a_family_that_needs_what_nobody_gave(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Toy, "needs", "smoothing")
        monkeypatch.setattr(Toy, "parameters", Toy.parameters | {"smoothing": Parameter()})
        assert "toy" not in Space.of({}).families
        for given in ({"toy": {"smoothing": 2.0}}, {"toy": 2.0}):
            assert "toy" in Space.of(given).families
        with pytest.raises(InputError, match=r"family names 'toy', which needs toy\.smoothing"):
            Space.of({"family": ["linear", "toy"]})

    def test_begins_with_the_linear_baseline_if_it_holds_it(self) -> None:
        assert Space.of({}).holds(LinearConfig(seed=7))
        assert Space.of({}).sample(FixedTrial(Space.of({}).known_good()[0])) == LinearConfig()
        for without in ({"family": "network"}, {"linear.C": 2.0}, {"linear.C": {"low": 2.0, "high": 9.0}}):
            assert not Space.of(without).holds(LinearConfig())

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"family": "tree"}, "family is 'tree'; choose one of linear, .*network, .*toy"),
            ({"family": ["network", 1]}, "family is 1; choose one of linear, .*network, .*toy"),
            ({"family": []}, "family is an empty list"),
            (
                {"family": "network", "linear": {"C": 1.0}},
                r"linear.C is given, but family is \['network'\]; name 'linear' there too",
            ),
            ({"family": "linear", "linear": {"D": 1.0}}, "linear: there is no parameter 'D'; known are"),
            ({"family": "linear", "linear": {"C": 0.0}}, r"linear\.C is 0.0; it must lie between 1e-06 and 1e"),
            ({"family": "linear", "linear": {"seed": 1}}, "seed is not searched"),
            ({"family": "linear", "epochs": 3}, "epochs is given, but family is"),
            ({"network.epochs": 3}, "there is no parameter 'network.epochs'; did you mean 'epochs'"),
            ({"network": {"epochs": "3"}}, "epochs is '3'; it must be a whole number"),
            ({"network": {"epochs": 3}, "epochs": 2}, "epochs is given twice"),
            ({"family": "linear", "linear.C": 1.0, "linear": {"C": 2.0}}, "linear.C is given twice"),
            ({"linear": 5}, "linear is 5; it is a family: write linear = { parameter = value }"),
            ({"C": 1.0}, "there is no parameter 'C' of networks; did you mean 'linear.C'"),
            ({"zz": 1, "xx": 2, "yy": 3}, "there is no parameter 'zz'"),
            ({"evaluations_per_epoch": [1, 2]}, "evaluations_per_epoch must be one number"),
        ],
    )
    def test_refuses_what_is_none_of_them(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(InputError, match=message):
            Space.of(changes)


@pytest.fixture(scope="module")
def found(reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search of all three."""
    folder = tmp_path_factory.mktemp("families")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(FAMILIES, "toy", "tests.support.toy:Toy")
        text = write_study_file(folder / "tiny.toml", reviews_csv, trials=12, keep_best=12).read_text("utf-8")
        text = text.replace("family = 'network'\n", 'family = ["network", "linear", "toy"]\n')
        (folder / "tiny.toml").write_text(text + RUN, "utf-8")
        assert main(["run", str(folder / "tiny.toml"), *flags(folder)]) == 0
    return folder


def flags(folder: Path) -> list[str]:
    return ["--storage", f"sqlite:///{folder}/study.db", "--artifacts", str(folder / "artifacts")]


class TestASearchOfSeveral:
    def trial_of(self, folder: Path, family: str) -> optuna.trial.FrozenTrial:
        study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder}/study.db")
        done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
        return next(trial for trial in done if told(trial, CONFIG).get("family", "network") == family)

    @pytest.mark.parametrize("family", ["network", "linear", "toy"])
    def test_hands_over_a_trial_of_each_as_a_bundle_that_scores_the_same(
        self, found: Path, family: str, reviews_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from search.study.create import load_dataset
        from sentiment.metrics import macro_f1

        trial = self.trial_of(found, family)
        model = tmp_path / "model"
        asked = ["--trial", str(trial.number), "--to", str(model)]
        assert main(["export", "tiny", *asked, *flags(found)]) == 0
        bundle = Bundle.open(model)
        assert bundle.config.family == family
        assert bundle.config.to_dict() == told(trial, CONFIG)
        dataset = load_dataset(definition(reviews_csv).data)
        said = bundle.probabilities(dataset.texts("validation"))
        assert macro_f1(dataset.labels("validation"), said.argmax(axis=1), 2) == trial.value
        assert bundle.probabilities([]).shape == (0, 2)
        np.testing.assert_allclose(bundle.probabilities(["", "wonderful", "좋은"]).sum(axis=1), 1, rtol=1e-5)
        capsys.readouterr()
        assert main(["predict", str(model), "a wonderful film"]) == 0
        assert "positive" in capsys.readouterr().out
        assert main(["evaluate", str(model), "--sealed", "tiny", *flags(found)]) == 0

    @pytest.mark.parametrize("family", ["network", "linear", "toy"])
    def test_gives_the_same_numbers_again(self, found: Path, family: str, capsys: pytest.CaptureFixture[str]) -> None:
        number = self.trial_of(found, family).number
        assert main(["replay", "tiny", "--trial", str(number), *flags(found)]) == 0
        assert "the same again, bit for bit" in capsys.readouterr().out

    def test_is_reported_in_one_table(self, found: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", "tiny", "--top", "20", *flags(found)]) == 0
        table = capsys.readouterr().out
        assert " linear " in table and " toy " in table and ("lstm" in table or "textcnn" in table)


class TestAComparisonOfSeveral:
    IDEAS = """
[[idea]]
name = "count words"
change = { family = "toy", case = "kept" }

[[idea]]
name = "count n-grams"
change = { family = "linear", word_ngrams = 1 }

[[idea]]
name = "whatever is best"
search = { family = ["linear", "toy"] }
"""

    def test_measures_another_family_like_any_idea(self, tmp_path: Path) -> None:
        write_comparison(tmp_path, RECIPE + self.IDEAS)
        found = compared(tmp_path)
        assert [idea.score.name for idea in found.ideas] == ["count words", "count n-grams", "whatever is best"]
        by_name = {idea.score.name: idea.score for idea in found.ideas}
        configs = by_name["count words"].configs
        assert {(config["family"], config["case"]) for config in configs} == {("toy", "kept")}
        assert {config["word_ngrams"] for config in by_name["count n-grams"].configs} == {1}
        assert {config["family"] for config in by_name["whatever is best"].configs} <= {"linear", "toy"}

    @pytest.mark.parametrize(
        ("tune", "network", "linear"),
        [
            ("", {"learning_rate", "sgd_learning_rate"}, {"linear.C"}),
            ("[tune]", set(), set()),
            ("[tune]\nlinear.C = { low = 1.0, high = 2.0 }", {"learning_rate", "sgd_learning_rate"}, {"linear.C"}),
            ("[tune]\ndropout = { low = 0.1, high = 0.2 }", {"dropout"}, {"linear.C"}),
        ],
    )
    def test_tunes_all_families_by_one_rule(
        self, tmp_path: Path, tune: str, network: set[str], linear: set[str]
    ) -> None:
        recipe = '[baseline]\narchitecture = "textcnn"\n' + tune + self.IDEAS
        data = '[data]\npath = "reviews.csv"\ntext = "text"\nlabel = "label"\n'
        write_comparison(tmp_path, data + recipe)
        arms = {arm.name: set(arm.space.distributions) for arm in read_comparison(tmp_path / "ideas.toml").arms}
        assert (arms["baseline"], arms["count n-grams"]) == (network, linear)

    @pytest.mark.parametrize("tune", ["linear.C = -3", "linear.D = 1", "linear = 1"])
    def test_checks_what_is_tuned_though_no_arm_is_of_that_family(self, tmp_path: Path, tune: str) -> None:
        idea = '\n[[idea]]\nname = "a"\nchange = { dropout = 0.5 }\n'
        data = '[data]\npath = "reviews.csv"\ntext = "text"\nlabel = "label"\n'
        write_comparison(tmp_path, f"{data}[tune]\n{tune}\n{idea}")
        with pytest.raises(InputError, match=r"\[tune\] linear"):
            read_comparison(tmp_path / "ideas.toml")

    def test_names_what_a_family_lacks(self, tmp_path: Path) -> None:
        write_comparison(tmp_path, RECIPE + self.IDEAS.replace("word_ngrams", "epochs"))
        with pytest.raises(InputError, match="idea 'count n-grams': there is no parameter 'epochs'"):
            compared(tmp_path)


def test_a_registry_names_families_that_call_themselves_so() -> None:
    for name in registry.FAMILIES:
        family = family_of(name)
        assert family.name == family.config.family == name
        fields = set(family.config.names())
        assert {kept.stands_for or own for own, kept in family.parameters.items()} <= fields
        if family.needs is None:
            assert config_of(family.config().to_dict()) == family.config()


def test_a_study_file_with_a_space_of_networks_is_as_it_was() -> None:
    assert Space.of(SPACE).families == ["network"]


class TestAFreeSearch:
    def file(self, tmp_path: Path, baseline: str, search: str) -> Path:
        path = tmp_path / "free.toml"
        path.write_text(
            f'[data]\npath = "reviews.csv"\ntext = "text"\nlabel = "stars"\n[baseline]\n{baseline}\n'
            f'[[idea]]\nname = "free"\nsearch = {{ {search} }}\n',
            "utf-8",
        )
        return path

    @pytest.mark.parametrize(
        ("baseline", "search", "families"),
        [
            ("epochs = 1", "epochs = { low = 2, high = 5 }", ["network"]),
            ("epochs = 1", "", ["network"]),
            ('family = "linear"', "linear.C = 2.0", ["linear"]),
            ('family = "linear"', "epochs = { low = 2, high = 5 }", ["network"]),  # as before there were other defaults
            ("epochs = 1", 'family = ["network", "bag"]', ["network", "bag"]),
            ("epochs = 1", "bag.epochs = 2", ["bag"]),
        ],
    )
    def test_is_of_the_baselines_family_or_of_what_it_names(
        self, tmp_path: Path, baseline: str, search: str, families: list[str]
    ) -> None:
        idea = read_comparison(self.file(tmp_path, baseline, search)).ideas[0]
        assert list(idea.space_with(defaults_for(["a film"])).families) == families

    def test_of_encoders_trains_in_the_baselines_precision(self, tmp_path: Path, reviews_csv: Path) -> None:
        path = self.file(tmp_path, 'family = "encoder"\nmodel = "here"\nprecision = "float32"', "")
        text = path.read_text("utf-8").replace('path = "reviews.csv"', f'path = "{reviews_csv}"')
        path.write_text(text.replace("search = {  }", 'search = { encoder.model = "here" }'), "utf-8")
        setting = Setting(read_comparison(path), f"sqlite:///{tmp_path}/none.db", tmp_path)
        assert setting.defaults["encoder.precision"] == "float32"
        free = setting.comparison.ideas[0].space_with(setting.defaults)
        assert free.fixed["encoder.precision"] == "float32"
