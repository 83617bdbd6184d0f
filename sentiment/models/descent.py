"""The loop of all families that train by gradient descent: what they have in common, whatever they are.

**The rule for a score**, used everywhere: a network is scored on the validation rows `evaluations_per_epoch` times an
epoch; the score of a run is its *best* checkpoint's macro-F1, and the weights kept are that checkpoint's. Of equal
scores the earliest counts. Each `Report` carries the best score so far, so a run that is cut short is worth exactly
what it would have been worth had it been planned that short. It is computed in float32 in every case, the weights'
own precision; `precision` is that of the training alone. So a score, its card and its bundle are one model's answer.

**The rule for what is no number**, used everywhere too: a network whose weights, or whose probabilities of the
validation rows, are not all finite has diverged. It is not scored, not reported and never kept, and its run ends. A run
that has no other checkpoint is worth a network that says nothing: all classes are equally likely, and there are no
weights.

**The rule for what was killed**: with a file to keep it in, the whole state of a run is kept after a scoring, and a run
that finds it goes on from there, to the same bits (`_Run`, `sentiment.models.progress`).

This room does not know who asks for the training, nor why; a caller that wants to stop a run raises from `on_report`.
"""

import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sentiment.metrics import collapse, cross_entropy, macro_f1
from sentiment.models.class_weights import class_weights
from sentiment.models.family import Model, Report, Trained
from sentiment.models.progress import Progress, State, digest_of
from sentiment.models.registry import family_of

__all__ = ["Descent", "Labelled", "Learner", "descend", "seconds_of", "seeded"]

MEASURED_BATCHES: Final = 12
"""Batches from which the price of a training is estimated; the first half warms up."""
PROCESSOR: Final = (
    *("model name", "cpu family", "model", "stepping"),  # x86
    *("CPU implementer", "CPU variant", "CPU part", "CPU revision"),  # ARM
)
"""What /proc/cpuinfo says of the model of a processor; a virtual machine may say little in its name."""
FINITE_CHECK: Final = 50
"""Batches between two looks at whether the loss is still a number."""
OTHERS: Final = 8
"""Checkpoints beside the best whose answers are kept, the best of them. A long run has thousands; that these few were
chosen among so many is not known to who chooses among them again."""
NO_LOSS: Final = "the training loss is not a number"
NO_ANSWER: Final = "its weights or its answers are not numbers"


class Descent(Protocol):
    """What the loop asks of a config; `sentiment.models.network.config` says what each field means."""

    seed: int
    optimizer: str
    learning_rate: float
    schedule: str
    warmup: float
    label_smoothing: float
    class_weights: str
    clip_norm: float
    epochs: int
    evaluations_per_epoch: int
    precision: str


class Labelled(Protocol):
    """A batch."""

    @property
    def labels(self) -> Tensor:
        """int64 [B]."""
        ...


B = TypeVar("B", bound=Labelled)


@dataclass(frozen=True)
class Learner(Generic[B]):
    """What a family brings to the loop."""

    config: Any
    """A `Config` with the fields of `Descent`."""
    network: nn.Module
    optimizer: torch.optim.Optimizer
    """Each of its groups has the learning rate that warm-up and schedule are factors on."""
    batches_per_epoch: int
    epoch: Callable[[np.random.Generator], Iterator[B]]
    """The batches of one epoch, on the device, in an order that only the generator decides."""
    logits: Callable[[B], Tensor]
    """What the network says of a batch, [B, K]."""
    answer: Callable[[], np.ndarray]
    """What it says of the validation rows, float32 [n, K]; leaves it in evaluation mode."""
    model: Callable[[dict[str, Tensor]], Model]
    """What is kept of weights, the network's state on the CPU."""
    labels: np.ndarray
    """int64: the classes of the training rows."""
    validation_labels: np.ndarray
    """int64 [n]."""
    classes: tuple[str, ...]
    reads: Callable[[], tuple[np.ndarray | str, ...]]
    """What decides, beside config and labels, what its network begins as, and all that it reads."""


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Draw from `seed`; torch's global random state is afterwards as it was."""
    cuda = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield


def descend(
    learner: Learner[B],
    *,
    on_report: Callable[[Report], None],
    on_batch: Callable[[int, int], None],
    device: str,
    end_early: bool,
    progress: Path | None = None,
    on_resume: Callable[[float], None] = lambda epoch: None,
) -> Trained:
    """Train, and keep the best checkpoint.

    On the same machine, with the same thread count, within `seeded`, equal arguments give equal results, bit for bit,
    seconds apart; also where `progress` holds the state that an earlier run was killed with.

    Args:
        learner: what is trained, on what.
        on_report: called after each scoring; an exception it raises ends the run and passes through.
        on_batch: called after each batch with the batches done and all batches of the run.
        device: a torch device.
        end_early: end a run that has collapsed by half of its epochs. A run that diverges ends in any case.
        progress: see `Resources`.
        on_resume: see `Resources`.
    """
    config: Descent = learner.config
    network, optimizer = learner.network, learner.optimizer
    rates = [group["lr"] for group in optimizer.param_groups]
    weights = _class_weights(config, learner.labels, len(learner.classes), device)
    per_epoch = learner.batches_per_epoch
    total = per_epoch * config.epochs
    scoring_points = _scoring_points(config, per_epoch)
    run = _Run(learner, device)
    kept = None if progress is None else Progress(progress, lambda: _belongs_to(learner, device, end_early))
    if kept is not None and (state := kept.read()) is not None:
        run.go_on(state)
        on_resume(run.done / per_epoch)
        for known in run.best.reports:
            on_report(known)
    losses: list[Tensor] = []

    for done, batch in enumerate(run.batches(), start=run.done + 1):
        run.done = done
        network.train()
        factor = _schedule(config, done - 1, total)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        with _precision(config, device):
            logits = learner.logits(batch).float()
        loss = F.cross_entropy(logits, batch.labels, weight=weights, label_smoothing=config.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if config.clip_norm:
            torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        losses.append(loss.detach())
        on_batch(done, total)

        if done % FINITE_CHECK == 0 and not math.isfinite(losses[-1]):
            run.ended = _diverged(NO_LOSS, done / per_epoch, config)
        if done in scoring_points:
            train_loss = float(torch.stack(losses).mean())
            losses.clear()
            report = run.best.score(done / per_epoch, train_loss)
            if wrong := _wrong_loss(train_loss, len(learner.classes)) or (NO_ANSWER if report is None else None):
                run.ended = run.ended or _diverged(wrong, done / per_epoch, config)
            if report is not None:
                on_report(report)
            # Half of the epochs, and one whole epoch without a single sign of life: slow starters get their time.
            lifeless = run.best.collapses[-config.evaluations_per_epoch :]
            if end_early and 0.5 <= done / total < 1 <= done / per_epoch and all(lifeless):
                run.ended = run.ended or f"collapsed by epoch {done / per_epoch:g} of {config.epochs}: {lifeless[-1]}"
            if kept is not None and not run.over:
                kept.write(run.state)
        if run.ended:
            break
    if not run.best.reports:  # it diverged before it was scored once; what it came to must still be known
        on_report(run.best.nothing(run.done / per_epoch))
    if kept is not None:
        kept.write(run.state)
    return run.best.trained(run.ended)


def seconds_of(train: Callable[..., Any], config: Any, data: Any, device: str) -> float:
    """About how long a training takes, from a few batches.

    Args:
        train: of a family, called as `train(config, data, on_batch=, device=, end_early=)`.
        config: what it trains.
        data: what it trains on; `data.train` are the training rows.
        device: a torch device.
    """
    longer = config.replace(epochs=MEASURED_BATCHES)  # enough batches, however few rows there are
    moments = [time.perf_counter()]

    def on_batch(done: int, total: int) -> None:
        moments.append(time.perf_counter())
        if done >= MEASURED_BATCHES:
            raise _Enough

    with suppress(_Enough):
        train(longer, data, on_batch=on_batch, device=device, end_early=False)
    measured = np.diff(moments)  # fewer, if it diverged
    each = float(np.median(measured[len(measured) // 2 :]))
    return float(config.epochs * each * math.ceil(len(data.train) / config.batch_size))


class _Enough(Exception):
    """The price of a batch is known."""


class _Run(Generic[B]):
    """How far a run has come, and all that the rest of it follows from."""

    def __init__(self, learner: Learner[B], device: str) -> None:
        self.learner = learner
        self.device = device
        self.done = 0
        """Batches."""
        self.ended: str | None = None
        self.best = _BestCheckpoint(learner)
        self._order = np.random.default_rng(learner.config.seed)
        self._epoch_began: Any = self._order.bit_generator.state

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.ended is not None or self.done == self.learner.batches_per_epoch * self.learner.config.epochs

    def batches(self) -> Iterator[B]:
        """Those that are left. An epoch that was begun is drawn again, and what was done of it passed over."""
        if self.over:
            return
        epoch = max(0, self.done - 1) // self.learner.batches_per_epoch
        self._order.bit_generator.state = self._epoch_began
        yield from islice(self._epochs(epoch), self.done - epoch * self.learner.batches_per_epoch, None)

    def _epochs(self, first: int) -> Iterator[B]:
        for _ in range(first, self.learner.config.epochs):
            self._epoch_began = self._order.bit_generator.state
            yield from self.learner.epoch(self._order)

    def state(self) -> State:
        """Of a run that is over, only what came of it."""
        tensors = {f"best.{name}": value for name, value in self.best.weights.items()}
        tensors["probabilities"] = torch.from_numpy(self.best.probabilities)
        tensors |= {f"others.{place}": torch.from_numpy(said) for place, (_, said) in enumerate(self.best.others)}
        if not self.over:
            tensors |= {f"network.{name}": value for name, value in self.learner.network.state_dict().items()}
            for number, own in self.learner.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{number}.{name}": value for name, value in own.items() if value is not None}
            tensors |= {f"random.{name}": value for name, value in _random_state(self.device).items()}
        values = {
            "done": self.done,
            "ended": self.ended,
            "epoch began": self._epoch_began,
            "seconds": time.perf_counter() - self.best.started,
            "reports": [asdict(report) for report in self.best.reports],
            "macro_f1": self.best.macro_f1,
            "collapsed": self.best.collapsed,
            "collapses": self.best.collapses,
            "others": [score for score, _ in self.best.others],
        }
        return State(tensors, values)

    def go_on(self, state: State) -> None:
        """Be where the run was that left `state`."""
        values, best = state.values, self.best
        self.done, self.ended, self._epoch_began = values["done"], values["ended"], values["epoch began"]
        best.started = time.perf_counter() - values["seconds"]
        best.reports = [Report(**report) for report in values["reports"]]
        best.macro_f1, best.collapsed, best.collapses = values["macro_f1"], values["collapsed"], values["collapses"]
        best.weights = _part(state, "best.")
        best.probabilities = state.tensors["probabilities"].numpy()
        best.others = [
            (score, state.tensors[f"others.{place}"].numpy()) for place, score in enumerate(values["others"])
        ]
        if self.over:
            return
        self.learner.network.load_state_dict(_part(state, "network."))
        optimizer, own = self.learner.optimizer, dict[int, dict[str, Tensor]]()
        for name, value in _part(state, "optimizer.").items():
            number, _, of = name.partition(".")
            own.setdefault(int(number), {})[of] = value
        optimizer.load_state_dict({"state": own, "param_groups": optimizer.state_dict()["param_groups"]})
        _set_random_state(self.device, _part(state, "random."))


def _part(state: State, start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): value for name, value in state.tensors.items() if name.startswith(start)}


def _random_state(device: str) -> dict[str, Tensor]:
    """Of torch's own generators, which draw what is dropped; uint8."""
    cuda = {"cuda": torch.cuda.get_rng_state(device)} if device.startswith("cuda") else {}
    return {"cpu": torch.get_rng_state()} | cuda


def _set_random_state(device: str, state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if device.startswith("cuda"):
        torch.cuda.set_rng_state(state["cuda"], device)


def _belongs_to(learner: Learner[Any], device: str, end_early: bool) -> dict[str, Any]:
    """All that decides the bits of a run."""
    config = learner.config
    family = family_of(config.family)
    libraries = {name: version(name) for name in family.libraries_of(config)}
    return libraries | {
        "config": {"family": config.family, **config.to_dict()},
        "data": digest_of([*learner.classes, learner.labels, learner.validation_labels, *learner.reads()]),
        "end early": end_early,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "processor": _processor(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
    }


@cache
def _processor() -> str:
    """Its model: two that can do the same may add in another order, by the sizes of their caches."""
    with suppress(OSError):
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()]
        said = {name.strip(): value.strip() for name, _, value in reversed(lines)}  # of the first one
        if found := " ".join(said[name] for name in PROCESSOR if name in said):
            return found
    return platform.processor()


class _BestCheckpoint:
    """The reports of a run, and its best checkpoint so far."""

    def __init__(self, learner: Learner[Any]) -> None:
        self.learner = learner
        self.started = time.perf_counter()
        self.reports: list[Report] = []
        self.macro_f1 = -1.0
        self.weights: dict[str, Tensor] = {}
        self.probabilities = np.empty((0, len(learner.classes)), dtype=np.float32)
        self.collapsed: str | None = None
        self.collapses: list[str | None] = []
        self.others: list[tuple[float, np.ndarray]] = []

    def score(self, epoch: float, train_loss: float) -> Report | None:
        """Score the validation rows, and keep the weights if they are the best yet; None of what is no number."""
        weights = self.learner.network.state_dict()
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            return None
        probabilities = self.learner.answer()
        return self._report(probabilities, weights, epoch, train_loss) if np.isfinite(probabilities).all() else None

    def nothing(self, epoch: float) -> Report:
        """The only report of a run that has no checkpoint."""
        said = _says_nothing(len(self.learner.validation_labels), len(self.learner.classes))
        return self._report(said, {}, epoch, math.nan)

    def _report(self, probabilities: np.ndarray, weights: dict[str, Tensor], epoch: float, train_loss: float) -> Report:
        labels, classes = self.learner.validation_labels, self.learner.classes
        predictions = probabilities.argmax(axis=1)
        macro = macro_f1(labels, predictions, len(classes))
        loss = cross_entropy(probabilities, labels)
        self.collapses.append(collapse(labels, predictions, classes, loss) if weights else None)
        best_yet = macro > self.macro_f1
        other = (self.macro_f1, self.probabilities) if best_yet else (macro, probabilities)
        if len(other[1]):
            self.others.append(other)
            self.others = sorted(self.others, key=lambda scored: -scored[0])[:OTHERS]
        if best_yet:
            self.macro_f1, self.probabilities = macro, probabilities
            self.weights = {name: value.detach().cpu().clone() for name, value in weights.items()}
            self.collapsed = self.collapses[-1]
        self.reports.append(
            Report(
                step=len(self.reports) + 1,
                epoch=epoch,
                train_loss=train_loss,
                validation_loss=loss,
                macro_f1=macro,
                best_macro_f1=self.macro_f1,
                seconds=time.perf_counter() - self.started,
            )
        )
        return self.reports[-1]

    def trained(self, ended: str | None) -> Trained:
        return Trained(
            config=self.learner.config,
            model=self.learner.model(self.weights) if self.weights else None,
            macro_f1=self.macro_f1,
            probabilities=self.probabilities,
            reports=tuple(self.reports),
            ended=ended,
            collapsed=self.collapsed,
            seconds=time.perf_counter() - self.started,
            other_checkpoints=np.stack([said for _, said in self.others]) if self.others else None,
        )


def _precision(config: Descent, device: str) -> torch.autocast:
    return torch.autocast(device.split(":")[0], torch.bfloat16, enabled=config.precision == "bfloat16")


def _scoring_points(config: Descent, per_epoch: int) -> frozenset[int]:
    """After how many batches the validation rows are scored. Every epoch ends with one."""
    each = min(config.evaluations_per_epoch, per_epoch)
    within = [math.ceil(per_epoch * part / each) for part in range(1, each + 1)]
    return frozenset(epoch * per_epoch + batches for epoch in range(config.epochs) for batches in within)


def _schedule(config: Descent, step: int, total: int) -> float:
    """The factor on the learning rate at `step` of `total`, counted from 0."""
    warmup = config.warmup * total
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1.0, total - warmup)
    if config.schedule == "linear":
        return 1 - progress
    return 0.5 * (1 + math.cos(math.pi * progress)) if config.schedule == "cosine" else 1.0


def _class_weights(config: Descent, labels: np.ndarray, n_classes: int, device: str) -> Tensor | None:
    weights = class_weights(config.class_weights, np.bincount(labels, minlength=n_classes))
    return None if weights is None else torch.tensor(weights, dtype=torch.float32, device=device)


def _says_nothing(rows: int, n_classes: int) -> np.ndarray:
    return np.full((rows, n_classes), 1 / n_classes, dtype=np.float32)


def _wrong_loss(train_loss: float, n_classes: int) -> str | None:
    """What is wrong with the loss, if it is: no number, or four times that of guessing."""
    guessing = math.log(n_classes)
    if not math.isfinite(train_loss):
        return NO_LOSS
    return (
        None
        if train_loss <= 4 * guessing
        else f"the training loss is {train_loss:.3g}, that of guessing {guessing:.3g}"
    )


def _diverged(wrong: str, epoch: float, config: Descent) -> str:
    clipping = "" if config.clip_norm else " and without clipping"
    return (
        f"diverged by epoch {epoch:.2g}: {wrong}; "
        f"{config.optimizer} with learning rate {config.learning_rate:g}{clipping} is too fast here"
    )
