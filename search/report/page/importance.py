"""What each parameter was worth, among the trials that were drawn."""

from typing import Final

from search.report.page.content import Block, Prose, Shade, Table
from search.report.page.messages import Say
from search.study.importance import ENOUGH, Importances

__all__ = ["importance_blocks"]

SHOWN: Final = 12


def importance_blocks(found: Importances, say: Say) -> list[Block]:
    """The shares as a table, or why there are none."""
    if not found.enough:
        return [Prose(say("importance.few", count=found.trials, needed=ENOUGH))]
    rows = tuple((name, Shade(f"{100 * share:.0f} %", share)) for name, share in list(found.values.items())[:SHOWN])
    header = say("column.parameter"), say("column.importance")
    caption = say("importance.caption", count=found.trials)
    return [Table(caption, header, rows, numbers=frozenset((1,))), Prose(say("importance.caveat"), is_note=True)]
