import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from sentiment import writing
from sentiment.reviews.dataset import Dataset, Reviews
from sentiment.reviews.source import DataSource
from sentiment.reviews.splits import Split
from sentiment.tokens import corpus as cache
from sentiment.tokens.corpus import Corpus, load_corpus

MIXED = [
    "정말 재미있는 영화 ㅋㅋㅋ",
    "정말 재미없는 영화 ㅠㅠ",
    "이 영화 정말 재미있다",
    "Don't watch this movie, it's BORING!!!",
    "I loved this movie; the acting is great.",
    "A great, great movie <br /><br /> loved it",
    "อาหารอร่อยมาก",
] * 4


def dataset(texts, train=None, fingerprint="f" * 64):
    n = len(texts)
    split = Split(
        train=np.arange(n - 2) if train is None else np.asarray(train),
        validation=np.array([n - 2]),
        test=np.array([n - 1]),
    )
    reviews = Reviews(
        texts=list(texts),
        labels=np.arange(n) % 2,
        classes=("negative", "positive"),
        ratings=[str(i % 2) for i in range(n)],
        rows=np.arange(1, n + 1),
        left_out=(),
    )
    source = DataSource(path="reviews.csv", text="text", label="label")
    return Dataset(source=source, reviews=reviews, split=split, fingerprint=fingerprint)


def the_only(cache: Path) -> Path:
    (directory,) = cache.iterdir()
    return directory


def assert_equal(one: Corpus, other: Corpus) -> None:
    np.testing.assert_array_equal(one.encoded.ids, other.encoded.ids)
    np.testing.assert_array_equal(one.encoded.offsets, other.encoded.offsets)
    assert (one.tokenizer_json, one.vocabulary_size) == (other.tokenizer_json, other.vocabulary_size)


def test_the_tokenizer_is_fitted_on_training_rows_and_all_rows_are_encoded(tmp_path):
    data = dataset(["good film", "bad film", "sealed", "sealed"], train=[0, 1])
    corpus = load_corpus(data, "word", 100, tmp_path)
    assert json.loads(corpus.tokenizer_json)["model"]["vocab"] == {"<pad>": 0, "<unk>": 1, "film": 2}
    assert corpus.vocabulary_size == 3
    assert list(corpus.encoded.ids) == [1, 2, 1, 2, 1, 1]
    assert list(corpus.encoded.offsets) == [0, 2, 4, 5, 6]


def test_the_second_opening_reads_the_cache_and_maps_it(tmp_path, monkeypatch):
    first = load_corpus(dataset(MIXED), "subword", 200, tmp_path / "deep" / "cache")
    monkeypatch.setattr(cache, "fit_tokenizer", None)  # would fail if called
    second = load_corpus(dataset(MIXED), "subword", 200, tmp_path / "deep" / "cache")
    assert_equal(first, second)
    assert isinstance(second.encoded.ids.base, np.memmap)
    assert not second.encoded.ids.flags.writeable
    assert second.vocabulary_size == Tokenizer.from_str(second.tokenizer_json).get_vocab_size()


def test_other_data_units_and_sizes_have_caches_of_their_own(tmp_path):
    load_corpus(dataset(MIXED), "word", 200, tmp_path)
    load_corpus(dataset(MIXED), "char", 200, tmp_path)
    load_corpus(dataset(MIXED), "word", 100, tmp_path)
    load_corpus(dataset(MIXED[:20], fingerprint="0" * 64), "word", 200, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip_last_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)


def flip_middle_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [Path.unlink, truncate, empty, flip_last_bit, flip_middle_bit])
@pytest.mark.parametrize("name", ["ids.npy", "offsets.npy", "tokenizer.json", "manifest.json"])
def test_a_damaged_cache_is_built_anew_and_never_trusted(name, damage, tmp_path):
    whole = load_corpus(dataset(MIXED), "word", 200, tmp_path)
    ids, offsets = whole.encoded.ids.copy(), whole.encoded.offsets.copy()
    before = {file.name: file.read_bytes() for file in the_only(tmp_path).iterdir()}
    del whole
    damage(the_only(tmp_path) / name)
    with pytest.warns(UserWarning, match="is damaged or cannot be read; it is built anew"):
        again = load_corpus(dataset(MIXED), "word", 200, tmp_path)
    np.testing.assert_array_equal(again.encoded.ids, ids)
    np.testing.assert_array_equal(again.encoded.offsets, offsets)
    assert {file.name: file.read_bytes() for file in the_only(tmp_path).iterdir()} == before


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b"null", b'{"files": 3}', b"\xff", b"[" * 100_000])
def test_a_manifest_that_makes_no_sense_is_damage(manifest, tmp_path):
    whole = load_corpus(dataset(MIXED), "word", 200, tmp_path)
    (the_only(tmp_path) / "manifest.json").write_bytes(manifest)
    with pytest.warns(UserWarning, match="is damaged"):
        assert_equal(load_corpus(dataset(MIXED), "word", 200, tmp_path), whole)


@pytest.mark.parametrize("name", ["../outside.json", "/dev/zero", "/dev/stdin", "..", ".", "deep/er.json", "a\0b"])
def test_a_manifest_that_names_a_file_elsewhere_is_damage_and_that_file_is_not_read(name, tmp_path):
    whole = load_corpus(dataset(MIXED), "word", 200, tmp_path / "cache")
    path = the_only(tmp_path / "cache") / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"] = {name: {"sha256": "0", "bytes": 1}} | manifest["files"]
    path.write_text(json.dumps(manifest))
    with pytest.warns(UserWarning, match="is damaged"):
        assert_equal(load_corpus(dataset(MIXED), "word", 200, tmp_path / "cache"), whole)


def test_each_file_of_the_cache_stands_in_the_manifest_with_its_checksum(tmp_path):
    load_corpus(dataset(MIXED), "word", 200, tmp_path)
    manifest = json.loads((the_only(tmp_path) / "manifest.json").read_text())
    assert manifest["fingerprint"] == "f" * 64
    for name in ("ids.npy", "offsets.npy", "tokenizer.json"):
        content = (the_only(tmp_path) / name).read_bytes()
        assert manifest["files"][name] == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_many_that_build_at_once_all_end_with_the_same_corpus(tmp_path):
    data = dataset(MIXED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(8) as pool:
            corpora = list(pool.map(lambda _: load_corpus(data, "subword", 200, tmp_path), range(16)))
    for one, other in itertools.pairwise(corpora):
        assert_equal(one, other)
    assert the_only(tmp_path).name.startswith("subword-200-")


def test_the_loser_of_a_race_uses_what_the_winner_wrote(tmp_path, monkeypatch):
    data, fit = dataset(MIXED), cache.fit_tokenizer

    def overtaken(texts, unit, size):
        monkeypatch.setattr(cache, "fit_tokenizer", fit)
        load_corpus(data, unit, size, tmp_path)  # another process is faster
        return fit(texts, unit, size)

    monkeypatch.setattr(cache, "fit_tokenizer", overtaken)
    corpus = load_corpus(data, "word", 200, tmp_path)
    assert isinstance(corpus.encoded.ids.base, np.memmap)
    assert the_only(tmp_path).name.startswith("word-200-")


def test_a_cache_that_cannot_be_written_leaves_the_corpus_in_memory_with_a_warning(tmp_path):
    place = tmp_path / "a file"
    place.write_text("in the way")
    with pytest.warns(UserWarning, match=r"cannot be written \(.+\); the corpus stays in memory"):
        corpus = load_corpus(dataset(MIXED), "word", 200, place)
    assert_equal(corpus, load_corpus(dataset(MIXED), "word", 200, tmp_path / "cache"))


def test_a_disk_that_fills_up_leaves_no_half_cache(tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sentiment.tokens.cache.write_through", full)
    with pytest.warns(UserWarning, match=r"\(No space left on device\); the corpus stays in memory"):
        corpus = load_corpus(dataset(MIXED), "word", 200, tmp_path)
    assert len(corpus.encoded) == len(MIXED)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_behind_is_cleaned_and_what_a_live_one_builds_is_not(tmp_path):
    finished = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    live = writing._temporary_path(tmp_path)
    dead = live.with_name(live.name.replace(f"~{os.getpid()}~", f"~{int(finished.stdout)}~"))
    elsewhere = tmp_path / ".building~another.machine~1~0badcafe"
    old = tmp_path / ".building~another.machine~2~0badcafe"
    for path in (live, dead, elsewhere, old):
        path.mkdir()
        (path / "ids.npy").write_bytes(b"half")
    os.utime(old, (0, 0))
    load_corpus(dataset(MIXED), "word", 200, tmp_path)
    assert {path.name for path in tmp_path.glob(".building*")} == {live.name, elsewhere.name}


def test_a_corpus_in_use_survives_the_removal_of_its_cache(tmp_path):
    corpus = load_corpus(dataset(MIXED), "word", 200, tmp_path)
    ids = corpus.encoded.ids.copy()
    shutil.rmtree(the_only(tmp_path))
    np.testing.assert_array_equal(corpus.encoded.ids, ids)
