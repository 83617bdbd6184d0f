"""`sentiment-search export`: the best model as a folder."""

import argparse
import shlex
from dataclasses import asdict

from search.cli.asked import study_of
from search.console import say, show, show_json
from sentiment.errors import InputError

__all__ = ["command"]


def command(args: argparse.Namespace) -> int:
    """As `--help` says."""
    if args.ensemble and args.trial is not None:
        raise InputError("give --trial or --ensemble, not both")
    if args.folds is not None and args.distill:
        raise InputError(
            "give --folds or --distill, not both: models in folds have seen the validation rows, which choose the "
            "checkpoint of the network that would learn from them"
        )
    study = study_of(args)
    args.artifacts.prepare(writing=False)

    from search.report.progress import training_bar
    from search.study.export import export, export_distilled, export_ensemble, export_folded

    if args.ensemble or args.distill or args.folds is not None:
        from search.storage.databases import open_storage, storage_url
        from search.study.create import open_recorded

        opened = open_recorded(study.study_name, open_storage(storage_url(args.storage), create=False), args.artifacts)
    if args.distill:
        made = export_distilled(opened, None if args.ensemble else args.trial or "best", args.to, say)
        gain = 100 * (made.macro_f1 - made.teacher_macro_f1)
        exported = asdict(made)
        told = (
            f"Wrote a network that learned from {made.teacher} to {args.to}: validation macro-F1 {made.macro_f1:.4f}, "
            f"{gain:+.1f} points from its teacher's, in {made.milliseconds:.1f} instead of "
            f"{made.teacher_milliseconds:.1f} ms a text"
        )
    elif args.folds is not None:
        with training_bar() as on_progress:
            trial = None if args.ensemble else args.trial or "best"
            folded = export_folded(opened, trial, args.folds, args.to, say, on_progress)
        exported = asdict(folded)
        told = (
            f"Wrote {folded.members}, trained in {args.folds} folds, to {args.to}\n"
            f"Each of {folded.rows:,} rows answered by the models that did not see it: macro-F1 {folded.macro_f1:.4f}, "
            f"{100 * (folded.macro_f1 - folded.linear_macro_f1):+.1f} points from the linear baseline's in the same "
            "folds (these rows chose the trials, and what each counts)"
        )
    elif args.ensemble:
        exported = export_ensemble(opened, args.to, say)
        members = ", ".join(f"{number} ({weight:.2f})" for number, weight in exported["weights"].items())
        told = f"Wrote the mean of trials {members} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}"
    else:
        exported = export(study, args.artifacts, args.trial or "best", args.to)
        told = f"Wrote trial {exported['trial']} (validation macro-F1 {exported['macro_f1']:.4f}) to {args.to}"
    if args.json:
        show_json(exported, indent=None)
    else:
        show(told)
        show(f'Next: sentiment-search predict {shlex.quote(str(args.to))} "a review"')
    return 0
