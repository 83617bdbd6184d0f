"""What a file holds, told before anything is trained: `sentiment-search inspect`.

It reads the file by the very rules that training will use, guesses what was not said, and describes; it changes
nothing and decides nothing. It knows nothing of models and must not import torch: the answer should come in seconds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from sentiment.errors import InputError
from sentiment.files.columns import match_column
from sentiment.files.reader import Table, read_table
from sentiment.files.unpacking import MAX_BYTES
from sentiment.reviews.cleaning import LeftOut, clean
from sentiment.reviews.dataset import Dataset, guessed, headless, load_dataset
from sentiment.reviews.guess import LABEL_NAMES, TEXT_NAMES, guess_label, guess_rule, guess_text, label_counts, named
from sentiment.reviews.labels import RulePreview, look_alikes, preview_rules
from sentiment.reviews.scripts import main_scripts
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import PARTS, Indices
from sentiment.terminal import WIDTH, clip, in_columns, wrapped

__all__ = ["Inspection", "Lengths", "TokenUnit", "inspect"]

TOKEN_UNITS: Final = ("word", "char", "subword", "jamo")
FIT_ROWS: Final = 20_000
"""Training rows that the tokenizers are fitted on here."""
COVERAGE_ROWS: Final = 5_000
"""Validation rows that coverage is counted on."""
READ_CHARACTERS: Final = 100_000
"""Of a longer review the first so many are looked at for its tokens and its script; no network reads more tokens."""
SAMPLE_CHARACTERS: Final = 2_000_000
"""Of long reviews fewer rows are taken, so that a sample has about this many characters at most."""
LONGEST_ROWS: Final = 20
"""Reviews with the most characters, and as many with the most words, among which the most tokens are looked for."""
VOCABULARY_SIZE: Final = 8000
NOT_PLAIN: Final = ", which is not plain: a search wants {}"
MOST_UNUSABLE: Final = 5
"""Columns of which it is said why they cannot be used."""


@dataclass(frozen=True)
class Lengths:
    """How long the kept reviews are, in one unit."""

    unit: str
    median: float
    p95: float
    longest: int


@dataclass(frozen=True)
class TokenUnit:
    """What a tokenizer of this unit, fitted on a sample of training rows, makes of a sample of validation rows."""

    unit: str
    vocabulary_size: int
    """Entries that were learned; at most the size asked for."""
    coverage: float
    """Share of validation tokens that are not `<unk>`."""
    tokens: Lengths
    """Tokens per validation review; `longest` is over the longest reviews of the whole file."""


@dataclass(frozen=True)
class Inspection:
    """What `inspect` found."""

    path: str
    format: str
    compression: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    rows: int
    """Data rows in the file, those of the user's validation and test files included."""
    text: str
    label: str | None
    rule: str
    notes: tuple[str, ...]
    """What was guessed or sampled, in sentences."""
    refusal: str | None
    """Why training on this would be refused; None if it would not."""
    kept: int
    left_out: tuple[LeftOut, ...]
    classes: tuple[str, ...]
    class_counts: tuple[int, ...]
    split: Mapping[str, int]
    """Reviews in train, validation and test; empty if there is no split."""
    fingerprint: str | None
    lengths: tuple[Lengths, ...]
    """In characters and in words between spaces."""
    scripts: Mapping[str, float]
    """Share of the kept reviews whose letters are mostly of this script."""
    label_rules: tuple[RulePreview, ...]
    token_units: tuple[TokenUnit, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of the rows left out, all numbers."""
        values = asdict(self)
        values["left_out"] = [
            {"reason": group.reason, "path": group.path, "count": len(group.rows), "rows": group.rows.tolist()}
            for group in self.left_out
        ]
        return values

    def render(self, width: int | None = None) -> str:
        """The report as text, at most 100 columns of a terminal wide."""
        most = min(width or WIDTH, WIDTH)
        return "\n".join(clip(line, most) for line in _report(self, most)) + "\n"


def inspect(
    path: str,
    text: str | None = None,
    label: str | None = None,
    classes: str | dict[str, list[str]] | None = "as-is",
    *,
    encoding: str | None = None,
    validation_path: str | None = None,
    test_path: str | None = None,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    split_seed: int = 0,
    max_rows: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> Inspection:
    """Describes a file of reviews; arguments as in `DataSource`, with columns guessed where they are not given, and the
    rule where `classes` is None.

    What training would refuse is told in `refusal`, beside everything that can still be said.

    Raises:
        InputError: the file cannot be read, or has no such column.
    """
    table = read_table(path, None, encoding, max_bytes)
    notes = []
    if text is None:
        text, plainly = _guess_text(table)
        notes.append(f"text column guessed: {text!r}{'' if plainly else NOT_PLAIN.format('--text')}")
    else:
        text = match_column(text, table.columns, path)
    if label is None:
        label, plainly = _guess_label(table, text)
        told = f"label column guessed: {label!r}{'' if plainly else NOT_PLAIN.format('--label')}"
        notes.append(told if label else "no label column found or given")
    else:
        label = match_column(label, table.columns, path)
    for name in (text, label or text):
        table.column(name)  # what training would refuse to read is not described either
    if classes is None:
        classes = "as-is"
        if label is not None:
            with suppress(InputError):
                classes = guess_rule(label_counts(table, label), path)
            notes.append(f"label rule guessed: {classes}")
    notes += [f"not looked at: {reason}" for reason in list(table.unusable.values())[:MOST_UNUSABLE]]
    dataset: Dataset | None = None
    refusal: str | None = None
    if label is not None:
        try:
            source = DataSource(
                path=path,
                text=text,
                label=label,
                classes=classes,
                encoding=encoding,
                validation_path=validation_path,
                test_path=test_path,
                fractions=fractions,
                split_seed=split_seed,
                max_rows=max_rows,
                max_bytes=max_bytes,
            )
            dataset = load_dataset(source, {path: table})
        except InputError as error:
            refusal = str(error)
            notes.append("classes and labels are not looked at below, because training would be refused")
    if dataset is not None:
        notes += dataset.notes
    else:
        if table.recognised:
            notes.append(guessed(table))
        notes += headless(table, text, label)
        if label is not None and classes == "as-is":  # it may be why there are too few rows of a class
            labels = label_counts(table, label)
            notes += look_alikes({value: number for number, value in enumerate(labels)}, labels)
    return _described(table, text, label, classes, dataset, refusal, notes, split_seed)


def _described(
    table: Table,
    text: str,
    label: str | None,
    classes: str | dict[str, list[str]],
    dataset: Dataset | None,
    refusal: str | None,
    notes: list[str],
    seed: int,
) -> Inspection:
    import pyarrow as pa
    import pyarrow.compute as pc

    if dataset is None:
        cleaned = clean(table, text)
        texts, left_out = cleaned.texts, cleaned.left_out
        order = np.random.default_rng(seed).permutation(len(texts))
        train, validation = order[len(texts) // 10 :], order[: len(texts) // 10]
        counts: tuple[int, ...] = ()
    else:
        texts, left_out = pa.array(dataset.reviews.texts, pa.large_string()), dataset.reviews.left_out
        train, validation = dataset.split.train, dataset.split.validation
        sizes = np.bincount(dataset.reviews.labels, minlength=len(dataset.classes))
        counts = tuple(int(size) for size in sizes)
    characters, words = _lengths(texts)
    longest = np.union1d(np.argsort(-characters)[:LONGEST_ROWS], np.argsort(-words)[:LONGEST_ROWS])
    if characters.max() > READ_CHARACTERS:
        cut = int((characters > READ_CHARACTERS).sum())
        notes.append(f"tokens and scripts: of {cut:,} long reviews the first {READ_CHARACTERS:,} characters are read")
    read, lengths = pc.utf8_slice_codeunits(texts, 0, READ_CHARACTERS), np.minimum(characters, READ_CHARACTERS)
    most = max(1, int(SAMPLE_CHARACTERS / lengths.mean()))
    units, note = _token_units(read, train, validation, longest, most, seed)
    return Inspection(
        path=table.path,
        format=table.format,
        compression=table.compression,
        encoding=table.encoding,
        delimiter=table.delimiter,
        columns=table.columns,
        rows=len(texts) + sum(len(group.rows) for group in left_out),
        text=text,
        label=label,
        rule=classes if isinstance(classes, str) else "mapping",
        notes=(*notes, note),
        refusal=refusal,
        kept=len(texts),
        left_out=left_out,
        classes=dataset.classes if dataset else (),
        class_counts=counts,
        split={part: len(dataset.indices(part)) for part in PARTS} if dataset else {},
        fingerprint=dataset.fingerprint if dataset else None,
        lengths=(_summary("characters", characters), _summary("words", words)),
        scripts=_script_shares(read, lengths),
        label_rules=preview_rules(label_counts(table, label)) if label is not None else (),
        token_units=units,
    )


# Guessing columns


def _guess_text(table: Table) -> tuple[str, bool]:
    """What `run` would take, where it takes any; else what is most like it, and False: to describe does no harm."""
    with suppress(InputError):
        return guess_text(table), True
    usable = [name for name in table.columns if name and name not in table.unusable]
    if not usable:
        raise InputError(next(iter(table.unusable.values())))
    likely = named(table, TEXT_NAMES)
    return likely or max(usable, key=lambda name: sum(len(cell) for cell in _first_cells(table, name))), False


def _guess_label(table: Table, text: str) -> tuple[str | None, bool]:
    with suppress(InputError):
        return guess_label(table, text), True
    likely = named(table, LABEL_NAMES)
    if likely is not None and likely != text:
        return likely, False
    distinct = {name: len(set(_first_cells(table, name)) - {""}) for name in table.data.column_names if name != text}
    possible = [name for name, count in distinct.items() if 2 <= count <= 20]
    return min(possible, key=lambda name: distinct[name]) if table.num_rows >= 20 and possible else None, False


def _first_cells(table: Table, name: str) -> list[str]:
    return [cell or "" for cell in table.column(name).slice(0, 2000).to_pylist()]


# Measuring texts


def _lengths(texts: Any) -> tuple[Indices, Indices]:
    import pyarrow.compute as pc

    characters = pc.utf8_length(texts).to_numpy().astype(np.int64)
    words = pc.count_substring_regex(texts, r"[^\s\p{Z}]+").to_numpy().astype(np.int64)
    return characters, words


def _summary(unit: str, lengths: Indices) -> Lengths:
    median, p95 = np.percentile(lengths, [50, 95])
    return Lengths(unit, float(median), float(p95), int(lengths.max()))


def _script_shares(texts: Any, lengths: Indices) -> dict[str, float]:
    counts: Counter[str] = Counter()
    # A block of about a million characters takes some 30 MB; one of all reviews would take gigabytes.
    blocks = np.cumsum(lengths) // 1_000_000
    ends = [*(np.flatnonzero(np.diff(blocks)) + 1), len(texts)]
    for start, end in pairwise([0, *ends]):
        counts.update(main_scripts(texts.slice(start, end - start).to_pylist()))
    return {name: count / len(texts) for name, count in counts.most_common()}


def _token_units(
    texts: Any, train: Indices, validation: Indices, longest: Indices, most_rows: int, seed: int
) -> tuple[tuple[TokenUnit, ...], str]:
    from sentiment.tokens.tokenizers import UNKNOWN, encode, fit_tokenizer

    rng = np.random.default_rng(seed)
    fit_rows = np.sort(rng.choice(train, min(FIT_ROWS, most_rows, len(train)), replace=False))
    # A file of a few rows without a split has no validation rows: then its own rows are counted.
    scored = validation if len(validation) else train
    score_rows = np.sort(rng.choice(scored, min(COVERAGE_ROWS, most_rows, len(scored)), replace=False))
    fit_texts, score_texts = texts.take(fit_rows).to_pylist(), texts.take(score_rows).to_pylist()
    longest_texts = texts.take(longest).to_pylist()
    units = []
    for unit in TOKEN_UNITS:
        tokenizer = fit_tokenizer(fit_texts, unit, VOCABULARY_SIZE)
        encoded = encode(tokenizer, score_texts)
        lengths = np.asarray(encoded.lengths, dtype=np.int64)
        most = max(int(lengths.max()), int(np.asarray(encode(tokenizer, longest_texts).lengths).max()))
        median, p95 = np.percentile(lengths, [50, 95])
        units.append(
            TokenUnit(
                unit=unit,
                vocabulary_size=tokenizer.get_vocab_size(),
                coverage=float(np.mean(encoded.ids != UNKNOWN)),
                tokens=Lengths("tokens", float(median), float(p95), most),
            )
        )
    note = (
        f"token units: fitted on {len(fit_texts):,} of {len(train):,} training rows, at most {VOCABULARY_SIZE:,} "
        f"entries; counted on {len(score_texts):,} of {len(scored):,} rows"
    )
    return tuple(units), note


# Rendering


def _report(found: Inspection, width: int) -> Iterable[str]:
    yield found.path
    stored = [found.format, found.compression if found.compression != "none" else "", found.encoding, found.delimiter]
    yield f"  stored as  {', '.join(part for part in stored if part)}"
    yield from wrapped(f"  columns    {', '.join(found.columns)}", indent=13, width=width)
    yield f"  text       {found.text}"
    yield f"  label      {found.label or '-'}" + (f", read by rule {found.rule}" if found.label else "")
    yield ""
    yield f"Rows: {found.rows:,} read, {found.kept:,} kept, {found.rows - found.kept:,} left out"
    several = len({group.path for group in found.left_out}) > 1
    yield from in_columns(
        ("left out", "rows", "first row numbers"),
        [
            (
                clip(group.reason + (f" ({Path(group.path).name})" if several else ""), width // 2),
                f"{len(group.rows):,}",
                ", ".join(str(row) for row in group.rows[:5]) + (", ..." if len(group.rows) > 5 else ""),
            )
            for group in found.left_out
        ],
        right=(1,),
        width=width,
    )
    if found.classes:
        yield ""
        parts = ", ".join(f"{part} {size:,}" for part, size in found.split.items())
        yield f"Classes: {len(found.classes)} (split: {parts})"
        total = sum(found.class_counts)
        yield from in_columns(
            ("class", "rows", "share"),
            [
                (clip(name, width // 2), f"{count:,}", f"{count / total:.1%}")
                for name, count in zip(found.classes, found.class_counts, strict=True)
            ],
            right=(1, 2),
            width=width,
        )
    if found.label_rules:
        yield ""
        yield from wrapped("Label rules that fit this column (all rows with a label, duplicates included)", width=width)
        for rule in found.label_rules:
            left_out = f"; {rule.left_out:,} left out" if rule.left_out else ""
            yield from wrapped(f"  {rule.name:<8} {_class_sizes(rule)}{left_out}", indent=11, width=width)
    yield ""
    yield "Lengths"
    yield from in_columns(
        ("unit", "median", "95 %", "longest"),
        [(row.unit, f"{row.median:,.0f}", f"{row.p95:,.0f}", f"{row.longest:,}") for row in found.lengths],
        right=(1, 2, 3),
        width=width,
    )
    yield ""
    yield "Languages, by the script of most letters"
    yield from in_columns(
        ("script", "share of reviews"),
        [(name, f"{share:.2%}" if share >= 0.0001 else "< 0.01%") for name, share in found.scripts.items()],
        right=(1,),
        width=width,
    )
    yield ""
    yield from wrapped("Token units (coverage: share of unseen rows' tokens that the vocabulary knows)", width=width)
    yield from in_columns(
        ("unit", "vocabulary", "coverage", "tokens, median", "95 %", "longest"),
        [
            (
                unit.unit,
                f"{unit.vocabulary_size:,}",
                f"{unit.coverage:.2%}",
                f"{unit.tokens.median:,.0f}",
                f"{unit.tokens.p95:,.0f}",
                f"{unit.tokens.longest:,}",
            )
            for unit in found.token_units
        ],
        right=(1, 2, 3, 4, 5),
        width=width,
        spare=("longest", "95 %"),
    )
    yield ""
    for note in found.notes:
        yield from wrapped(f"Note: {note}", width=width)
    if found.refusal is not None:
        yield from wrapped(f"Training on this would be refused: {found.refusal}", width=width)


def _class_sizes(rule: RulePreview) -> str:
    shown = [f"{name} {count:,}" for name, count in zip(rule.classes, rule.counts, strict=True)]
    return ", ".join(shown[:10]) + (f", ... ({len(shown)} classes)" if len(shown) > 10 else "")
