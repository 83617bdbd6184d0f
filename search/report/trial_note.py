"""A trial in words: the note on its page in the dashboard.

It is written once, as the trial ends, and stays: what it says of other trials is said as of then.
"""

import shlex
from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from search.statistics import score_error
from search.study.origins import IN_WORDS
from search.study.outcome import Outcome
from search.study.records import CONFIG, IS_LINEAR_BASELINE, model_in_words, told
from sentiment.foreign import code, markdown
from sentiment.metrics import per_class

__all__ = ["note", "rows_of_classes"]


def note(
    study: str, number: int, outcome: Outcome, others: Sequence[FrozenTrial], linear: float | None, where: str = ""
) -> str:
    """The note, in Markdown.

    Args:
        study: its name.
        number: of the trial.
        outcome: what came of it.
        others: all trials of the study, this one among them.
        linear: validation macro-F1 of the linear baseline, where that is no trial.
        where: options that lead to the study's storage and artifacts, as they are typed; nothing for the usual ones.
    """
    others = [trial for trial in others if trial.number != number]
    lines = [
        f"**{markdown(model_in_words(outcome.config))}** · {IN_WORDS[outcome.origin].of_a_trial}",
        _standing(outcome, others, linear),
        "\n".join(f"- {line}" for line in _facts(study, number, outcome, where)),
    ]
    return "\n\n".join(lines)


def rows_of_classes(outcome: Outcome) -> list[dict[str, str | float | int]]:
    """Precision, recall, F1 and validation rows of each class, for a table; nothing where it has no predictions."""
    if outcome.trained is None:
        return []
    classes, labels = outcome.dataset.classes, outcome.dataset.labels("validation")
    found = per_class(labels, outcome.trained.probabilities.argmax(axis=1), len(classes))
    columns = zip(classes, found.precision, found.recall, found.f1, found.support, strict=True)
    return [
        {
            "class": name,
            "precision": round(float(precision), 4),
            "recall": round(float(recall), 4),
            "F1": round(float(f1), 4),
            "rows": int(rows),
        }
        for name, precision, recall, f1, rows in columns
    ]


def _standing(outcome: Outcome, others: Sequence[FrozenTrial], linear: float | None) -> str:
    if outcome.state == TrialState.FAIL:
        return f"**Failed.** {markdown(outcome.why or '')}"
    score = outcome.reports[-1].best_macro_f1
    rows = len(outcome.dataset.split.validation)
    chance = 1.96 * score_error(score, outcome.dataset.class_sizes("validation"))
    sentence = f"Macro-F1 **{score:.4f}** on {rows:,} validation rows, which leave it open by ±{chance:.3f}"
    # Of what another program told nobody knows what it is the score of.
    ours = [t for t in others if t.state == TrialState.COMPLETE and told(t, CONFIG)]
    completed = {t.number: t.value for t in ours if t.value is not None}
    baselines = [t.number for t in others if t.number in completed and IS_LINEAR_BASELINE in t.user_attrs]
    beside = []
    if baselines:
        linear = completed[baselines[0]]
    if linear is not None:
        beside.append(f"{_apart(score, linear)} the linear baseline ({linear:.4f})")
    if completed:
        best = max(completed, key=lambda other: completed[other])
        if best not in baselines:
            beside.append(f"{_apart(score, completed[best])} the best so far (trial {best}, {completed[best]:.4f})")
    if not beside:
        return f"{sentence}."
    return f"{sentence}; when it ended, that was {' and '.join(beside)}."


def _apart(score: float, other: float) -> str:
    points = 100 * (score - other)
    if abs(points) < 0.05:
        return "level with"
    return f"{abs(points):.1f} points {'above' if points > 0 else 'below'}"


def _facts(study: str, number: int, outcome: Outcome, where: str) -> list[str]:
    facts, name = [], shlex.quote(study)
    if outcome.state == TrialState.PRUNED and outcome.trained is None:
        facts.append(f"Pruned: {markdown(outcome.why or '')}. Its score is that of its best checkpoint until then.")
    elif outcome.state == TrialState.PRUNED:
        facts.append(f"Ended early: it {markdown(outcome.why or '')}.")
    if outcome.trained is not None and outcome.trained.collapsed and outcome.trained.collapsed not in str(outcome.why):
        facts.append(f"**Collapsed**: its best checkpoint {markdown(outcome.trained.collapsed)}.")
    if outcome.audited is not None:
        facts.append(
            f"The pruner would have stopped it after {outcome.audited:.3g} epochs; it ran on to see what pruning costs."
        )
    if outcome.resumed is not None:
        facts.append(f"It went on from epoch {outcome.resumed:.3g} of a trial that was interrupted.")
    if outcome.reports:
        facts.append(_training(outcome))
    if outcome.trained is not None and len(outcome.dataset.classes) <= 12:
        shown = (f"{markdown(str(row['class']))} {row['F1']:.3f}" for row in rows_of_classes(outcome))
        facts.append(f"F1 of each class: {', '.join(shown)}.")
    if outcome.kept:
        export = f"sentiment-search export {name} --trial {number} --to {shlex.quote(f'{study}-model')}{where}"
        facts.append(f"Its weights were kept when it ended; better trials may have replaced them since: {code(export)}")
    elif outcome.state == TrialState.COMPLETE:
        facts.append("Its weights were not kept: others are better.")
    if outcome.reports:
        replay = f"sentiment-search replay {name} --trial {number}{where}"
        facts.append(f"The same numbers again, bit for bit: {code(replay)}")
    return facts


def _training(outcome: Outcome) -> str:
    last = outcome.reports[-1]
    best = max(outcome.reports, key=lambda report: (report.macro_f1, -report.step))
    sentence = f"Trained {last.epoch:.3g} of {outcome.config.passes} epochs in {_seconds(last.seconds)}"
    if len(outcome.reports) > 1:
        sentence += f"; its best checkpoint is that of epoch {best.epoch:.3g}, of {len(outcome.reports)} scored"
    if outcome.milliseconds is not None:
        sentence += f"; an answer takes {outcome.milliseconds:.2g} milliseconds"
    return f"{sentence}."


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"
