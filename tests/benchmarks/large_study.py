"""A study of ten thousand finished trials: how long until `run` goes on with it, `report` answers, the dashboard opens.

    python -m tests.benchmarks.large_study --trials 10000 --repeats 3
    python -m tests.benchmarks.large_study --trials 10000 --storage postgresql
    python -m tests.benchmarks.large_study --trials 10000 --profile profile.txt

The study is what `run` would have made of two thousand made-up reviews with the default space: its queue, baselines and
user attributes come of the program itself. Its trials are drawn at random and written all at once, each with its
parameters, curve, config, environment, heartbeat and, if it was not pruned, a file of predictions. Then real processes
are timed from their start, medians over the repeats:

    run     until its new trial is on record; until that trial has drawn its parameters, and training begins; and from
            the end of that trial to the end of the command, which scores what was chosen and writes the pages
    report  until it ends
    dashboard  until it listens, until it names the studies, until it has sent the whole study, and one more poll; and
            the bytes of that: all, of a trial, of the study's figures

With `--profile`, one more `run` and one more `report` write there where their time goes (cProfile).
"""

import argparse
import json
import os
import pstats
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import psutil
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import TrialState

from search.storage.attributes import OURS
from search.storage.databases import driven, open_storage
from search.storage.predictions import keep_predictions
from search.study.claims import WORKER, claim
from search.study.create import SearchStudy, create_or_resume
from search.study.definition import StudyDefinition
from search.study.objective import environment, predictions_file
from search.study.records import (
    CONFIG,
    CURVE,
    ENVIRONMENT,
    EPOCHS,
    IS_LINEAR_BASELINE,
    LATENCY,
    PREDICTIONS,
    SECONDS,
    attributes,
)
from sentiment.errors import InputError
from tests.support.servers import PostgreSQL
from tests.support.tiny import source, write_reviews

NAME: Final = "large"
PRUNED: Final = 0.6
"""Share of the trials."""
AT_ONCE: Final = 500
"""Trials written in one transaction."""
RECALL: Final = 0.02
"""Seconds between two looks into the database."""

STUDY_FILE: Final = """
name = "{name}"
[data]
path = "{reviews}"
text = "text"
label = "stars"
classes = {{ negative = [1], positive = [5] }}
[search]
trials = {trials}
threads = 1
"""

# The program, with where its time goes until its first trial is claimed, and from the end of that trial on.
PROFILED: Final = """
import atexit, cProfile, sys
before, after = cProfile.Profile(), cProfile.Profile()
out = sys.argv.pop(1)
before.enable()
from search.cli.commands import main
from search.storage.attributes import OURS
from search.study.records import attributes
from search.study.records import told
if sys.argv[1] == "run":
    from search.study import optimization
    claim, told = optimization.claim, optimization._told
    def claimed(*arguments, **named):
        trial = claim(*arguments, **named)
        before.disable()
        return trial
    def tell(*arguments):
        ended = told(*arguments)
        after.enable()
        return ended
    optimization.claim, optimization._told = claimed, tell
    atexit.register(lambda: after.dump_stats(out + ".after"))
def dump():
    before.disable()
    before.dump_stats(out + ".before")
atexit.register(dump)
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Place:
    """Where the study lies."""

    folder: Path
    storage: str

    def start(self, *command: str, program: tuple[str, ...] = ("-m", "search")) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *program, *command],
            cwd=self.folder,
            env=os.environ
            | {
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "OMP_NUM_THREADS": "1",
                "OPTUNA_STORAGE": self.storage,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, trials: int) -> tuple[str, ...]:
        return ("run", "study.toml", "--artifacts", "artifacts", "--trials", str(trials))


def make(place: Place, rows: int, trials: int, seed: int) -> SearchStudy:
    """The study with so many finished trials."""
    reviews = write_reviews(place.folder / "reviews.csv", rows)
    (place.folder / "study.toml").write_text(STUDY_FILE.format(name=NAME, reviews=reviews, trials=trials), "utf-8")
    definition = StudyDefinition(name=NAME, data=source(reviews), space={}, trials=trials, threads=1)
    opened = create_or_resume(definition, open_storage(place.storage), place.folder / "artifacts")
    rng = np.random.default_rng(seed)
    while opened.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):  # the known-good settings
        trial = claim(opened.study, trials)
        assert trial is not None
        made = _trial(opened, trial, trial.number, rng, pruned=False)
        for name, value in made["user_attrs"].items():
            trial.set_user_attr(name, value)
        for name, value in made["system_attrs"].items():
            trial.storage.set_trial_system_attr(trial._trial_id, name, value)
        for step, value in made["intermediate_values"].items():
            trial.report(value, step)
        opened.study.tell(trial, made["value"])
    drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    there = len(opened.study.get_trials(deepcopy=False))
    for first in range(there, trials, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, trials))
        _write(opened, [_drawn(opened, drawn, number, rng) for number in numbers])
    return opened


def _drawn(opened: SearchStudy, drawn: optuna.Study, number: int, rng: np.random.Generator) -> dict[str, Any]:
    while True:
        trial = drawn.ask()
        try:
            return _trial(opened, trial, number, rng, pruned=bool(rng.random() < PRUNED))
        except InputError:  # values that do not go together
            continue
        finally:
            drawn.tell(trial, state=TrialState.FAIL)


def _trial(
    opened: SearchStudy, trial: optuna.Trial, number: int, rng: np.random.Generator, *, pruned: bool
) -> dict[str, Any]:
    """All that a finished trial is; files of predictions are written."""
    config = opened.space.sample(trial, seed=int(rng.integers(2**31)))
    per_epoch = opened.space.reports_per_epoch[config.family]
    epochs = getattr(config, "epochs", 1)
    steps = max(1, int(epochs * per_epoch * (rng.uniform(0.1, 0.6) if pruned else 1.0)))
    final, speed, seconds = rng.beta(8, 3), rng.uniform(0.3, 1.5), rng.uniform(1, 30)
    curve = [
        {
            "step": step,
            "epoch": step / per_epoch,
            "train_loss": float(np.exp(-speed * step)),
            "validation_loss": float(1 - final + np.exp(-speed * step)),
            "macro_f1": float(final * (1 - np.exp(-speed * step)) * rng.uniform(0.98, 1)),
            "seconds": float(seconds * step),
        }
        for step in range(1, steps + 1)
    ]
    best = np.maximum.accumulate([row["macro_f1"] for row in curve]).tolist()
    me = {"host": "elsewhere", "pid": 4711, "started": 12345678, "boot": "0b1e6c9e-0000-4000-8000-000000000000 pid"}
    facts: dict[str, Any] = {
        CONFIG: config.to_dict(),
        ENVIRONMENT: environment(config, opened.cache),
        CURVE: curve,
        EPOCHS: round(curve[-1]["epoch"], 4),
        SECONDS: round(curve[-1]["seconds"], 3),
    }
    if not pruned:
        assert opened.predictions is not None
        probabilities = rng.dirichlet([1.0] * len(opened.dataset.classes), len(opened.dataset.split.validation))
        path = predictions_file(opened.predictions, number)
        facts[PREDICTIONS] = keep_predictions(path, probabilities.astype(np.float32))
        facts[LATENCY] = round(float(rng.uniform(0.2, 3)), 3)
        if number == 0 and config.family == "linear":
            facts[IS_LINEAR_BASELINE] = True
    known = attributes(facts)
    return {
        "number": number,
        "state": TrialState.PRUNED if pruned else TrialState.COMPLETE,
        "value": best[-1],
        "params": trial.params,
        "distributions": trial.distributions,
        "user_attrs": known["user_attrs"],
        "system_attrs": known["system_attrs"] | {OURS + WORKER: me, f"claimed by {me['pid']} {me['host']}": me},
        "intermediate_values": dict(enumerate(best, start=1)),
    }


def _write(opened: SearchStudy, made: list[dict[str, Any]]) -> None:
    """As Optuna would, in one transaction."""
    engine, study_id = _engine(opened), opened.study._study_id
    now = datetime.now(UTC).replace(tzinfo=None)
    with engine.begin() as connection:
        first = connection.execute(sqlalchemy.select(sqlalchemy.func.max(models.TrialModel.trial_id))).scalar() or 0
        rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for index, trial in enumerate(made, start=1):
            began = now - timedelta(seconds=trial["user_attrs"][SECONDS])
            own = {"trial_id": first + index}
            rows[models.TrialModel].append(
                own
                | {"number": trial["number"], "study_id": study_id, "state": trial["state"]}
                | {"datetime_start": began, "datetime_complete": now}
            )
            finite = models.TrialValueModel.TrialValueType.FINITE
            rows[models.TrialValueModel].append(
                own | {"objective": 0, "value": trial["value"], "value_type": finite},
            )
            for name, value in trial["params"].items():
                distribution = trial["distributions"][name]
                stored = {"param_name": name, "param_value": distribution.to_internal_repr(value)}
                rows[models.TrialParamModel].append(
                    own | stored | {"distribution_json": distribution_to_json(distribution)}
                )
            for model, kind in (
                (models.TrialUserAttributeModel, "user_attrs"),
                (models.TrialSystemAttributeModel, "system_attrs"),
            ):
                rows[model] += [own | {"key": k, "value_json": json.dumps(v)} for k, v in trial[kind].items()]
            finite = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
            rows[models.TrialIntermediateValueModel] += [
                own | {"step": step, "intermediate_value": value, "intermediate_value_type": finite}
                for step, value in trial["intermediate_values"].items()
            ]
            rows[models.TrialHeartbeatModel].append(own | {"heartbeat": now})
        for model, of_model in rows.items():
            connection.execute(sqlalchemy.insert(model.__table__), of_model)
        if engine.dialect.name == "postgresql":  # which counts by itself, and was not asked
            connection.exec_driver_sql("SELECT setval('trials_trial_id_seq', (SELECT max(trial_id) FROM trials))")


def _engine(opened: SearchStudy) -> sqlalchemy.Engine:
    storage: Any = opened.study._storage
    engine: sqlalchemy.Engine = getattr(storage, "_backend", storage).engine
    return engine


@dataclass
class Watch:
    """Looks into the database of a study beside the program."""

    engine: sqlalchemy.Engine
    study_id: int

    def state(self, number: int) -> str | None:
        query = "SELECT state FROM trials WHERE study_id = :study AND number = :number"
        return self._asked(query, number)

    def has_config(self, number: int) -> bool:
        query = (
            "SELECT count(*) FROM trial_system_attributes AS a JOIN trials AS t ON a.trial_id = t.trial_id "
            f"WHERE t.study_id = :study AND t.number = :number AND a.key = '{OURS}{CONFIG}'"
        )
        return bool(self._asked(query, number))

    def _asked(self, query: str, number: int) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sqlalchemy.text(query), {"study": self.study_id, "number": number}).scalar()


def time_run(place: Place, watch: Watch, number: int) -> dict[str, float]:
    """Seconds of a `run` that makes one trial, the one of this number."""
    began = time.perf_counter()
    process = place.start(*place.run(number + 1))
    assert process.stderr is not None
    said: list[str] = []
    reading = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    reading.start()
    found: dict[str, float] = {}
    moments = {
        "run: the new trial is on record": lambda: watch.state(number) is not None,
        "run: training begins": lambda: watch.has_config(number),
        "run: the new trial is finished": lambda: watch.state(number) in ("COMPLETE", "PRUNED"),
    }
    for name, reached in moments.items():
        while not reached():
            if process.poll() is not None and not reached():
                raise RuntimeError(f"run ended with {process.returncode}: {''.join(said)}")
            time.sleep(RECALL)
        found[name] = time.perf_counter() - began
        found[f"{name}: of it processor"] = _processor(process)
    process.wait()
    reading.join()
    if process.returncode != 0:
        raise RuntimeError(f"run ended with {process.returncode}: {''.join(said)}")
    found["run: from the end of that trial to the end"] = time.perf_counter() - began - found.pop(name)
    del found[f"{name}: of it processor"]
    return found


def _processor(process: "subprocess.Popen[str]") -> float:
    """Seconds that it has used so far: on a busy machine they say more than the clock."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def time_report(place: Place) -> dict[str, float]:
    began = time.perf_counter()
    process = place.start("report", NAME, "--artifacts", "artifacts")
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(said)
    return {"report": time.perf_counter() - began, "report: of it processor": used.ru_utime + used.ru_stime}


def time_dashboard(place: Place) -> dict[str, float]:
    """Of its API, as the page of a study asks it."""
    began = time.perf_counter()
    process = place.start("dashboard", "--port", "0", "--artifacts", "artifacts")
    try:
        assert process.stderr is not None
        address = process.stderr.readline().split()[0].rstrip("/")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # each request is a line
        found = {"dashboard: listens": time.perf_counter() - began}
        (summary,) = json.loads(_got(f"{address}/api/studies"))["study_summaries"]
        found["dashboard: names the studies"] = time.perf_counter() - began
        whole = _got(f"{address}/api/studies/{summary['study_id']}")
        found["dashboard: the study is sent"] = time.perf_counter() - began
        found["dashboard: of it processor"] = _processor(process)
        found["dashboard: MB sent"] = len(whole) / 1e6
        sent = json.loads(whole)
        found["dashboard: bytes a trial"] = len(json.dumps(sent["trials"])) / len(sent["trials"])
        found["dashboard: bytes of the study's figures"] = sum(
            len(one["graph_object"]) for one in sent["plotly_graph_objects"]
        )
        asked = time.perf_counter()
        _got(f"{address}/api/studies/{summary['study_id']}?after={len(sent['trials'])}")
        found["dashboard: one more poll"] = time.perf_counter() - asked
        return found
    finally:
        process.kill()
        process.wait()


def _got(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=600) as answer:
        content: bytes = answer.read()
    return content


def profile(place: Place, number: int, out: Path) -> None:
    """Where the time goes, by function."""
    text = StringIO()
    with tempfile.TemporaryDirectory() as folder:
        for name, command in (("run", place.run(number + 1)), ("report", ("report", NAME, "--artifacts", "artifacts"))):
            stats = Path(folder, name)
            process = place.start(str(stats), *command, program=("-c", PROFILED))
            _, said = process.communicate()
            if process.returncode != 0:
                raise RuntimeError(said)
            for part, what in (("before", "until its first trial is claimed"), ("after", "after that trial")):
                if not stats.with_suffix(f".{part}").exists():
                    continue
                print(f"\n======== {name}, {what if name == 'run' else 'whole'}\n", file=text)
                found = pstats.Stats(str(stats.with_suffix(f".{part}")), stream=text)
                for order in ("cumulative", "tottime"):
                    found.sort_stats(order).print_stats(60)
    out.write_text(text.getvalue(), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10000)
    parser.add_argument("--rows", type=int, default=2000, help="reviews; a tenth are validation rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storage", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="also write where the time goes")
    parser.add_argument("--folder", type=Path, help="where the study is made, and left; default: a temporary one")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{folder}/study.db"
        if args.storage == "postgresql":
            server = stack.enter_context(PostgreSQL())
            url = server.new_database("large")
        place = Place(folder, url)
        began = time.perf_counter()
        opened = make(place, args.rows, args.trials, args.seed)
        print(
            f"{args.trials:,} trials on {args.storage}, {len(opened.dataset.split.validation)} validation rows, seed "
            f"{args.seed}; made in {time.perf_counter() - began:.0f} s; medians of {args.repeats}"
        )
        watch = Watch(sqlalchemy.create_engine(driven(url)), opened.study._study_id)
        taken: dict[str, list[float]] = defaultdict(list)
        number = len(opened.study.get_trials(deepcopy=False))
        for _ in range(args.repeats):
            for found in (time_run(place, watch, number), time_report(place), time_dashboard(place)):
                for name, seconds in found.items():
                    taken[name].append(seconds)
            number += 1
        for name, values in taken.items():
            spread = ", ".join(f"{value:.2f}" for value in values)
            print(f"{name:44}{np.median(values):8.2f}   ({spread})")
        if args.profile is not None:
            profile(place, number, args.profile)
            print(f"where the time goes: {args.profile}")


if __name__ == "__main__":
    main()
