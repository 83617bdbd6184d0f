"""Two names, one folder: on a disk without regard to case, on one that decomposes accents, on Windows."""

from pathlib import Path

import pytest

from search.comparison.compare import compare
from search.storage.databases import open_storage
from search.storage.names import folded, is_device
from search.study.create import create_or_resume
from sentiment.errors import InputError
from tests.support.compared import setting_in, write_comparison
from tests.support.tiny import definition

ALIKE = [("Tiny", "tiny"), ("TINY", "tiny"), ("caf\u00e9", "cafe\u0301"), ("K", "\u212a"), ("Straße", "STRASSE")]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_new_study_does_not_take_the_folder_of_another(
    reviews_csv: Path, tmp_path: Path, one: str, other: str
) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    create_or_resume(definition(reviews_csv, name=one), storage, tmp_path / "artifacts")
    with pytest.raises(InputError, match=r"some disks would put the files of .* into its folder"):
        create_or_resume(definition(reviews_csv, name=other), storage, tmp_path / "artifacts")
    assert [path.name for path in (tmp_path / "artifacts").iterdir() if path.name != "cache"] == [one]
    create_or_resume(definition(reviews_csv, name=one), storage, tmp_path / "artifacts")  # itself goes on


def test_a_new_comparison_does_not_take_the_folder_of_a_study(reviews_csv: Path, tmp_path: Path) -> None:
    write_comparison(tmp_path)
    setting = setting_in(tmp_path)
    name = setting.comparison.name.upper()
    create_or_resume(definition(reviews_csv, name=name), open_storage(setting.storage), setting.artifacts)
    with pytest.raises(InputError, match=f"there is a study '{name}' already"):
        compare(setting)


@pytest.mark.parametrize("name", ["x", "x.y", "x..y", "정말", "x y"])
def test_a_name_is_like_itself_with_dots_and_blanks_behind_it(name: str) -> None:
    assert folded(name) == folded(name + ".") == folded(name + " . ") != folded(name + "z")


@pytest.mark.parametrize("name", ["CON", "con", "nul.txt", "Com1", "lpt9.a.b", "aux .x", "COM¹", "prn."])
def test_what_windows_takes_for_a_device_is_one(name: str) -> None:
    assert is_device(name)


@pytest.mark.parametrize("name", ["console", "com", "com10", "x.con", "nullable", "정말"])
def test_what_windows_takes_for_a_file_is_no_device(name: str) -> None:
    assert not is_device(name)
