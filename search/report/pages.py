"""What the dashboard shows of a study: a note, and files beside it, which `optuna.artifacts` keeps."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna_dashboard import save_note

from search.comparison.results import Results
from search.report.figures import write_figures
from search.report.text import markdown
from search.report.values import rows, write_csv
from search.study.leaderboard import Leaderboard

__all__ = ["publish_comparison", "publish_search"]


def publish_search(study: optuna.Study, board: Leaderboard, artifacts: Path) -> None:
    """Put the leaderboard on the study's page, and all of its rows into a table that can be sorted.

    Args:
        study: of a search.
        board: its standing.
        artifacts: the folder of the dashboard's artifacts.
    """
    with TemporaryDirectory() as folder:
        table = Path(folder, "leaderboard.csv")
        write_csv(table, [asdict(entry) for entry in board.entries])
        _publish(study, board.markdown(), [table], artifacts)


def publish_comparison(study: optuna.Study, found: Results, artifacts: Path) -> None:
    """Put the result on the page of the pairs, with the ideas as a table and, where the extra `figures` is, figures."""
    with TemporaryDirectory() as folder:
        table = Path(folder, "ideas.csv")
        write_csv(table, rows(found))
        figures = write_figures(found, Path(folder)) if find_spec("matplotlib") else []
        _publish(study, markdown(found), [*figures, table], artifacts)


def _publish(study: optuna.Study, note: str, files: Sequence[Path], artifacts: Path) -> None:
    save_note(study, note)
    store = FileSystemArtifactStore(artifacts)
    known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
    for path in files:
        if path.name in known:  # an artifact cannot be taken back, but what it holds can be another thing
            with path.open("rb") as content:
                store.write(known[path.name], content)
        else:
            upload_artifact(study_or_trial=study, file_path=str(path), artifact_store=store)
