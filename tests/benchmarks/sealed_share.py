"""How many rows should a comparison seal? The same idea compared with more and fewer sealed rows, at equal cost.

    python -m tests.benchmarks.sealed_share --data netflix-2024-09.csv --text content --label score --classes stars-3
    python -m tests.benchmarks.sealed_share --data mr.csv

Sealed rows are not trained on, so that every training becomes cheaper and more pairs can be had for the same hours.
"interval" is half of the one measured, "found" the smallest difference that would be found with a probability of 80 %,
both of a single look at 5 %. The macro-F1 and the difference say what training on fewer rows changes.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from search.cli.asked import local_processes
from search.comparison.compare import compare
from search.comparison.ideas import read_comparison
from search.comparison.results import results
from search.comparison.setting import Setting
from search.statistics import Noise, sight

STUDY = """
[data]
path = {path!r}
text = {text!r}
label = {label!r}
classes = {classes!r}
max_rows = {rows}
[baseline]
architecture = "lstm"
token_unit = "word"
vocabulary_size = 8000
max_tokens = 64
embedding_size = 64
hidden_size = 64
dropout = 0.3
learning_rate = 2e-3
epochs = 3
class_weights = "balanced"
[tune]
[[idea]]
name = "attention"
change = {{ architecture = "lstm_attention" }}
[budget]
trials = 1
sealed = {share}
pairs = {pairs}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--text", default="text")
    parser.add_argument("--label", default="label")
    parser.add_argument("--classes", default="as-is")
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--pairs", type=int, default=16, help="with half of the rows sealed; other shares by cost")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.25, 0.5, 0.7])
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print(f"{given.data}, {given.rows:,} rows at most; points of macro-F1")
    print("sealed  training  sealed rows  pairs  macro-F1  difference  interval  found  of pairs, of rows, of both")
    for share in given.shares:
        pairs = max(2, round(given.pairs * 0.5 / (1 - share)))
        values = {name: getattr(given, name) for name in ("text", "label", "classes", "rows")}
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            study = folder / "study.toml"
            study.write_text(STUDY.format(path=str(Path(given.data).resolve()), share=share, pairs=pairs, **values))
            comparison = replace(read_comparison(study), name="share")
            setting = Setting(comparison, f"sqlite:///{folder}/studies.db", folder / "artifacts")
            compared = compare(setting, executor=local_processes(given.workers))
            found = results(comparison, setting.dataset, compared, openings=1)
        difference = found.ideas[0].difference
        noise = Noise.of(difference)
        seen = sight(noise, pairs=pairs, rows=difference.rows)
        parts = " ".join(f"{100 * part**0.5:.2f}" for part in (noise.of_pair, noise.of_row, noise.of_both))
        print(
            f"{share:6.0%} {found.rows['train']:9,} {difference.rows:12,} {pairs:6} "
            f"{100 * found.baseline.macro_f1:9.1f} {100 * difference.mean:+11.1f} {100 * seen.reach:9.2f} "
            f"{100 * seen.found:6.2f}  {parts}",
            flush=True,
        )


if __name__ == "__main__":
    main()
