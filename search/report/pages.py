"""What the dashboard shows of a study: a note, figures, and files beside it, which `optuna.artifacts` keeps.

What cannot be shown is told of, and never the reason that a search or a comparison ends: it is whole without.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import optuna
from optuna.artifacts import get_all_artifact_meta, upload_artifact
from optuna_dashboard import save_note, save_plotly_graph_object

from search.comparison.ideas import PAIRS, RANDOM
from search.comparison.results import Results
from search.comparison.setting import Setting
from search.report.costs import write_costs
from search.report.figures import write_figures
from search.report.notes import comparison_note, part_note, search_note, under_way_note
from search.report.values import rows, write_csv
from search.storage.paths import ArtifactPath, Artifacts
from search.study.leaderboard import Leaderboard, leaderboard
from search.study.origins import in_a_word

__all__ = ["PageOfSearch", "PagesOfComparison", "publish_comparison", "publish_search"]

EVERY_SECONDS: Final = 30
SHARE: Final = 0.01
"""Of the time that a search takes, at most so much goes into its page."""


def publish_search(study: optuna.Study, board: Leaderboard, artifacts: Artifacts, where: str = "") -> None:
    """Put on the study's page what to do, how sure that is, and figures; all rows of the leaderboard into a table that
    can be sorted. Where the extra `figures` has no Plotly but Matplotlib, scores against costs are an image.

    Args:
        study: of a search.
        board: its standing.
        artifacts: where the dashboard's artifacts lie.
        where: options that lead to storage and artifacts, for the commands in the note.
    """
    _show_search(study, board, None, where)
    with _or_told("the files of a search"), TemporaryDirectory() as folder:
        table = Path(folder, "leaderboard.csv")
        entries = [asdict(entry) | {"how": in_a_word(entry.how)} for entry in board.entries]
        write_csv(table, [{"name": entry.pop("name"), **entry} for entry in entries])
        drawn = find_spec("matplotlib") and not find_spec("plotly")
        _upload(study, [*(write_costs(board, Path(folder)) if drawn else []), table], artifacts)


class PageOfSearch:
    """The page of a search while it runs: kept up to date from the process that began it, as often as costs little."""

    def __init__(self, study: optuna.Study, artifacts: Artifacts, trials: int, where: str = "") -> None:
        """`trials` is what the search shall have; `where` as in `publish_search`."""
        self._study, self._artifacts, self._trials, self._where = study, artifacts, trials, where
        self._next = 0.0
        self._finished = -1

    def refresh(self) -> None:
        """Publish, if it is time to and anything has ended since."""
        begun = time.monotonic()
        if begun < self._next:
            return
        with _or_told("what the search has found"):
            board = leaderboard(self._study, self._artifacts)
            finished = sum(board.counts.get(state, 0) for state in ("complete", "pruned", "fail"))
            if finished != self._finished:
                _show_search(self._study, board, self._trials, self._where)
                self._finished = finished
        ended = time.monotonic()
        self._next = ended + max(EVERY_SECONDS, (ended - begun) / SHARE)


def publish_comparison(setting: Setting, found: Results) -> None:
    """Put the result on the page of the comparison, with the ideas as a table and figures; and on the pages of its
    other studies, what they are."""
    study = setting.study(PAIRS)
    with _or_told("the verdicts"):
        save_note(study, comparison_note(found))
    if find_spec("plotly"):
        from search.report.plotly_figures import arms_figure, forest_figure

        _draw(study, {"forest": lambda: forest_figure(found), "arms": lambda: arms_figure(found)})
    with _or_told("the files of a comparison"), TemporaryDirectory() as folder:
        table = Path(folder, "ideas.csv")
        write_csv(table, rows(found))
        figures = write_figures(found, Path(folder)) if find_spec("matplotlib") else []
        _upload(study, [*figures, table], setting.artifacts)
    with _or_told("what the parts of a comparison are"):
        for part in setting.parts():
            _tell_of_part(setting, part)


class PagesOfComparison:
    """The pages of a comparison's studies while it runs."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._next = 0.0
        self._told: set[str] = set()

    def refresh(self, done: float, total: int) -> None:
        """Publish of each new study what it is; and, if it is time to, that `done` trainings of `total` are done."""
        begun = time.monotonic()
        with _or_told("how far the comparison is"):
            for part in self._setting.parts():
                if part not in self._told:
                    _tell_of_part(self._setting, part)
                    self._told.add(part)
            if begun < self._next:
                return
            save_note(self._setting.study(PAIRS), under_way_note(int(done), total))
        ended = time.monotonic()
        self._next = ended + max(EVERY_SECONDS, (ended - begun) / SHARE)


def _tell_of_part(setting: Setting, part: str) -> None:
    what = f"the trials that tuned '{part}'"
    if part == RANDOM:
        what = "independent random draws of the whole space, for its tuning curve"
    save_note(setting.study(part), part_note(setting.comparison.name, what))


def _show_search(study: optuna.Study, board: Leaderboard, wanted: int | None, where: str) -> None:
    with _or_told("what the search has found"):
        save_note(study, search_note(study, board, wanted, where))
    if not find_spec("plotly"):
        return
    from search.report.plotly_figures import costs_figure, curves_figure, importance_figure, pruning_figure

    made: dict[str, Callable[[], Any]] = {
        "costs": lambda: costs_figure(board),
        "curves": lambda: curves_figure(study),
        "pruning": lambda: pruning_figure(study, board),
        "importance": lambda: importance_figure(study),
    }
    _draw(study, made)


def _draw(study: optuna.Study, figures: dict[str, Callable[[], Any]]) -> None:
    """Under ids that stay, so that the next one takes the place of this one."""
    for name, made in figures.items():
        with _or_told(f"the figure {name!r}"):
            figure = made()
            if figure is not None:
                save_plotly_graph_object(study, figure, graph_object_id=name)


def _upload(study: optuna.Study, files: Sequence[Path], artifacts: Artifacts) -> None:
    store = ArtifactPath.of(artifacts).store()
    with _or_told(", ".join(path.name for path in files)):
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:  # an artifact cannot be taken back, but what it holds can be another thing
                with path.open("rb") as content:
                    store.write(known[path.name], content)
            else:
                upload_artifact(study_or_trial=study, file_path=str(path), artifact_store=store)


@contextmanager
def _or_told(what: str) -> Iterator[None]:
    """Go on if `what` cannot be shown, whatever the reason, and tell of it: of the same one once."""
    try:
        yield
    except Exception as error:
        warnings.warn(f"the dashboard will not show {what}: {type(error).__name__}: {error}", stacklevel=3)
