"""Searches by processes whose reads and writes come in every order, with deaths and sleeps between any two of them.

What processes can do to one another depends on the order in which they come to the storage, and of those orders real
ones show a few only. Here a process is a thread that does what a real one does (`begin_with`, `begin_lost_again`,
`optimize`, with a storage in memory and an objective that takes no time), and only one of them has the turn: before
each access to the storage, and where a real one would sleep, it waits until it is given the turn again. A seed decides
who is, and who is killed there or falls asleep; so a world in which something goes wrong is made again by its seed.

In the end nobody is disturbed any more, and one more process is started. Then every process must end, and none before
the search did; no trial may be left running, or waiting though it counts; there must be as many as asked for; and each
position must have drawn and scored what it does in a search by one process that nobody disturbs.
"""

import random
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

import optuna
from optuna.pruners import NopPruner
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.study import claims, optimization
from search.study.create import SearchStudy, _is_new
from search.study.positions import FINISHED, begin_with, positions
from search.study.records import CONFIG, FINGERPRINT, keep, keep_of_study, told, why_ended
from search.study.sampler import ConditionalTPE, IndependentDraws

__all__ = ["KINDS", "Result", "Setting", "disturbed", "undisturbed"]

NAME: Final = "search"
SEED: Final = 7
"""Of what is drawn, the same in every world: only who comes when differs."""

FIRST_SETTINGS: Final = ({"x": 0.11}, {"x": 0.22}, {"x": 0.33})

ACCESSES: Final = frozenset(
    {
        "create_new_trial",
        "get_all_trials",
        "get_study_system_attrs",
        "get_study_user_attrs",
        "get_trial",
        "set_study_system_attr",
        "set_study_user_attr",
        "set_trial_intermediate_value",
        "set_trial_param",
        "set_trial_state_values",
        "set_trial_system_attr",
        "set_trial_user_attr",
    }
)
"""Of the storage, at which another process may come first. The others read what never changes."""

DISTURBED_TURNS: Final = 400
"""For at most so many turns processes are killed and fall asleep; a whole search by one takes a hundred or more."""

MOST_TURNS: Final = 3_000
"""After so many without a disturbance a search is said never to end; those that do end need three hundred."""

WAKES: Final = 0.02
"""Chance of one asleep to wake up, at each turn of another."""

TAKEN_FOR_LOST: Final = 0.5
"""Chance that a process has slept for so long that its trial is taken for lost, each time that another one looks."""

NEVER_SAID_WHOSE: Final = 0.05
"""The same of a trial that several tried to take, one of whom is dead: its heartbeat may have stopped with that one."""


@dataclass(frozen=True)
class Setting:
    """What is searched, by whom, and what comes in between."""

    total: int = 6
    """Trials asked for."""
    processes: int = 3
    """At the beginning, at most; those killed are mostly replaced."""
    kills: int = 4
    """At most, while it is disturbed."""
    stalls: int = 0
    """How often a process falls asleep, at most."""
    round_of: int | None = None
    patience: int | None = None
    failing: frozenset[int] = frozenset()
    """Positions whose trials fail for good."""
    one_at_a_time: bool = False
    """The next process is started when the one before is dead."""
    tpe: bool = False
    """What is drawn follows from earlier scores too."""

    @property
    def certain(self) -> bool:
        """Whether what is found does not depend on who comes when."""
        return bool(self.one_at_a_time or self.round_of) or not (self.tpe or self.patience)


KINDS: Final = {
    "killed": Setting(),
    "killed and asleep": Setting(stalls=8),
    "failed for good": Setting(stalls=8, failing=frozenset({1, 4})),
    "patience": Setting(total=12, stalls=8, patience=3),
    "in step": Setting(round_of=2, stalls=8),
    "in step, patience": Setting(total=12, round_of=2, stalls=8, patience=3),
    "in step, TPE": Setting(total=9, round_of=3, tpe=True),
    "one at a time, patience": Setting(total=12, patience=3, one_at_a_time=True),
    "one at a time, TPE": Setting(total=9, one_at_a_time=True, tpe=True),
}
"""Settings in which the promises hold."""


@dataclass(frozen=True)
class Result:
    """What came of a search."""

    draws: dict[int, tuple[float, float | None]]
    """Position to what was drawn there and the score, of finished trials."""
    complaints: list[str]
    trials: list[str]
    """One line each, for people."""
    steps: list[str]
    """Who did what, in that order."""
    seed: int | None = None
    """Of the disturbances."""


def undisturbed(setting: Setting) -> Result:
    """The search by one process, with nothing in between."""
    return _World(setting, random.Random(SEED)).run(0)


def disturbed(setting: Setting, seeds: Iterable[int]) -> Iterator[Result]:
    """The search in the world of each seed; one that does not find what the undisturbed search finds complains,
    where that is certain.

    Raises:
        ValueError: the undisturbed search has complaints too.
    """
    expected = undisturbed(setting)
    if expected.complaints:
        raise ValueError(f"nobody disturbs the search, and {'; '.join(expected.complaints)}")
    for seed in seeds:
        dice = random.Random(seed)
        result = _World(setting, dice).run(dice.randrange(DISTURBED_TURNS))
        differ = sorted(set(result.draws.items()) ^ set(expected.draws.items())) if setting.certain else []
        complaints = [*result.complaints, *(f"differ: {draw}" for draw in differ)]
        yield Result(result.draws, complaints, result.trials, result.steps, seed)


class _Killed(BaseException):
    """Ends a process wherever it is. What it does on the way out no longer reaches the storage."""


class _Process(threading.Thread):
    """One process of a search; it stands still unless it is given the turn."""

    def __init__(self, world: "_World", number: int) -> None:
        super().__init__(daemon=True)
        self.number = number
        self.turn = threading.Semaphore(0)
        self.asleep = self.killed = self.ended = False
        self.trouble = ""
        self.saw: int | None = None
        """How many trials were finished when it ended by itself."""
        self.next_step = "its beginning"
        self._world = world

    def run(self) -> None:
        self.turn.acquire()
        try:
            if not self.killed:
                self._world.search()
        except _Killed:
            pass
        except BaseException:
            self.trouble = traceback.format_exc()
        self.ended = True
        self._world.turn.release()

    def wait_for_turn(self, step: str) -> None:
        """Let others come before this step."""
        if not self.killed:
            self.next_step = step
            self._world.turn.release()
            self.turn.acquire()
        if self.killed:
            raise _Killed
        self._world.say(self, step)


class _Storage:
    """Whoever reads or writes waits for its turn."""

    def __init__(self) -> None:
        self._storage = InMemoryStorage()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, name)
        process = threading.current_thread()
        if name not in ACCESSES or not isinstance(process, _Process):
            return found

        def access(*arguments: Any, **named: Any) -> Any:
            process.wait_for_turn(_described(name, *arguments, **named))
            return found(*arguments, **named)

        return access


class _World:
    """One search, and the processes that make it."""

    def __init__(self, setting: Setting, dice: random.Random) -> None:
        self.turn = threading.Semaphore(0)
        self._setting, self._dice = setting, dice
        self._processes: list[_Process] = []
        self._steps: list[str] = []
        self._storage = _Storage()
        self._study_id = -1

    def run(self, disturbed_turns: int) -> Result:
        """Make the search, with disturbances in that many turns."""
        with self._in_place():
            self._study_id = self._storage.create_new_study([StudyDirection.MAXIMIZE], NAME)
            try:
                if disturbed_turns:
                    self._disturb(disturbed_turns)
                self._start()
                ends = self._go_on()
            finally:
                for process in self._processes:
                    process.killed = True
                    process.turn.release()
                    process.join()
            return self._judged(self._storage.get_all_trials(self._study_id), ends)

    def search(self) -> None:
        """What each process does, from its beginning to its end."""
        setting = self._setting
        study = optuna.load_study(study_name=NAME, storage=cast(Any, self._storage))
        if _is_new(study):
            begin_with(study, FIRST_SETTINGS)
            keep_of_study(study, FINGERPRINT, "none")
        claims.begin_lost_again(study)
        data = cast(Any, SimpleNamespace(class_sizes=lambda part: [100, 100]))
        opened = SearchStudy(
            study, data, cast(Any, None), SEED, None, cast(Any, None), 0.0, setting.round_of, setting.patience
        )
        sampler = ConditionalTPE(SEED, setting.round_of) if setting.tpe else IndependentDraws(SEED)
        optimization.optimize(
            opened, trials=setting.total, objective=self._objective, pruner=NopPruner(), sampler=sampler
        )

    def say(self, process: _Process, step: str) -> None:
        """Remember what it does."""
        self._steps.append(f"process {process.number}: {step}")

    def _objective(self, trial: optuna.Trial) -> float:
        position = positions(trial.study.get_trials(deepcopy=False))[trial.number]
        x = trial.suggest_float("x", 0, 1)
        keep(trial, CONFIG, {"x": x})
        if position in self._setting.failing:
            raise RuntimeError("for good")
        trial.report(x, 1)
        return x

    # ------------------------------------------------------------------------------------------- who comes when

    def _start(self) -> None:
        process = _Process(self, len(self._processes))
        self._processes.append(process)
        process.start()

    def _give_turn(self, process: _Process) -> None:
        process.turn.release()
        self.turn.acquire()
        if process.ended and not process.killed:
            process.saw = self._finished()

    def _finished(self) -> int:
        return len(self._storage.get_all_trials(self._study_id, deepcopy=False, states=FINISHED))

    def _kill(self, process: _Process) -> None:
        process.killed = True
        self._give_turn(process)
        self.say(process, f"KILLED before {process.next_step}")

    def _alive(self) -> list[_Process]:
        return [process for process in self._processes if not process.ended]

    def _disturb(self, turns: int) -> None:
        setting, dice = self._setting, self._dice
        kills, stalls = setting.kills, setting.stalls
        killing, staying = dice.choice([0.005, 0.02, 0.05]), dice.choice([0.0, 0.5, 0.9])
        for _ in range(1 if setting.one_at_a_time else dice.randint(1, setting.processes)):
            self._start()
        process = self._processes[0]
        for _ in range(turns):
            for sleeper in self._alive():
                sleeper.asleep = sleeper.asleep and dice.random() >= WAKES
            awake = [process for process in self._alive() if not process.asleep]
            if not awake:
                continue
            if process not in awake or dice.random() >= staying:
                process = dice.choice(awake)
            if kills and dice.random() < killing:
                kills -= 1
                self._kill(process)
                if setting.one_at_a_time or dice.random() < 0.7:
                    self._start()
            elif stalls and len(awake) > 1 and dice.random() < 0.02:
                stalls -= 1
                process.asleep = True
                self.say(process, f"ASLEEP before {process.next_step}")
            else:
                self._give_turn(process)
        all_die = setting.one_at_a_time or dice.random() < 0.5
        for process in self._alive():
            process.asleep = False
            if all_die:
                self._kill(process)

    def _go_on(self) -> bool:
        """Whether all processes end, now that nothing disturbs them."""
        for _ in range(MOST_TURNS):
            if not (alive := self._alive()):
                return True
            self._give_turn(self._dice.choice(alive))
        return False

    # -------------------------------------------------------------------------------- what stands for the system

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """The processes here in the place of the system's, and its clock stands still."""
        verbosity, clock = optuna.logging.get_verbosity(), SimpleNamespace(sleep=self._sleep)
        with ExitStack() as stack:
            stack.callback(optuna.logging.set_verbosity, verbosity)
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            stack.enter_context(
                patch.multiple(
                    claims,
                    time=clock,
                    _this_process=self._this_process,
                    _is_gone=self._is_gone,
                    silent=self._silent,
                )
            )
            stack.enter_context(patch.object(optimization, "time", clock))
            yield

    def _sleep(self, seconds: float) -> None:
        process = threading.current_thread()
        assert isinstance(process, _Process)
        process.wait_for_turn("sleep")

    def _this_process(self) -> dict[str, Any]:
        process = threading.current_thread()
        assert isinstance(process, _Process)
        return {"pid": process.number, "host": "here"}

    def _is_gone(self, worker: dict[str, Any]) -> bool:
        process: _Process = self._processes[worker["pid"]]
        return process.ended

    def _silent(self, study: optuna.Study, running: Sequence[FrozenTrial], _: object) -> set[int]:
        return {trial._trial_id for trial in running if self._is_silent(trial)}

    def _is_silent(self, trial: FrozenTrial) -> bool:
        worker = told(trial, claims.WORKER)
        tried = [value for name, value in trial.system_attrs.items() if name.startswith(claims.CLAIM) and value]
        workers = [self._processes[one["pid"]] for one in ([worker] if worker else tried)]
        if not worker and any(process.ended for process in workers):
            return self._dice.random() < NEVER_SAID_WHOSE
        asleep = any(process.asleep for process in workers)
        still = asleep and all(process.asleep or process.ended for process in workers)
        return still and self._dice.random() < TAKEN_FOR_LOST

    # --------------------------------------------------------------------------------------------- what came of it

    def _judged(self, trials: list[FrozenTrial], ends: bool) -> Result:
        setting, order = self._setting, positions(trials)
        finished = [trial for trial in trials if trial.state in FINISHED]
        draws = {order[trial.number]: (trial.params["x"], trial.value) for trial in finished}
        complaints = [] if ends else ["does not end"]
        complaints += [f"process {p.number} failed: {p.trouble}" for p in self._processes if p.trouble]
        complaints += [
            f"process {process.number} ended before the search"
            for process in self._processes
            if process.saw is not None and process.saw < len(finished)
        ]
        if len(finished) > len(draws):
            complaints.append("doubled: a position was finished twice")
        if setting.patience is None and len(finished) != setting.total:
            side = "short" if len(finished) < setting.total else "over"
            complaints.append(f"{side}: {len(finished)} of {setting.total} trials")
        for trial in trials:
            counts = setting.patience is None and claims._rank(trials, order[trial.number]) < setting.total
            if trial.state == TrialState.RUNNING or (trial.state == TrialState.WAITING and counts):
                complaints.append(f"stuck: trial {trial.number} is {trial.state.name}")
            if trial.state in FINISHED and (why := why_ended(trial)):
                complaints.append(f"trial {trial.number} finished and says: {why}")
        return Result(draws, complaints, [_shown(trial, order[trial.number]) for trial in trials], self._steps)


def _described(name: str, *arguments: Any, template_trial: FrozenTrial | None = None, **named: Any) -> str:
    """An access in one line."""
    if template_trial is not None:
        arguments = (*arguments, template_trial.state.name, *template_trial.system_attrs.items())
    return f"{name}({', '.join(str(argument)[:40] for argument in arguments)})"


def _shown(trial: FrozenTrial, position: int) -> str:
    """A trial in one line."""
    known = {name: value for name, value in trial.system_attrs.items() if not name.startswith(claims.CLAIM)}
    return f"trial {trial.number} at {position}: {trial.state.name} {trial.params} {known} {trial.user_attrs}"
