"""What the dashboard shows of a study: a note, and files beside it, which `optuna.artifacts` keeps."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
from optuna.artifacts import get_all_artifact_meta, upload_artifact
from optuna_dashboard import save_note

from search.comparison.results import Results
from search.report import board as boards
from search.report.costs import write_costs
from search.report.figures import write_figures
from search.report.text import markdown
from search.report.values import rows, write_csv
from search.storage.paths import ArtifactPath, Artifacts
from search.study.leaderboard import Leaderboard

__all__ = ["publish_comparison", "publish_search"]


def publish_search(study: optuna.Study, board: Leaderboard, artifacts: Artifacts) -> None:
    """Put the leaderboard on the study's page, all of its rows into a table that can be sorted and, where the extra
    `figures` is, scores against costs into a figure.

    Args:
        study: of a search.
        board: its standing.
        artifacts: where the dashboard's artifacts lie.
    """
    with TemporaryDirectory() as folder:
        table = Path(folder, "leaderboard.csv")
        write_csv(table, [asdict(entry) for entry in board.entries])
        figures = write_costs(board, Path(folder)) if find_spec("matplotlib") else []
        _publish(study, boards.markdown(board), [*figures, table], artifacts)


def publish_comparison(study: optuna.Study, found: Results, artifacts: Artifacts) -> None:
    """Put the result on the page of the pairs, with the ideas as a table and, where the extra `figures` is, figures."""
    with TemporaryDirectory() as folder:
        table = Path(folder, "ideas.csv")
        write_csv(table, rows(found))
        figures = write_figures(found, Path(folder)) if find_spec("matplotlib") else []
        _publish(study, markdown(found), [*figures, table], artifacts)


def _publish(study: optuna.Study, note: str, files: Sequence[Path], artifacts: Artifacts) -> None:
    save_note(study, note)
    store = ArtifactPath.of(artifacts).store()
    try:
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:  # an artifact cannot be taken back, but what it holds can be another thing
                with path.open("rb") as content:
                    store.write(known[path.name], content)
            else:
                upload_artifact(study_or_trial=study, file_path=str(path), artifact_store=store)
    except (OSError, ValueError, KeyError, TypeError) as error:  # the study itself is whole without them
        warnings.warn(f"the dashboard will not show {', '.join(path.name for path in files)}: {error}", stacklevel=3)
