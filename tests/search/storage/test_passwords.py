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
