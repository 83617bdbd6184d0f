"""What the pages of the dashboard say in words: of a search, of a comparison, and of a comparison's other studies.

A note is Markdown. It begins with what to do.
"""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final

import optuna
from optuna.trial import TrialState

from search.comparison.results import Results
from search.report.standing import audited, optimism, standing, together, unaudited
from search.report.tables import tables
from search.report.words import heading, who_won, words
from search.study.leaderboard import EnsembleStanding, Leaderboard
from search.study.origins import IN_WORDS, Origin, in_a_word, origins
from search.study.records import EPOCHS, told
from sentiment.foreign import code, markdown

__all__ = ["comparison_note", "export_flag", "part_note", "search_note", "under_way_note"]

TOP: Final = 8
"""Trials in the table of a note; the file leaderboard.csv has all."""

NAMED: Final = 12
"""Recipes that are listed."""

AIR: Final = "\u00a0" * 3
"""Blanks that are not taken away."""

BEST_INSTEAD: Final = (
    "The linear model has no weights here; a search with `--families linear,network` keeps them. The best trial, if "
    "it shall be that all the same"
)

_UNDRAWN: Final = "has no figures: the extra `figures`, which draws them, was not installed"


def search_note(study: optuna.Study, board: Leaderboard, wanted: int | None = None, where: str = "") -> str:
    """Of a search, under way or done.

    Args:
        study: the search.
        board: its standing.
        wanted: trials that it shall have, where that is known.
        where: options that lead to its storage and artifacts, as they are typed; nothing for the usual ones.
    """
    trials = study.get_trials(deepcopy=False)
    origin = origins(trials)
    parts = [*_under_way(board, wanted), "### What to do", *_advice(board, where)]
    parts += ["### The best", _table(board), _origins(board, origin)]
    parts += [_counts(study, board), _pages(), *_silent(board)]
    return "\n\n".join(part for part in parts if part) + "\n"


def comparison_note(found: Results) -> str:
    """Of a comparison: the verdicts first, then how they were made, then the tables."""
    sentences = sorted(words(found), key=lambda sentence: not sentence.startswith("Deploy "))
    said = "\n".join(f"- {markdown(sentence)}" for sentence in sentences)
    shown = [f"**{markdown(one.title)}**\n\n{_aired(one.header, one.rows)}" for one in tables(found)]
    drawn = "has the forest plot: every idea with its interval"
    look = (
        f"**History**, the first page, {drawn if find_spec('plotly') else _UNDRAWN}. The value of a trial here is "
        "a validation score; verdicts come from the sealed rows, by pairs. Choose by them, and nothing else on these "
        "pages. The chart of importances is of validation scores of few trainings, and no verdict."
    )
    parts = ["### What it found", said, "### How it was measured", markdown(heading(found)), look, *shown]
    return "\n\n".join([*parts, found.slices.markdown(who_won(found))])


def under_way_note(done: int, total: int) -> str:
    """Of a comparison that has not come to its end: `done` of `total` trainings."""
    return (
        f"### Under way: {done:,} of {total:,} trainings are done\n\nThe verdicts will stand here when they are. Until "
        "then nothing can be said of any idea: the values on these pages are validation scores of single trainings.\n"
    )


def part_note(comparison: str, what: str) -> str:
    """Of another study of a comparison.

    Args:
        comparison: its name.
        what: what this study of it is.
    """
    name = f"**{markdown(comparison)}**"
    return (
        f"Part of the comparison {name}: {markdown(what)}.\n\nThe verdicts are in the study {name}. Do not choose "
        "among arms here: these are the scores that chose each arm's settings, so they are optimistic, and not all "
        "alike.\n"
    )


def export_flag(board: Leaderboard) -> str:
    """What exports what the board recommends, where it can be exported: the linear baseline may be no trial of the
    search, and earlier versions did not keep its weights."""
    recommended = board.recommended
    if isinstance(recommended, EnsembleStanding):
        return " --ensemble"
    if recommended is None or recommended.trial is None or recommended == board.best or recommended.kept is False:
        return ""
    return f" --trial {recommended.trial}"


def _under_way(board: Leaderboard, wanted: int | None) -> list[str]:
    finished = board.counts.get("complete", 0) + board.counts.get("pruned", 0)
    if wanted is None or finished >= wanted or board.plateau is not None:
        return []
    return [f"**Under way: {finished:,} of {wanted:,} trials.** What stands here is what is known so far."]


def _advice(board: Leaderboard, where: str) -> list[str]:
    if board.best is None:
        return ["No trial has been completed yet."]
    name = shlex.quote(board.study)
    model = shlex.quote(f"{board.study}-model")
    command = f"sentiment-search export {name}{export_flag(board)} --to {model}{where}"
    sealed = f"sentiment-search evaluate {model} --sealed {name}{where}"
    # What the words advise is not what the command exports where the linear model's weights were not kept.
    is_another = board.recommended not in (None, board.best) and not export_flag(board)
    take = BEST_INSTEAD if is_another else "Take it along"
    said = [f"**{markdown(standing(board))}**", f"- {take}: {code(command)}"]
    said[-1] += f"\n- Then look once at the rows that no trial has seen: {code(sealed)}"
    said[-1] += "".join(f"\n- Widen the search: {markdown(str(edge))}" for edge in board.edges)
    said[-1] += "\n- Or search on: the same `run` command with more `--trials` goes on from here"
    said.append(f"How sure? {markdown(optimism(board))}")
    if board.ensemble is not None:
        said.append(markdown(f"{together(board.ensemble)}."))
    return said


def _table(board: Leaderboard) -> str:
    shown = [e for rank, e in enumerate(board.entries) if rank < TOP or e.is_linear or e.trial is None]
    rows = []
    for entry in shown:
        model = f"{entry.architecture}, the baseline" if entry.is_linear and entry.trial is not None else ""
        latency = "" if entry.latency is None else f"{entry.latency:.1f}"
        epochs = "" if entry.epochs is None else f"{entry.epochs:g}"
        score = f"{100 * entry.macro_f1:.1f}"
        rows.append(
            (entry.name, in_a_word(entry.how), score, model or entry.architecture, entry.token_unit, epochs, latency)
        )
    header = ("", "how", "macro-F1, points", "model", "tokens", "epochs", "ms a text")
    return _aired(header, rows) if rows else ""


def _aired(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with room between its columns, which the dashboard sets without any; all of it at the left."""
    lines = [f"| {' | '.join(f'{markdown(text)}{AIR}' for text in line)} |" for line in (header, *rows)]
    lines.insert(1, f"|{' :--- |' * len(header)}")
    return "\n".join(lines)


def _origins(board: Leaderboard, origin: Mapping[int, Origin]) -> str:
    counts = Counter(origin.values())
    said = "; ".join(
        f"**{one.short}** ({counts[kind]}) {one.meaning}" for kind, one in IN_WORDS.items() if counts[kind]
    )
    models = {entry.trial: entry.architecture for entry in board.entries}
    recipes = [number for number, kind in origin.items() if kind == "recipe" and models.get(number)]
    named = ", ".join(f"{number} {markdown(models[number])}" for number in recipes[:NAMED])
    listed = f" Recipes that were completed: {named}{', ...' if len(recipes) > NAMED else ''}." if recipes else ""
    return f"How a trial came by its settings: {said}.{listed}" if said else ""


def _counts(study: optuna.Study, board: Leaderboard) -> str:
    words_of = {"complete": "completed", "pruned": "pruned", "fail": "failed", "running": "running"}
    counted = ", ".join(
        f"{board.counts[state]:,} {word}" for state, word in words_of.items() if board.counts.get(state)
    )
    parts = [f"{counted}." if counted else ""]
    pruned = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.PRUNED]
    if pruned:
        epochs = sum(float(told(trial, EPOCHS) or 0.0) for trial in pruned) / len(pruned)
        parts.append(f"Those pruned were stopped after {epochs:.1f} epochs on average.")
    if board.audit is not None:
        parts.append(audited(board.audit))
    elif pruned:
        parts.append(f"What that cost is not known: {unaudited(study)}.")
    if board.plateau is not None:
        parts.append(f"{board.plateau}.")
    return " ".join(markdown(part) for part in parts if part)


def _pages() -> str:
    figures = (
        "has score against cost with the linear model as a line; learning curves, the best in colour, what was pruned "
        "in grey; what pruning saved; what each parameter was worth"
    )
    return (
        f"### Where to look\n\n- **History**, the first page, {figures if find_spec('plotly') else _UNDRAWN}.\n"
        "- **Trials**: each with a note of its own. State Pruned is no failure: it was behind, and stopped early.\n"
        "- At the end of the first page, **leaderboard.csv** has every completed trial."
    )


def _silent(board: Leaderboard) -> list[str]:
    rows = board.rows.get("validation", 0)
    return [
        "### What the numbers do not say",
        f"- Every score is on the same {rows:,} validation rows, and the best of many is lucky: expect less on new "
        "rows.\n"
        "- The dashboard's own chart *Hyperparameter Importance* counts the recipes that begin a search. They share "
        "settings, so it ties parameters to one another. *What each parameter was worth* leaves them out.\n"
        "- What is good on these reviews says little of other reviews, and nothing of more of them.",
    ]
