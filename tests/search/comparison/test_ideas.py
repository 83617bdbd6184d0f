import json
from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from search.comparison.ideas import read_comparison
from search.comparison.setting import Setting
from search.statistics import Looks
from sentiment.errors import InputError
from sentiment.reviews.dataset import load_dataset
from tests.search.study.test_definition import NAMES_OF_NO_FOLDER

HEAD = """
name = "small"
[data]
path = "reviews.csv"
text = "text"
label = "stars"
[baseline]
architecture = "lstm"
padding = "as_written"
optimizer = "sgd"
epochs = 5
[budget]
trials = 3
pairs = 2
"""
IDEA = '[[idea]]\nname = "Adam"\nchange = { optimizer = "adam" }\nguess = 0.05\nsource = "the post"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "ideas.toml"
    path.write_text(text)
    return path


def test_an_idea_is_the_baseline_with_one_change(tmp_path: Path) -> None:
    comparison = read_comparison(write(tmp_path, HEAD + IDEA))
    baseline, adam = comparison.arms
    assert (baseline.config.optimizer, adam.config.optimizer) == ("sgd", "adam")
    assert adam.config.replace(optimizer="sgd") == baseline.config
    assert (adam.guess, adam.source, comparison.trials, comparison.pairs) == (0.05, "the post", 3, (2,))


def test_every_arm_tunes_the_same_parameters_unless_its_idea_fixes_them(tmp_path: Path) -> None:
    fixed = '[[idea]]\nname = "fast"\nchange = { learning_rate = 0.5 }\n'
    comparison = read_comparison(write(tmp_path, HEAD + IDEA + fixed))
    baseline, adam, fast = comparison.arms
    assert baseline.space.distributions == adam.space.distributions
    assert baseline.space.distributions["sgd_learning_rate"] == FloatDistribution(1e-2, 1.0, log=True)
    assert fast.space.distributions == {}
    assert fast.space.fixed["learning_rate"] == fast.space.fixed["sgd_learning_rate"] == 0.5


def test_a_file_says_what_is_tuned(tmp_path: Path) -> None:
    text = HEAD + IDEA + "[tune]\ndropout = { low = 0.1, high = 0.5 }\n"
    arm = read_comparison(write(tmp_path, text)).baseline
    assert set(arm.space.distributions) == {"dropout"}


def test_an_idea_may_be_set_against_another_idea(tmp_path: Path) -> None:
    gru = '[[idea]]\nname = "Adam, GRU"\nagainst = "Adam"\nchange = { optimizer = "adam", architecture = "gru" }\n'
    comparison = read_comparison(write(tmp_path, HEAD + IDEA + gru))
    linear = (("TF-IDF + logistic regression", "baseline"), ("best network", "TF-IDF + logistic regression"))
    ideas = (("Adam", "baseline"), ("Adam, GRU", "baseline"), ("Adam, GRU", "Adam"))
    assert comparison.family == (*ideas, *linear)


def test_a_free_search_has_the_whole_space_and_the_arms_own_budget(tmp_path: Path) -> None:
    free = '[[idea]]\nname = "free"\nsearch = { epochs = { low = 2, high = 5 }, architecture = ["gru", "textcnn"] }\n'
    arm = read_comparison(write(tmp_path, HEAD + free)).ideas[0]
    space = arm.space
    assert space.distributions["architecture"].choices == ("gru", "textcnn")  # type: ignore[attr-defined]
    assert space.distributions["epochs"] == IntDistribution(2, 5)
    assert "dropout" in space.distributions


def test_pairs_may_be_spent_in_looks(tmp_path: Path) -> None:
    text = HEAD.replace("pairs = 2", "pairs = [5, 10, 20]")
    comparison = read_comparison(write(tmp_path, text + IDEA))
    assert comparison.pairs == (5, 10, 20)
    looks = Setting(comparison, f"sqlite:///{tmp_path}/studies.db", tmp_path / "artifacts").looks
    assert looks.pairs == (5, 10, 20)
    assert looks == Looks.at((5, 10, 20))


@pytest.mark.parametrize(
    ("fractions", "sealed", "expected"),
    [
        (None, None, (0.4, 0.1, 0.5)),
        (None, 0.25, (0.6, 0.15, 0.25)),
        ((0.6, 0.2, 0.2), None, (0.6, 0.2, 0.2)),
        ((0.6, 0.2, 0.2), 0.6, (0.3, 0.1, 0.6)),
        ((0.6, 0.2, 0.2), 0.01, (0.7425, 0.2475, 0.01)),
    ],
)
def test_the_share_that_is_sealed_leaves_the_others_in_their_ratio(
    tmp_path: Path, fractions: tuple[float, ...] | None, sealed: float | None, expected: tuple[float, ...]
) -> None:
    text = HEAD if fractions is None else HEAD.replace("[baseline]", f"fractions = {list(fractions)}\n[baseline]")
    asked = "" if sealed is None else f"sealed = {sealed}\n"
    comparison = read_comparison(write(tmp_path, text + asked + IDEA))
    assert comparison.data.fractions == pytest.approx(expected)
    assert sum(comparison.data.fractions) == pytest.approx(1)


def test_the_share_that_is_sealed_is_that_of_the_rows(tmp_path: Path) -> None:
    rows = [f"text {number},{number % 2}" for number in range(400)]
    (tmp_path / "reviews.csv").write_text("\n".join(["text,stars", *rows]))
    comparison = read_comparison(write(tmp_path, HEAD + "sealed = 0.7\n" + IDEA))
    split = load_dataset(comparison.data).split
    assert [len(split.train), len(split.validation), len(split.test)] == [96, 24, 280]


def test_rows_of_a_test_file_are_all_sealed_and_the_others_split_as_in_a_search(tmp_path: Path) -> None:
    text = HEAD.replace("[baseline]", 'test = "test.csv"\n[baseline]')
    assert read_comparison(write(tmp_path, text + IDEA)).data.fractions == (0.8, 0.1, 0.1)


def test_pairs_are_spread_over_searches(tmp_path: Path) -> None:
    text = HEAD.replace("pairs = 2", "pairs = [4, 8]\nsearches = 2")
    comparison = read_comparison(write(tmp_path, text + IDEA))
    assert (comparison.searches, comparison.pairs) == (2, (4, 8))


@pytest.mark.parametrize("name", [json.dumps(name) for name in NAMES_OF_NO_FOLDER if name != "\ud800"] + ["5", "[]"])
def test_a_name_that_no_study_may_have_no_comparison_may_have(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, HEAD.replace('"small"', name) + IDEA)
    with pytest.raises(InputError, match="the comparison's name is") as refused:
        read_comparison(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_comparison_that_is_named_after_its_file_is_checked_too(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD.replace('name = "small"', "") + IDEA).rename(tmp_path / "cache.toml")
    with pytest.raises(InputError, match="the comparison's name is 'cache', as the folder of the token cache"):
        read_comparison(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "there is no [[idea]]"),
        (HEAD + IDEA + IDEA, "two arms are named 'Adam'"),
        (HEAD + IDEA.replace("Adam", "caf\u00e9") + IDEA.replace("Adam", "cafe\u0301"), "two arms are named 'caf"),
        (HEAD + IDEA.replace("Adam", "Pairs"), "an idea is named 'Pairs', as another study or arm is called here"),
        (HEAD + IDEA.replace("Adam", "TF-IDF + logistic regression"), "as another study or arm is called here"),
        (HEAD + IDEA.replace("Adam", "tf-idf + Logistic Regression"), "as another study or arm is called here"),
        (HEAD + IDEA.replace("Adam", "Best Network"), "an idea is named 'Best Network', as another study or arm"),
        (HEAD + IDEA.replace("Adam", "Adam (search 2)"), "an idea is named 'Adam (search 2)', as another study or arm"),
        (HEAD + "sealed = 0\n" + IDEA, "[budget] sealed is 0; it must"),
        (HEAD + "sealed = 1.0\n" + IDEA, "[budget] sealed is 1.0; it must"),
        (HEAD + 'sealed = "half"\n' + IDEA, "[budget] sealed is 'half'; it must"),
        (
            HEAD.replace("[baseline]", 'test = "test.csv"\n[baseline]') + "sealed = 0.5\n" + IDEA,
            "the test file is what",
        ),
        (HEAD + "searches = 0\n" + IDEA, "[budget] searches is 0; it must be a whole number, 1 or more"),
        (HEAD + "searches = 3\n" + IDEA, "[budget] pairs is 2 and searches 3; each search needs equally many pairs"),
        (HEAD.replace("pairs = 2", "pairs = [4, 9]") + "searches = 2\n" + IDEA, "so give multiples of 2"),
        (HEAD + IDEA + "[curve]\n", "[curve] needs trials"),
        (HEAD + IDEA + "[curve]\ntrials = 1\n", "[curve] trials is 1; it must be a whole number, 2 or more"),
        (HEAD + IDEA + "[curve]\ntrials = 5\nsearch = { dropuot = 1 }\n", "did you mean 'dropout'"),
        (HEAD + IDEA.replace("Adam", "Baseline"), "two arms are named 'Baseline'"),
        (HEAD + IDEA.replace('"adam"', '"sgd"'), "idea 'Adam' equals the baseline"),
        (HEAD + IDEA.replace("optimizer =", "optimiser ="), "idea 'Adam': there is no parameter 'optimiser'; did you"),
        (HEAD + IDEA.replace('"adam"', '"adamax"'), "idea 'Adam': optimizer is 'adamax'"),
        (HEAD + IDEA.replace('change = { optimizer = "adam" }', ""), "idea 'Adam' changes nothing"),
        (HEAD + IDEA.replace('name = "Adam"', ""), 'idea 1 needs name = "..."'),
        (HEAD + IDEA.replace("0.05", "5"), "guess is 5"),
        (HEAD + IDEA + "effort = 3\n", "idea 'Adam' has no 'effort'"),
        (HEAD.replace("pairs = 2", "pairs = 1") + IDEA, "[budget] pairs is 1; it must be a whole number, 2 or more"),
        (HEAD.replace("pairs = 2", "pairs = [10, 5]") + IDEA, "[budget] pairs is [10, 5]; it must be"),
        (HEAD.replace("pairs = 2", "pairs = []") + IDEA, "[budget] pairs is []; it must be"),
        (HEAD + IDEA + 'against = "Adan"\n', "idea 'Adam' is set against 'Adan'; give the name of another idea: Adam"),
        (HEAD + IDEA + "search = {}\n", "idea 'Adam': give search = { changes to the default space }, and no change"),
        (HEAD + '[[idea]]\nname = "free"\nsearch = { dropuot = 0.1 }\n', "did you mean 'dropout'"),
        (HEAD.replace("trials = 3", "trials = 0") + IDEA, "[budget] trials is 0"),
        (HEAD.replace('"lstm"', '"lsmt"') + IDEA, "architecture is 'lsmt'"),
        (HEAD + IDEA + "[tune]\nlearning_rat = { low = 1, high = 2 }\n", "did you mean 'learning_rate'"),
        (HEAD + IDEA + "[ideas]\nx = 1\n", "there is no 'ideas'"),
        ("idea = 5\n" + HEAD, "idea is 5; write [[idea]]"),
        (HEAD + IDEA.replace('"Adam"', "5"), "idea 1: the name is 5; it must be a text"),
        (HEAD + IDEA.replace("Adam", " Adam"), "idea 1: the name is ' Adam', with a blank"),
        (HEAD + IDEA.replace("Adam", "A" * 201), "it must not be longer than 200 bytes"),
        (HEAD + IDEA.replace("Adam", "a\\u0007b"), "holds a character that cannot be printed"),
        (HEAD + IDEA.replace('"the post"', "5"), "source is 5; it must be a text"),
        (HEAD + IDEA.replace("0.05", "true"), "guess is True"),
        (HEAD + IDEA + 'relabel = ["textblob"]\n', "there is no label source ['textblob']"),
        (HEAD + IDEA + "threshold = nan\n", "[idea] 1 threshold is nan; give a finite number"),
        (HEAD + IDEA + "[tune]\ndropout = 1979-05-27\n", "[tune] dropout is the date or time 1979-05-27"),
        (HEAD + IDEA + "[tune]\ndropout = { low = 0.1 }\n", "[tune] dropout is"),
        (HEAD.replace('"lstm"', "5") + IDEA, "[baseline] architecture is 5"),
        (HEAD.replace("pairs = 2", "pairs = 1000000") + IDEA, "[budget] pairs is 1000000; it must not be more"),
        (HEAD.replace("trials = 3", "seed = 4294967296") + IDEA, "[budget] seed is 4294967296; it must not be more"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_comparison(path)
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
