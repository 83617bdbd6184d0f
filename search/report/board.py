"""The leaderboard of a search, for a terminal, in Markdown, in HTML, and for a program."""

import shlex
from typing import Any, Final

from search.report.points import between, points
from search.report.standing import audited, counted, optimism, standing, together
from search.study.leaderboard import Entry, FamilyStanding, Leaderboard
from search.study.origins import IN_WORDS, in_a_word
from sentiment.foreign import html_sentences, html_table, markdown_table, visible
from sentiment.foreign import markdown as as_markdown
from sentiment.models.ensemble.config import MOST_MEMBERS
from sentiment.terminal import in_columns

__all__ = ["html", "markdown", "parameter_value", "render", "to_dict"]

COLUMNS: Final = ("", "macro-F1", "model", "how", "tokens", "optimizer", "lr", "epochs", "seconds")
FAMILY_COLUMNS: Final = ("family", "best", "macro-F1", "above linear, in family", "ms a text", "trials", "seconds")

SPARE: Final = ("lr", "optimizer", "tokens", "seconds", "epochs", "how")
FAMILY_SPARE: Final = ("seconds", "trials", "ms a text")
"""What a narrow terminal goes without, the first of them first."""
IN_FAMILY: Final = (
    "In family: corrected for the choice among the trials of that family alone; the sentence above, among all."
)

RECIPES: Final = f"{IN_WORDS['recipe'].short}: {IN_WORDS['recipe'].meaning}."


def render(board: Leaderboard, top: int = 10, width: int | None = None) -> str:
    """The table and what it says, as text, for a terminal of so many columns if they are given."""
    shown = [e for rank, e in enumerate(board.entries) if rank < top or e.trial is None or e.is_linear]
    lines = [f"Leaderboard of {board.study} (macro-F1 on the validation rows, best checkpoint of each trial)", ""]
    cells = [_cells(entry) for entry in shown]
    lines += in_columns(COLUMNS, cells, right=(1, 6, 7, 8), width=width, spare=SPARE)
    hidden = len(board.entries) - len(shown)
    if hidden:
        whole = f"sentiment-search report {shlex.quote(board.study)} --json"
        lines.append(f"... and {hidden} more; `{whole}` has them all")
    if any(entry.how == "recipe" for entry in shown):
        lines.append(RECIPES)
    lines += ["", counted(board), standing(board)]
    if board.best is not None:
        lines.append(optimism(board))
        lines += _ensemble(board)
        lines += ["", f"Best trial: {board.best.trial}"]
        lines += [f"  {name} = {parameter_value(value)}" for name, value in board.best_params.items()]
        lines += [f"Widen the search: {edge}." for edge in board.edges]
    if board.families:
        families = [_of_family(one) for one in board.families]
        lines += ["", *in_columns(FAMILY_COLUMNS, families, right=(2, 4, 5, 6), width=width, spare=FAMILY_SPARE)]
        lines.append(IN_FAMILY)
    if board.audit is not None:
        lines.append(audited(board.audit))
    if board.plateau is not None:
        lines.append(f"{board.plateau}. To search on all the same, leave out --patience.")
    for number, reason in list(board.ended.items())[:5]:
        lines.append(f"trial {number} ended early: {reason}")
    if len(board.ended) > 5:
        lines.append(f"... and {len(board.ended) - 5} more ended early")
    return "\n".join(map(visible, lines))


def markdown(board: Leaderboard) -> str:
    """For a README, or whoever reads Markdown; the dashboard has a note of its own (`notes`)."""
    shown = [entry for rank, entry in enumerate(board.entries) if rank < 10 or entry.is_linear]
    rows = [
        (entry.name, f"{entry.macro_f1:.4f}", _model(entry), in_a_word(entry.how), entry.token_unit) for entry in shown
    ]
    table = markdown_table(("", "macro-F1", "model", "how", "tokens"), rows)
    said = f"{standing(board)} {optimism(board)}" + (f" {together(board.ensemble)}." if board.ensemble else "")
    parts = [table, as_markdown(said)]
    if board.families:
        parts.append(markdown_table(FAMILY_COLUMNS, list(map(_of_family, board.families))))
        parts.append(as_markdown(IN_FAMILY))
    return "\n\n".join(parts) + "\n"


def html(board: Leaderboard, top: int = 10) -> str:
    """For a notebook: where it stands, in words, and the table."""
    shown = [entry for rank, entry in enumerate(board.entries) if rank < top or entry.trial is None or entry.is_linear]
    said = [counted(board), standing(board)]
    if board.best is not None:
        said.append(optimism(board))
    if board.ensemble is not None:
        said.append(f"{together(board.ensemble)}.")
    return html_sentences(board.study, said) + html_table(COLUMNS, list(map(_cells, shown)))


def to_dict(board: Leaderboard) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "study": board.study,
        "entries": [vars(entry) for entry in board.entries],
        "counts": board.counts,
        "ended_early": {str(number): reason for number, reason in board.ended.items()},
        "best_params": board.best_params,
        "rows": board.rows,
        "corrected": board.corrected,
        "against_linear": board.against_linear,
        "families": [vars(family) | {"best": vars(family.best)} for family in board.families],
        "ensemble": None if board.ensemble is None else vars(board.ensemble) | {"pays": board.ensemble.pays},
        "edges": [vars(edge) for edge in board.edges],
        "audit": None if board.audit is None else vars(board.audit),
        "plateau": None if board.plateau is None else vars(board.plateau),
        "standing": standing(board),
    }


def _ensemble(board: Leaderboard) -> list[str]:
    """What the trials are worth together, and how that is exported where it may be worth it."""
    ensemble = board.ensemble
    if ensemble is None:
        return []
    how = f" (`sentiment-search export {shlex.quote(board.study)} --ensemble`"
    folds = min(5, MOST_MEMBERS // len(ensemble.weights))
    how += f"; with `--folds {folds}` as a rule better, and {folds} times as dear)" if folds > 1 else ")"
    is_named = board.recommended == ensemble or ensemble.above_best[0] > 0
    return [f"{together(ensemble)}{how if is_named and not ensemble.is_worse else ''}."]


def _of_family(family: FamilyStanding) -> tuple[str, ...]:
    best, gain = family.best, family.against_linear
    above = "the linear baseline" if best.is_linear else ""
    if gain is not None:
        above = f"{points(gain['corrected'])} ({between(gain['low'], gain['high'])})"
    latency = "" if best.latency is None else f"{best.latency:.1f}"
    score, seconds = f"{best.macro_f1:.4f}", f"{family.seconds:.0f}"
    return (family.family, best.name, score, above, latency, str(family.trials), seconds)


def _model(entry: Entry) -> str:
    return f"{entry.architecture} (baseline)" if entry.is_linear and entry.trial is not None else entry.architecture


def _cells(entry: Entry) -> tuple[str, ...]:
    rate = "" if entry.learning_rate is None else f"{entry.learning_rate:.2g}"
    epochs = "" if entry.epochs is None else f"{entry.epochs:g}"
    seconds = "" if entry.seconds is None else f"{entry.seconds:.1f}"
    recipe = (_model(entry), in_a_word(entry.how), entry.token_unit, entry.optimizer)
    return (entry.name, f"{entry.macro_f1:.4f}", *recipe, rate, epochs, seconds)


def parameter_value(value: Any) -> str:
    """As a table shows it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
