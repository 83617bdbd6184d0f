"""Searches and comparisons as they are taken up in a notebook: data frames, figures and HTML.

    study = Study.open("netflix")
    study.leaderboard()
    study.plot("curves")
    bundle = study.export("my-model")

Nothing is decided or computed here, and nothing is said that `report` does not say. What comes of a study is read anew
each time that it is asked for: a search may go on beside the notebook. Pandas and Plotly, the extra `notebook`, are
imported where something is made of them.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna

from search.report import board as boards
from search.report import text
from search.report.standing import counted
from search.report.values import rows
from search.report.words import words
from search.storage.databases import OLDER_PAIRS, load_study, open_storage, storage_url
from search.storage.paths import DEFAULT_ARTIFACTS, ArtifactPath
from search.study.comparisons import is_comparison, parts_of, refuse_comparison
from search.study.leaderboard import Entry, Leaderboard, leaderboard
from search.study.records import as_recorded
from sentiment.checked import shown
from sentiment.errors import InputError, MissingExtraError
from sentiment.foreign import html_sentences, visible

if TYPE_CHECKING:
    from search.comparison.results import Results
    from search.study.replay import Replay
    from sentiment.bundle.folder import Bundle

__all__ = ["ComparisonResults", "Study", "export"]

FIGURES: Final = ("costs", "curves", "pruning", "importance")
"""What `Study.plot` can draw, by name."""


@dataclass(frozen=True)
class Study:
    """A search, or a comparison, in a storage."""

    study: optuna.Study
    """As Optuna has it, for whatever it can do with one."""
    url: str
    """Of the storage; it may hold a password."""
    artifacts: ArtifactPath

    @classmethod
    def open(cls, name: str, storage: str | None = None, artifacts: str | Path | None = None) -> "Study":
        """The study called `name`, which must be there.

        Args:
            name: of a search or a comparison.
            storage: its URL; None: what OPTUNA_STORAGE says, or else the program's own, `studies/sentiment.db`.
            artifacts: the folder, or s3://BUCKET/PREFIX, where its files are; None: the program's own.

        Raises:
            InputError: there is no such storage, or no such study in it; or `name` is no text.
        """
        _refuse_no_text(name)
        url = storage_url(storage)
        kept = ArtifactPath.of(str(artifacts or DEFAULT_ARTIFACTS))
        opened = open_storage(url, create=False)
        if name not in optuna.get_all_study_names(opened):
            name = next(iter(parts_of(name, opened)), name)  # an older comparison
        return cls(load_study(name, opened), url, kept)

    @property
    def name(self) -> str:
        """Of the study."""
        return self.study.study_name

    @property
    def board(self) -> Leaderboard:
        """Where the search stands now.

        Raises:
            InputError: the study is a comparison, or has on record what this program does not write.
        """
        refuse_comparison(self.study)
        return leaderboard(self.study, self.artifacts)

    @property
    def best(self) -> Entry | None:
        """The best completed trial by its validation score, which is optimistic; None if there is none yet."""
        return self.board.best

    def leaderboard(self) -> Any:
        """All completed trials and baselines as a `pandas.DataFrame`, best first.

        Raises:
            InputError: as `board`; or the extra `notebook` is not installed.
        """
        pandas = _pandas()
        frame = pandas.DataFrame([asdict(entry) for entry in self.board.entries], columns=list(Entry.__annotations__))
        return frame.astype({"trial": "Int64"}).set_index("name")

    def plot(self, figure: str = "costs") -> Any:
        """A Plotly figure of the search.

        Args:
            figure: "costs", score against milliseconds an answer; "curves", how the best and the pruned trials learned;
                "pruning", what it saved and cost; "importance", what each parameter was worth among sampled trials.

        Raises:
            InputError: there is no such figure, or nothing to draw yet; or as `leaderboard`.
        """
        if figure not in FIGURES:
            raise InputError(f"there is no figure {figure!r}; choose one of {', '.join(FIGURES)}")
        from search.report import plotly_figures as drawn

        board = self.board
        drawings: dict[str, Callable[[], Any]] = {
            "costs": lambda: drawn.costs_figure(board),
            "curves": lambda: drawn.curves_figure(self.study),
            "pruning": lambda: drawn.pruning_figure(self.study, board),
            "importance": lambda: drawn.importance_figure(self.study),
        }
        made = drawings[figure]()
        if made is None:
            raise InputError(f"study {self.name!r} has nothing to draw as {figure!r} yet; let it run longer")
        return made

    def export(self, to: str | Path, trial: int | str = "best") -> "Bundle":
        """Write the kept weights of a trial to the folder `to`, and open it.

        Raises:
            InputError: there is no such trial, its weights were not kept, or `to` is not empty.
        """
        return export(self.study, kept=self.artifacts, to=to, trial=trial)

    def replay(self, trial: int) -> "Replay":
        """Train a trial again from its record; its reviews are read again for that.

        Raises:
            InputError: there is no such trial, or its data have changed or gone.
        """
        from search.study.create import open_recorded
        from search.study.replay import replay

        return replay(open_recorded(self.name, self.study._storage, self.artifacts), trial)

    def comparison(self) -> "ComparisonResults":
        """What the comparison has found up to its last look; nothing is trained, and no sealed row is scored anew.

        Raises:
            InputError: the study is a search; or the comparison's data have changed or gone, or it has not come to its
                first look.
        """
        if not is_comparison(self.study):
            raise InputError(f"{self.name!r} is a search, not a comparison; ask for its leaderboard()")
        from search.comparison.reopened import found, reopen

        return ComparisonResults(found(reopen(self.name.removesuffix(OLDER_PAIRS), self.url, self.artifacts)))

    def __repr__(self) -> str:
        if is_comparison(self.study):
            return f"Study({visible(self.name)}, a comparison: .comparison() is what it found)"
        try:
            board = self.board
        except InputError as error:
            return f"Study({visible(str(error))})"
        best = "" if board.best is None else f" Best: {board.best.name} with {board.best.macro_f1:.4f}."
        return f"Study({visible(self.name)}: {counted(board)}{best})"

    def _repr_html_(self) -> str:
        """For a notebook: where it stands, in words and as a table; or why that cannot be told."""
        try:
            if is_comparison(self.study):
                return self.comparison()._repr_html_()
            with as_recorded(self.name):
                return boards.html(self.board)
        except InputError as error:
            return html_sentences(self.name, [str(error)])


@dataclass(frozen=True)
class ComparisonResults:
    """What a comparison found: each idea's difference from the baseline, with its interval and its verdict."""

    results: "Results"
    """All of its numbers."""

    @cached_property
    def words(self) -> list[str]:
        """What it means, in sentences."""
        return words(self.results)

    def ideas(self) -> Any:
        """One row for each idea as a `pandas.DataFrame`; differences and scores are macro-F1 between 0 and 1.

        Raises:
            InputError: the extra `notebook` is not installed.
        """
        return _pandas().DataFrame(rows(self.results)).set_index("idea")

    def plot(self) -> Any:
        """The forest plot as a Plotly figure: differences with intervals, verdicts and guesses.

        Raises:
            InputError: the extra `notebook` is not installed.
        """
        from search.report.plotly_figures import forest_figure

        return forest_figure(self.results)

    def __repr__(self) -> str:
        return repr(self.results)

    def _repr_html_(self) -> str:
        """For a notebook: the verdicts in words, and the tables."""
        return text.html(self.results)


def export(
    study: optuna.Study, *, kept: str | Path | ArtifactPath, to: str | Path, trial: int | str = "best"
) -> "Bundle":
    """Write the weights of a trial of anybody's own study to the folder `to`, and open it.

    Args:
        study: that was optimized with ``Objective(dataset, keep=...)``.
        kept: the folder that the objective was given as `keep`.
        to: a folder that is not there yet, or is empty.
        trial: its number, or "best".

    Raises:
        InputError: there is no such trial, its weights are not in `kept`, or `to` is not empty.
    """
    from search.study.export import export as write
    from sentiment.bundle.folder import Bundle

    write(study, kept if isinstance(kept, ArtifactPath) else ArtifactPath.of(str(kept)), str(trial), Path(to))
    return Bundle.open(to)


def _refuse_no_text(name: object) -> None:
    if not isinstance(name, str):
        raise InputError(
            f"the name of a study is {shown(name)}, which is no text; `sentiment-search studies` lists them"
        )


def _pandas() -> Any:
    if find_spec("pandas") is None:
        raise MissingExtraError("a data frame needs the extra `notebook`: pip install 'sentiment-search[notebook]'")
    import pandas

    return pandas
