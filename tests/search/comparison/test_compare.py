"""A comparison from end to end, with real training on reviews of which the truth is known."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search.comparison.compare import compare, openings
from search.comparison.ideas import BASELINE, LINEAR, PAIRS, read_comparison
from search.comparison.price import plan
from search.comparison.results import results
from search.comparison.setting import Setting, arm_and_pair
from search.comparison.tuning import random_scores, tune, winner_of
from search.report.text import markdown, render
from search.report.values import rows, to_dict
from search.storage.attributes import OURS
from search.storage.predictions import keep_predictions
from search.study.claims import begin_again, claim
from search.study.records import COMMAND, CONFIG, PREDICTIONS, told
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.network.config import NetworkConfig
from tests.support.compared import HARM, RECIPE, SAME, compared, sealed_scores, setting_in, write_comparison


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_comparison(tmp_path)
    return tmp_path


def test_an_idea_that_is_none_and_one_that_harms_are_told_apart(folder: Path) -> None:
    same, harm = (found := compared(folder)).ideas
    # The same training under another name: equal in every pair, and said to be.
    assert same.difference.pairs.tolist() == [0, 0, 0]
    assert same.decision.verdict == "no difference"
    assert (harm.decision.verdict, harm.guess_held) == ("worse", "too high")
    assert harm.difference.mean == pytest.approx(harm.score.macro_f1 - found.baseline.macro_f1)
    assert harm.step is not None
    # The other limit changes nothing, so against it the harm is the same as against the baseline.
    assert harm.step.difference.mean == harm.difference.mean
    assert json.loads(json.dumps(to_dict(found)))["ideas"][1]["decision"]["verdict"] == "worse"
    assert "Leave out: no learning" in render(found)
    assert "| no learning | +10.0 |" in markdown(found)
    assert [row["idea"] for row in rows(found)] == ["another limit", "no learning"]
    # The linear model was fitted on the rows of the same pairs, and is compared like an idea.
    linear = found.linear
    scores = [sealed_scores(setting_in(folder), arm) for arm in (LINEAR, BASELINE)]
    assert linear.decision.difference.pairs.tolist() == pytest.approx(np.subtract(*scores).tolist())
    assert linear.decision.difference.low < linear.decision.difference.mean < linear.decision.difference.high
    assert (linear.macro_f1, linear.pairs, found.baseline.pairs) == (pytest.approx(np.mean(scores[0])), 3, 3)
    assert f"| {LINEAR} |" in markdown(found)


def test_an_idea_that_diverges_every_time_says_so_and_leaves_the_others_their_results(folder: Path) -> None:
    wild = "optimizer = 'sgd', learning_rate = 50.0, clip_norm = 0.0, momentum = 0.9, weight_decay = 5.0"
    dropout = RECIPE.replace("learning_rate = { low = 0.01, high = 0.05, log = true }", "dropout = [0.1, 0.2]")
    (folder / "ideas.toml").write_text(f'{dropout}{SAME}[[idea]]\nname = "wild"\nchange = {{ {wild} }}\n')
    # The price of an arm that ends before its first twelve batches is known all the same.
    assert plan(setting_in(folder)).seconds > 0
    same, wild_idea = (found := compared(folder)).ideas
    assert same.difference.pairs.tolist() == [0, 0, 0]
    assert same.decision.verdict == "no difference"
    assert (same.score.diverged, found.baseline.diverged) == (0, 0)
    assert (wild_idea.score.diverged, wild_idea.score.trainings) == (5, 5)
    # It answers nothing: what it is worth is known without training it.
    labels = setting_in(folder).dataset.labels("test")
    assert wild_idea.score.macro_f1 == macro_f1(labels, np.zeros(len(labels), int), 2)
    assert wild_idea.score.calibration_error == pytest.approx(abs(np.mean(labels == 0) - 0.5))
    for interval in (wild_idea.difference, wild_idea.calibration, *wild_idea.per_class.values()):
        assert interval.low <= interval.mean <= interval.high
    told = render(found)
    assert "wild (diverged)" in told
    assert "Trainings that diverged, their loss or weights beyond all bounds: wild 5 of 5." in told
    json.dumps(to_dict(found), allow_nan=False)
    assert [row["diverged"] for row in rows(found)] == [0, 5]
    for name in (BASELINE, "wild", "pairs"):
        for trial in setting_in(folder).trials(name):
            known = [trial.user_attrs, trial.system_attrs]
            json.dumps([trial.value, *known, trial.intermediate_values], allow_nan=False)


def test_the_same_network_with_other_random_numbers_is_not_said_to_differ(folder: Path) -> None:
    # A network whose kernels are named in another order is the same one, but draws its weights in another order.
    recipe = RECIPE.replace("kernel_sizes = [2]", "kernel_sizes = [1, 2]").replace("pairs = 3", "pairs = 6")
    recipe = recipe.replace("low = 0.01, high = 0.05", "low = 0.008, high = 0.012")  # too slow to be always right
    other = '[[idea]]\nname = "another order"\nchange = { kernel_sizes = [2, 1] }\n'
    (folder / "ideas.toml").write_text(recipe + other)
    (idea,) = compared(folder).ideas
    assert len(set(idea.difference.pairs.tolist()) - {0.0}) > 2  # it really was trained anew
    assert idea.decision.verdict in ("no difference", "undecided")
    assert idea.difference.low < 0 < idea.difference.high


def test_asked_again_it_trains_nothing_and_does_not_open_the_sealed_test(folder: Path) -> None:
    first = compared(folder)
    assert plan(setting_in(folder)).trainings == 0
    second = compared(folder)
    assert to_dict(first) == to_dict(second)
    assert second.openings == 1


def test_two_workers_find_what_one_finds(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    one = compared(folder)
    command = [sys.executable, "-m", "search", "compare", "ideas.toml", "--workers", "2", "--json"]
    options = ["--storage", "sqlite:///two.db", "--artifacts", "two"]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for mine, theirs in zip(one.ideas, found["ideas"], strict=True):
        assert mine.difference.pairs.tolist() == theirs["decision"]["difference"]["pairs"]
    recorded = replace(setting_in(folder), storage=f"sqlite:///{folder}/two.db").recorded()
    assert recorded[COMMAND] == f"sentiment-search {' '.join([*command[3:], *options])}"


def test_killed_in_the_middle_it_goes_on(folder: Path) -> None:
    command = [sys.executable, "-m", "search", "compare", "ideas.toml", "--storage", "sqlite:///killed.db"]
    process = subprocess.Popen([*command, "--artifacts", "killed"], cwd=folder, stderr=subprocess.DEVNULL)
    pairs = folder / "killed" / "ideas" / "pairs"
    deadline = time.time() + 120
    while not (pairs.is_dir() and len(list(pairs.glob("*.npy"))) >= 3) and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(
        [*command, "--artifacts", "killed", "--json"], cwd=folder, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert [idea["decision"]["verdict"] for idea in found["ideas"]] == ["no difference", "worse"]
    assert 1 <= found["openings"] <= 2


def test_a_tuning_that_is_interrupted_draws_what_it_would_have_drawn(folder: Path) -> None:
    comparison = replace(read_comparison(folder / "ideas.toml"), trials=4)

    def tuned(name: str, *stops: int) -> list[dict[str, object]]:
        for trials in stops:
            setting = Setting(replace(comparison, trials=trials), f"sqlite:///{folder}/{name}.db", folder / name)
            tune(setting, 0, 0)
        return [trial.params for trial in setting.trials(BASELINE, TrialState.COMPLETE)]

    assert tuned("interrupted", 1, 3, 4) == tuned("whole", 4)


def test_a_winner_with_pairs_stays_the_winner(folder: Path) -> None:
    compare(setting_in(folder))
    arm = setting_in(folder).comparison.arms[0]
    winner, score = winner_of(setting_in(folder), arm, 0)
    study = setting_in(folder).study(BASELINE)
    other = next(trial for trial in study.trials if NetworkConfig.from_dict(told(trial, CONFIG)) != winner)
    known = {"user_attrs": other.user_attrs, "system_attrs": other.system_attrs}
    study.add_trial(create_trial(value=1.0, **known))  # made late, and better
    assert winner_of(setting_in(folder), arm, 0) == (winner, score)


def test_of_equals_the_first_wins_though_it_was_begun_again(folder: Path) -> None:
    setting, attributes = setting_in(folder), [{CONFIG: NetworkConfig(epochs=epochs).to_dict()} for epochs in (1, 2)]
    study, storage = setting.study(BASELINE), setting.study(BASELINE)._storage
    lost = claim(study, 9)
    assert lost
    study.add_trial(create_trial(value=0.5, user_attrs=attributes[1]))
    begin_again(study, lost.number, "interrupted")
    again = claim(study, 9)
    assert again
    storage.set_trial_user_attr(again._trial_id, CONFIG, attributes[0][CONFIG])
    study.tell(again, 0.5)
    assert winner_of(setting, setting.comparison.arms[0], 0)[0].epochs == 1


def test_of_a_pair_that_two_commands_recorded_the_first_counts_and_both_files_are_there(folder: Path) -> None:
    setting = setting_in(folder)
    compare(setting)
    pairs = setting.study(PAIRS)
    first = pairs.trials[0]
    kept = setting.folder / PAIRS / told(first, PREDICTIONS)["file"]
    again = keep_predictions(
        kept.with_name("arm-00-pair-000.npy"), np.zeros_like(np.load(kept)), by_content=True
    )  # with other threads, or on another machine
    kept_again = first.system_attrs | {OURS + PREDICTIONS: again}
    known_as = {"params": first.params, "distributions": first.distributions, "system_attrs": kept_again}
    pairs.add_trial(create_trial(value=0.1, user_attrs=first.user_attrs, **known_as))
    assert setting.finished_pairs()[arm_and_pair(first)].value == first.value
    compare(setting)


def test_pairs_of_a_winner_that_is_not_there_are_refused(folder: Path) -> None:
    compare(setting_in(folder))
    setting = setting_in(folder)
    storage = setting.study(BASELINE)._storage
    optuna.delete_study(study_name=setting.name(BASELINE), storage=storage)
    study = setting.study(BASELINE)
    other = told(setting.finished_pairs()[BASELINE, 0], CONFIG) | {"epochs": 9}
    study.add_trial(create_trial(value=1.0, user_attrs={CONFIG: other}))
    with pytest.raises(InputError, match="the database was changed"):
        winner_of(setting_in(folder), setting_in(folder).comparison.arms[0], 0)


def test_begun_with_other_ideas_or_data_it_is_refused(folder: Path) -> None:
    compare(setting_in(folder))
    (folder / "ideas.toml").write_text(RECIPE + SAME)
    with pytest.raises(ValueError, match="other ideas"):
        compare(setting_in(folder))
    (folder / "ideas.toml").write_text(RECIPE.replace("trials = 2", "trials = 3") + SAME + HARM)
    with pytest.raises(ValueError, match="another number of trials"):
        compare(setting_in(folder))
    (folder / "ideas.toml").write_text(RECIPE + SAME + HARM)
    with open(folder / "reviews.csv", "a") as file:
        file.write("\none more,positive")
    with pytest.raises(ValueError, match="other data"):
        compare(setting_in(folder))


class TestATuningCurve:
    def test_is_of_random_trials_that_are_drawn_once_and_no_arm(self, folder: Path) -> None:
        text = (folder / "ideas.toml").read_text()
        space = "search = { epochs = 1, token_unit = 'word', architecture = 'textcnn', precision = 'float32' }"
        (folder / "ideas.toml").write_text(f"{text}[curve]\ntrials = 3\n{space}\n")
        setting = setting_in(folder)
        assert plan(setting).trainings == 3 + 3 * (2 + 3)
        compare(setting)
        drawn = random_scores(setting)
        assert len(drawn) == 3
        # More of them later are more of the same sequence.
        (folder / "ideas.toml").write_text(f"{text}[curve]\ntrials = 4\n{space}\n")
        more = setting_in(folder)
        assert plan(more).trainings == 1
        found = results(
            more.comparison,
            more.dataset,
            compare(more),
            openings=len(openings(more)),
            random_scores=random_scores(more),
        )
        assert random_scores(more)[:3] == drawn
        assert found.curve is not None
        assert found.curve.median[-1] == max(random_scores(more))
        assert found.openings == 1
        assert "Random search of the whole space" in render(found)

    def test_of_another_space_is_refused(self, folder: Path) -> None:
        text = (folder / "ideas.toml").read_text()
        (folder / "ideas.toml").write_text(
            text + "[curve]\ntrials = 2\nsearch = { epochs = 1, architecture = 'textcnn' }\n"
        )
        compare(setting_in(folder))
        (folder / "ideas.toml").write_text(text + "[curve]\ntrials = 2\n")
        with pytest.raises(ValueError, match=r"another \[curve\] search"):
            compare(setting_in(folder))
