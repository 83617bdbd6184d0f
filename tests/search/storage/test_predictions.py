import errno
import os
from pathlib import Path

import numpy as np
import pytest

from search.storage.predictions import keep_predictions, kept_predictions
from sentiment.errors import InputError


def test_come_back_as_they_were_kept(tmp_path: Path) -> None:
    for predictions in (np.arange(6, dtype=np.int16), np.linspace(0, 1, 6, dtype=np.float32).reshape(3, 2)):
        record = keep_predictions(tmp_path / "deep" / "er.npy", predictions)
        kept = kept_predictions(tmp_path / "deep", record)
        assert kept.dtype == predictions.dtype
        np.testing.assert_array_equal(kept, predictions)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["er.npy"]


def test_that_have_changed_are_refused(tmp_path: Path) -> None:
    record = keep_predictions(tmp_path / "x.npy", np.arange(6))
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match=r"x.npy is missing or damaged"):
        kept_predictions(tmp_path, record)


def test_for_which_there_is_no_space_leave_nothing_and_the_error_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_predictions(tmp_path / "x.npy", np.arange(6))
    before = (tmp_path / "x.npy").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failed:
        keep_predictions(tmp_path / "x.npy", np.arange(7))
    assert (failed.value.errno, failed.value.filename) == (errno.ENOSPC, str(tmp_path / "x.npy"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
    assert (tmp_path / "x.npy").read_bytes() == before
