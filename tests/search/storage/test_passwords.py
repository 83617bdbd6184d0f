"""Where a password could be seen while the program runs: the list of processes."""

import time
from pathlib import Path

import pytest

from tests.support.program import start
from tests.support.tiny import write_study_file

PROCESSES = Path("/proc")
URL = "sqlite:///geheim.db"
"""As good as a password, for what is looked for in the arguments."""


def arguments(session: int) -> dict[int, str]:
    """Of all processes that the one numbered `session` and its children have started."""
    found = {}
    for process in PROCESSES.glob("[0-9]*"):
        try:
            # After the name, which stands in brackets: state, parent, group, session.
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                found[int(process.name)] = (process / "cmdline").read_text(errors="replace")
        except (OSError, ValueError):  # it has ended
            continue
    return found


@pytest.mark.skipif(not (PROCESSES / "self" / "stat").exists(), reason="this system has no /proc")
def test_the_processes_of_a_search_have_no_storage_among_their_arguments(tmp_path: Path, reviews_csv: Path) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, trials=2, workers=2)
    process = start(tmp_path, "run", "study.toml", "--json", storage=URL)
    seen: dict[int, str] = {}
    while process.poll() is None:
        seen |= arguments(process.pid)
        time.sleep(0.02)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert len(seen) >= 3  # the program and its workers; and what starts and tracks them
    assert not [line for line in seen.values() if "geheim" in line]
    assert "geheim" not in out + err


@pytest.mark.skipif(not (PROCESSES / "self" / "stat").exists(), reason="this system has no /proc")
def test_a_password_that_was_given_as_an_argument_is_gone_from_it_before_the_work_begins(tmp_path: Path) -> None:
    process = start(tmp_path, "worker", "--study", "x", "--storage", "postgresql://me:geheim@127.0.0.1:1/db")
    seen: list[dict[int, str]] = []
    while process.poll() is None:
        seen.append(arguments(process.pid))
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 2
    assert "postgresql://me:***@127.0.0.1:1/db cannot be opened" in err
    assert "geheim" not in out + err
    without = [any("env:SENTIMENT_SEARCH_URL_1" in line for line in each.values()) for each in seen]
    assert any(without)
    assert not any("geheim" in line for each in seen[without.index(True) :] for line in each.values())


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["run", "--storage", "{url}"], ["run", "--storage", "env:SENTIMENT_SEARCH_URL_1"]),
        (["run", "--stor={url}", "x"], ["run", "--stor=env:SENTIMENT_SEARCH_URL_1", "x"]),
        (["run", "--storage", "sqlite:///a.db"], None),
        (["storage", "copy", "{url}", "{url}"], None),
        (["predict", "model", "{url}", "storage", "--json"], None),
    ],
)
def test_only_what_stands_for_a_storage_is_taken_for_one(words: list[str], kept: list[str] | None) -> None:
    from search.cli.hidden import without_passwords

    url = "mysql://me:geheim@host/db"
    given = [word.format(url=url) for word in words]
    found, variables = without_passwords(["python", *given])
    if words[0] == "storage":
        kept = ["storage", "copy", "env:SENTIMENT_SEARCH_URL_1", "env:SENTIMENT_SEARCH_URL_2"]
    assert found == ["python", *(kept or given)]
    assert set(variables.values()) == ({url} if kept else set())
