"""A comparison opened again from its name alone: what it found, without its study file and without training."""

from search.comparison.compare import Compared, gathered, openings, refuse_other_data
from search.comparison.ideas import comparison_of
from search.comparison.results import Results, results
from search.comparison.setting import Setting
from search.comparison.tuning import random_scores
from search.storage.databases import load_study, open_storage
from search.storage.paths import Artifacts
from search.study.comparisons import parts_of
from search.study.records import COMPARISON, DATA, PLAN, as_recorded, told_of_study
from sentiment.errors import InputError
from sentiment.reviews.source import DataSource

__all__ = ["found", "reopen"]


def reopen(name: str, url: str, artifacts: Artifacts, *, threads: int = 1) -> Setting:
    """The setting of a comparison as it is on record; its reviews are read where they are first asked for.

    Args:
        name: of the comparison.
        url: of the storage that it is in.
        artifacts: where its predictions are.
        threads: of whatever is computed.

    Raises:
        InputError: there is no such comparison; or it does not say what its data are, as an older one; or what it has
            on record is not what this program writes.
    """
    storage = open_storage(url, create=False)
    parts = parts_of(name, storage)
    if not parts:
        raise InputError(f"there is no comparison {name!r} in the storage; `sentiment-search studies` shows what is")
    recorded = told_of_study(load_study(parts[0], storage))
    if DATA not in recorded or PLAN not in recorded:
        raise InputError(
            f"comparison {name!r} was begun by an older version, which did not record what its data are; "
            "`sentiment-search compare` with its study file records it, trains nothing again, and shows what it found"
        )
    with as_recorded(parts[0]):
        source = DataSource.from_dict(recorded[DATA])
        comparison = comparison_of(name, source, recorded[COMPARISON], recorded[PLAN])
    return Setting(comparison, url, artifacts, threads)


def found(setting: Setting, compared: Compared | None = None) -> Results:
    """What a comparison has found up to its last look; nothing is trained, and no sealed row is scored anew.

    Args:
        setting: of the comparison.
        compared: what `compare` has just returned, so that it need not be gathered again.

    Raises:
        InputError: its data have changed or gone; or it has not come to its first look; or what its pairs said of the
            sealed rows is missing or damaged.
    """
    refuse_other_data(setting)
    return results(
        setting.comparison,
        setting.dataset,
        compared or gathered(setting),
        openings=len(openings(setting)),
        random_scores=random_scores(setting),
    )
