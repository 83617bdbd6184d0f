"""What each parameter was worth, as a table; how it is measured, `search.study.importance` says."""

from typing import Final

import optuna

from search.report.page.content import Block, Prose, Shade, Table
from search.report.page.messages import Say
from search.study.importance import ENOUGH, importances

__all__ = ["importance_blocks"]

SHOWN: Final = 12


def importance_blocks(study: optuna.Study, say: Say) -> list[Block]:
    """The shares, or why there are none."""
    found = importances(study)
    if not found.enough:
        return [Prose(say("importance.few", count=found.trials, needed=ENOUGH))]
    rows = tuple((name, Shade(f"{100 * share:.0f} %", share)) for name, share in list(found.values.items())[:SHOWN])
    caption = say("importance.caption", count=found.trials)
    header = say("column.parameter"), say("column.importance")
    return [Table(caption, header, rows, numbers=frozenset((1,))), Prose(say("importance.caveat"), is_note=True)]
