"""What one setting is worth to what a search begins with, on rows that nobody chose by.

    python -m tests.benchmarks.one_setting --data wisesight-th.csv.xz --rows 10000 --fractions 0.25 0.0625 0.6875 \\
        --kinds bag lstm textcnn --setting class_weights --values '["balanced", "three_quarters", "square_root"]' \\
        --seeds 3

Every known-good setting of the kinds is trained with each value, on the same rows from the same seed; each seed also
draws the rows anew. Points of macro-F1 on validation and sealed rows; below them each value's mean lead on sealed rows
over the first one, with its standard error over the seeds.
"""

import json
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from optuna.trial import FixedTrial

from search.study.space import Space, defaults_for
from sentiment.metrics import macro_f1
from sentiment.models.family import Resources
from sentiment.models.registry import config_of, train
from sentiment.reviews.dataset import load_dataset
from tests.benchmarks import reviews


def main() -> None:
    parser = reviews.parser("What one setting is worth", rows=10_000)
    parser.add_argument("--kinds", nargs="+", default=["bag", "lstm", "textcnn"], help="families or architectures")
    parser.add_argument("--encoder", help="a folder, a hub's name, or demo:all-minilm-l6-v2; for the kind encoder")
    parser.add_argument("--space", default="{}", help="changes to the default space, as JSON")
    parser.add_argument("--setting", required=True)
    parser.add_argument("--values", type=json.loads, required=True, help="a JSON list")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    changes = json.loads(args.space)
    if args.encoder:
        changes["encoder"] = changes.get("encoder", {}) | {"model": args.encoder}
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(args.seeds):
            dataset = load_dataset(replace(reviews.source(args), split_seed=seed))
            space = Space.of(changes, defaults=defaults_for(dataset.texts("train")))
            for settings in space.known_good():
                config = space.sample(FixedTrial(settings), seed=seed)
                kind = settings.get("architecture") or config.family
                if kind not in args.kinds:
                    continue
                line = []
                for value in args.values:
                    made = config_of(config.to_dict() | {args.setting: value})
                    trained = train(made, dataset, Resources(Path(cache)))
                    guesses = trained.predict(dataset.texts("test")).argmax(axis=1)
                    score = 100 * macro_f1(dataset.labels("test"), guesses, len(dataset.classes))
                    found[kind, json.dumps(value)].append(score)
                    line.append(f"{value} {100 * trained.macro_f1:.1f}, {score:.1f}")
                print(f"seed {seed} {kind:16}{'  '.join(line)}", flush=True)
    first = json.dumps(args.values[0])
    for kind in dict.fromkeys(kind for kind, _ in found):
        for value in map(json.dumps, args.values[1:]):
            leads = np.array(found[kind, value]) - np.array(found[kind, first])
            error = leads.std(ddof=1) / len(leads) ** 0.5 if len(leads) > 1 else float("nan")
            print(f"{kind:16}{value} over {first}: {leads.mean():+.1f} (standard error {error:.1f})")


if __name__ == "__main__":
    main()
