import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.report.board import render
from search.report.standing import standing
from search.statistics import corrected_difference
from search.storage.databases import open_storage
from search.storage.predictions import keep_predictions, kept_classes, kept_predictions
from search.study.choosing import correct_for_choosing
from search.study.create import (
    LINEAR,
    SearchStudy,
    create_or_resume,
    describe,
    make_objective,
    open_recorded,
)
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from search.study.records import (
    AGAINST_LINEAR,
    BASELINES,
    CORRECTED,
    CURVE,
    ENDED,
    ENSEMBLE,
    FAMILIES_AGAINST_LINEAR,
    METRIC,
    OTHERS,
    PREDICTIONS,
    keep_of_study,
    told,
    told_of_study,
)
from search.study.space import Space
from sentiment.errors import InputError
from sentiment.metrics import macro_f1
from sentiment.models.baselines import linear
from tests.search.conftest import Searched
from tests.support.tiny import SPACE, definition, source, write_reviews

Open = Callable[..., SearchStudy]


@pytest.fixture
def open_study(tmp_path: Path, reviews_csv: Path) -> Open:
    """Makes the tiny study, or goes on with it, in a new connection each time, as a new process would."""

    def open_(path: Path = reviews_csv, **changes: Any) -> SearchStudy:
        return create_or_resume(
            definition(path, **changes), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path / "artifacts"
        )

    return open_


class TestANewStudy:
    def test_is_seeded_with_the_known_good_settings_that_its_space_has(self, open_study: Open) -> None:
        study = open_study().study
        assert [trial.state for trial in study.trials] == [TrialState.WAITING] * 2
        assert [t.system_attrs["fixed_params"]["architecture"] for t in study.trials] == ["lstm", "textcnn"]
        assert study.metric_names == [METRIC]
        assert study.direction == optuna.study.StudyDirection.MAXIMIZE

    def test_that_was_killed_while_it_was_made_is_made_whole(self, open_study: Open, tmp_path: Path) -> None:
        storage = open_storage(f"sqlite:///{tmp_path}/study.db")
        half = optuna.create_study(storage=storage, study_name="tiny", direction="maximize")
        half.enqueue_trial(Space.of(SPACE).known_good()[0])
        opened = open_study()
        assert len(opened.study.trials) == 2
        optimize(opened, trials=1)
        assert open_recorded("tiny", storage, tmp_path).finished == 1

    def test_has_the_baselines_beside_it(self, open_study: Open) -> None:
        opened = open_study()
        measured = told_of_study(opened.study)[BASELINES]
        dataset, labels = opened.dataset, opened.dataset.labels("validation")
        fitted = linear(dataset.texts("train"), dataset.labels("train"), 2)
        guesses = fitted.probabilities(dataset.texts("validation")).argmax(axis=1)
        assert measured["TF-IDF + logistic regression"]["macro_f1"] == macro_f1(labels, guesses, 2)
        assert measured["majority"]["macro_f1"] < 0.4
        assert opened.predictions is not None
        assert np.array_equal(kept_predictions(opened.predictions, measured[LINEAR]["predictions"]), guesses)

    def test_says_what_is_about_to_run(self, open_study: Open) -> None:
        line = describe(open_study(), 7)
        assert line.startswith("Study tiny: 320 training, 40 validation and 40 sealed test rows (negative ")
        assert line.endswith("0 of 7 trials are there already.")


class TestAResumedStudy:
    def test_is_the_same_study_and_makes_only_the_trials_that_are_missing(self, open_study: Open) -> None:
        optimize(open_study(), trials=2)
        again = open_study()
        assert again.finished == 2
        optimize(again, trials=3)
        optimize(again, trials=3)
        assert [trial.number for trial in again.study.trials] == [0, 1, 2]

    def test_draws_other_parameters_than_before(self, open_study: Open) -> None:
        for trials in (3, 4, 5):
            optimize(open_study(), trials=trials)
        rates = [trial.params["learning_rate"] for trial in open_study().study.trials]
        assert len(set(rates[2:])) == 3

    def test_is_refused_with_other_data(self, open_study: Open, tmp_path: Path) -> None:
        open_study()
        other = write_reviews(tmp_path / "other.csv", seed=1)
        with pytest.raises(InputError, match=r"other data, labels or split \(fingerprint .*, now .*\); restore"):
            open_study(other)

    def test_goes_on_when_the_same_data_lie_elsewhere(
        self, open_study: Open, tmp_path: Path, reviews_csv: Path
    ) -> None:
        open_study()
        moved = Path(shutil.copy(reviews_csv, tmp_path / "moved.csv"))
        assert told_of_study(open_study(moved).study)["data"]["path"] == str(moved)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"data": {"classes": {"negative": ["5"], "positive": ["1"]}}}, "other data, labels or split"),
            ({"data": {"split_seed": 1}}, "other data, labels or split"),
            ({"data": {"fractions": (0.6, 0.2, 0.2)}}, "other data, labels or split"),
            ({"data": {"max_rows": 300}}, "other data, labels or split"),
            ({"space": SPACE | {"epochs": 2}}, r"was made with a \[space\] that says something else of epochs; give"),
            (
                {"space": SPACE | {"family": ["network", "linear"]}},
                "was made with --families network; give the same, or another name",
            ),
            ({"seed": 1}, "was made with seed 0, not 1"),
        ],
    )
    def test_is_refused_with_other_labels_split_space_or_seed(
        self, open_study: Open, tmp_path: Path, reviews_csv: Path, changes: dict[str, Any], message: str
    ) -> None:
        open_study()
        other = definition(reviews_csv, **{name: value for name, value in changes.items() if name != "data"})
        if "data" in changes:
            other = other.replace(data=source(reviews_csv, **changes["data"]))
        with pytest.raises(InputError, match=message) as refused:
            create_or_resume(other, open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path / "artifacts")
        assert "\n" not in str(refused.value)

    def test_that_somebody_else_made_is_refused(self, open_study: Open, tmp_path: Path) -> None:
        storage = open_storage(f"sqlite:///{tmp_path}/study.db")
        optuna.create_study(storage=storage, study_name="tiny", direction="maximize").add_trial(
            optuna.trial.create_trial(value=0.5)
        )
        with pytest.raises(InputError, match="was not made by `sentiment-search run`; choose another --name"):
            open_study()
        with pytest.raises(InputError, match="does not say what its data are"):
            open_recorded("tiny", storage, tmp_path)

    def test_that_did_not_keep_what_its_baselines_predict_measures_them_again(self, open_study: Open) -> None:
        opened = open_study()
        measured = told_of_study(opened.study)[BASELINES]
        older = {name: {"macro_f1": found["macro_f1"]} for name, found in measured.items()}
        keep_of_study(opened.study, BASELINES, older)
        assert told_of_study(open_study().study)[BASELINES] == measured


class TestAStudyOpenedFromItsOwnRecord:
    def test_has_the_data_the_space_and_the_seed_it_was_made_with(self, searched: Searched) -> None:
        opened = open_recorded("tiny", open_storage(searched.url), searched.artifacts)
        assert opened.dataset.fingerprint == searched.opened.dataset.fingerprint
        assert opened.space == searched.opened.space
        assert opened.space.fixed["embedding_size"] == SPACE["embedding_size"]
        assert (opened.seed, opened.artifacts) == (searched.opened.seed, searched.opened.artifacts)

    def test_is_refused_when_its_data_have_changed_or_gone(self, open_study: Open, tmp_path: Path) -> None:
        data = write_reviews(tmp_path / "data.csv")
        open_study(data)
        storage = open_storage(f"sqlite:///{tmp_path}/study.db")
        write_reviews(data, seed=1)
        with pytest.raises(InputError, match="other data, labels or split"):
            open_recorded("tiny", storage, tmp_path)
        data.unlink()
        with pytest.raises(InputError, match=r"data[.]csv: there is no such file"):
            open_recorded("tiny", storage, tmp_path)


class TestATrialThatFails:
    def failing(self, opened: SearchStudy, error: BaseException, times: int) -> Callable[[optuna.Trial], float]:
        objective = make_objective(opened)
        left = [times]

        def fail(trial: optuna.Trial) -> float:
            objective.space.sample(trial)
            left[0] -= 1
            if left[0] >= 0:
                raise error
            return objective(trial)

        return fail

    def test_is_recorded_with_the_reason_and_the_search_goes_on(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=2, objective=self.failing(opened, MemoryError("48 GiB wanted"), 1))  # type: ignore[arg-type]
        failed, *finished = opened.study.trials
        assert failed.state == TrialState.FAIL
        assert failed.user_attrs[ENDED] == "MemoryError: 48 GiB wanted"
        assert opened.finished == 2 == len(finished)

    def test_three_times_in_a_row_ends_the_search_with_the_reason(self, open_study: Open) -> None:
        opened = open_study()
        with pytest.raises(RuntimeError, match="3 trials in a row failed; the last one: RuntimeError: no such device"):
            optimize(opened, trials=9, objective=self.failing(opened, RuntimeError("no such device"), 9))  # type: ignore[arg-type]
        assert [t.state for t in opened.study.trials if t.state.is_finished()] == [TrialState.FAIL] * 3

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
    def test_because_it_was_interrupted_is_begun_again_with_the_same_parameters_and_seed(
        self, open_study: Open, error: BaseException
    ) -> None:
        opened = open_study()
        with pytest.raises(type(error)):
            optimize(opened, trials=1, objective=self.failing(opened, error, 1))  # type: ignore[arg-type]
        assert opened.study.trials[0].state == TrialState.FAIL
        optimize(open_study(), trials=3)
        trials = opened.study.trials
        again = next(trial for trial in trials if trial.system_attrs.get("failed_trial") == 0)
        assert again.state == TrialState.COMPLETE
        assert again.params.items() >= trials[0].params.items()
        uninterrupted = int(np.random.SeedSequence([opened.seed, 0]).generate_state(1)[0])
        assert told(again, "config")["seed"] == uninterrupted


class TestTheTimeout:
    def test_begins_no_trial_once_it_is_over(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=10_000, timeout=2)
        assert 1 <= opened.finished < 1_000


class TestTheBestScore:
    def test_is_corrected_for_having_been_chosen(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=4, objective=make_objective(opened, end_early=False))
        correct_for_choosing(opened)
        corrected = told_of_study(opened.study)[CORRECTED]
        assert corrected["best"] == pytest.approx(opened.study.best_value)
        assert corrected["trials"] == 4
        assert corrected["low"] < corrected["corrected"] < corrected["high"]
        worth = f"these weights are worth {corrected['corrected']:.4f} on new rows (95 % interval "
        assert f"corrected for the choice among 4, {worth}" in render(leaderboard(opened.study))

    def test_is_set_against_the_linear_baseline_on_the_same_rows(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=1, objective=make_objective(opened, end_early=False))
        correct_for_choosing(opened)
        gain = told_of_study(opened.study)[AGAINST_LINEAR]
        linear_score = told_of_study(opened.study)[BASELINES][LINEAR]["macro_f1"]
        assert gain["trial"] == opened.study.best_trial.number
        assert gain["difference"] == pytest.approx(opened.study.best_value - linear_score)
        assert gain["low"] <= gain["corrected"] <= gain["high"]
        board = leaderboard(opened.study)
        assert board.against_linear == gain
        assert f"the difference is {100 * gain['corrected']:+.1f} (95 % interval " in standing(board)
        assert CORRECTED not in told_of_study(opened.study)  # one trial was not chosen

    def test_keeps_what_the_other_checkpoints_said_the_best_of_them_first(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=1, objective=make_objective(opened, end_early=False))
        assert opened.predictions is not None
        trial, labels = opened.study.trials[0], opened.dataset.labels("validation")
        others = kept_predictions(opened.predictions, told(trial, PREDICTIONS)[OTHERS])
        assert others.shape == (len(told(trial, CURVE)) - 1, len(labels), 2) and others.dtype == np.float32
        scores = [macro_f1(labels, one.argmax(axis=1), 2) for one in others]
        curve = sorted(report["macro_f1"] for report in told(trial, CURVE))
        assert scores == curve[-2::-1]

    def test_is_chosen_again_with_its_checkpoint(self, open_study: Open) -> None:
        """A network's checkpoints are as good as one another: which is best on the validation rows is chance."""
        opened = open_study()
        assert opened.predictions is not None
        labels, rng = opened.dataset.labels("validation"), np.random.default_rng(0)
        said = {}
        for name, checkpoints, right in (("linear", 1, 0.7), ("network", 8, 0.8), ("bag", 3, 0.75)):
            classes = np.where(rng.random((checkpoints, len(labels))) < right, labels, 1 - labels)
            said[name] = classes[np.argsort([-macro_f1(labels, one, 2) for one in classes])]
            probabilities = np.eye(2, dtype=np.float32)[said[name]]
            record: dict[str, Any] = dict(keep_predictions(opened.predictions / f"{name}.npy", probabilities[0]))
            if checkpoints > 1:
                record[OTHERS] = keep_predictions(opened.predictions / f"{name}-others.npy", probabilities[1:])
            attributes = {PREDICTIONS: record, "config": {"family": name}}
            value = macro_f1(labels, said[name][0], 2)
            opened.study.add_trial(optuna.create_trial(value=value, user_attrs=attributes))
        numbers = {told(trial, "config")["family"]: trial.number for trial in opened.study.trials[-3:]}
        correct_for_choosing(opened)
        attributes = told_of_study(opened.study)
        reference = kept_classes(opened.predictions, attributes[BASELINES][LINEAR][PREDICTIONS])
        expected = corrected_difference(labels, np.concatenate(list(said.values())), reference, 2)
        assert attributes[AGAINST_LINEAR] == {"trial": numbers["network"], **asdict(expected)}
        for name, classes in said.items():
            of_family = corrected_difference(labels, classes, reference, 2)
            assert attributes[FAMILIES_AGAINST_LINEAR][name] == {"trial": numbers[name], **asdict(of_family)}
        alone = corrected_difference(labels, said["network"][:1], reference, 2)
        among = attributes[FAMILIES_AGAINST_LINEAR]["network"]
        assert among["difference"] == alone.difference and among["corrected"] < alone.corrected - 0.005
        ensemble = attributes[ENSEMBLE]
        assert set(ensemble["weights"]) <= {str(number) for number in numbers.values()}

        # Without the others the mean has the same weights, and as much too much of what luck has given it.
        for name in ("network", "bag"):
            (opened.predictions / f"{name}-others.npy").unlink()
        with pytest.warns(UserWarning, match="checkpoint is not corrected: .* is missing or damaged"):
            correct_for_choosing(opened)
        lucky = told_of_study(opened.study)[ENSEMBLE]
        assert lucky["weights"] == ensemble["weights"] and lucky["corrected"] > ensemble["corrected"] + 0.005
        assert told_of_study(opened.study)[AGAINST_LINEAR]["corrected"] > attributes[AGAINST_LINEAR]["corrected"]

    def test_keeps_other_checkpoints_of_the_trials_ahead_alone(
        self, open_study: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("search.study.choosing.AHEAD", 1)
        monkeypatch.setattr("search.study.choosing.AHEAD_IN_FAMILY", 1)
        opened = open_study()
        optimize(opened, trials=3, objective=make_objective(opened, end_early=False))
        assert opened.predictions is not None
        assert len(list(opened.predictions.glob("checkpoints-*.npy"))) == 3
        for _ in range(2):  # what has been removed is not missed
            correct_for_choosing(opened)
            (left,) = opened.predictions.glob("checkpoints-*.npy")
            assert left.name == f"checkpoints-{opened.study.best_trial.number:05d}.npy"

    def test_without_its_predictions_stands_uncorrected_with_a_word_why(self, open_study: Open) -> None:
        opened = open_study()
        optimize(opened, trials=2)
        assert opened.predictions is not None
        next(opened.predictions.glob("trial-*.npy")).write_bytes(b"")
        with pytest.warns(UserWarning, match="is not corrected for choosing: .* is missing or damaged"):
            correct_for_choosing(opened)
        assert CORRECTED not in told_of_study(opened.study)
