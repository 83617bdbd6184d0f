"""The hunt, on properties that are known to hold, to fail and to abort."""

import subprocess
import sys
from pathlib import Path

PROPERTIES = {
    "test_names.py": """
from hypothesis import assume, given, strategies as st
from sentiment.errors import InputError

@given(st.text(max_size=3))
def test_no_name_holds_a_b(name):
    assert "b" not in name

@given(st.integers(0, 1000))
def test_odd_numbers_are_refused(number):
    assume(number != 7)
    try:
        if number % 2:
            raise InputError(f"{number} is odd")
    except InputError:
        pass

def test_that_is_no_property_is_not_asked():
    assert False
""",
    "test_numbers.py": """
import os
from hypothesis import given, strategies as st

@given(st.integers(0, 1000))
def test_a_number_ends_the_process(number):
    if number > 600:
        os.abort()
""",
}


def test_a_hunt_counts_its_cases_and_names_those_that_fail_or_end_the_process(tmp_path: Path) -> None:
    for name, text in PROPERTIES.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "tests.benchmarks.fuzz", "--folder", tmp_path, "--runs", "2", "--seed", "1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    _, header, names, numbers, *found = done.stdout.splitlines()
    assert header.split() == ["target", "cases", "refused", "accepted", "found", "runs", "seconds"]
    target, cases, refused, accepted, failures, runs, _ = names.replace(",", "").split()
    assert (target, failures, runs) == ("names", "1", "1")
    assert int(cases) > 500 and int(refused) > 100 and int(accepted) > 100
    assert int(refused) + int(accepted) < int(cases)  # the rest failed
    assert numbers.split()[4] == "1"
    text = "\n".join(found)
    assert "names: test_no_name_holds_a_b" in text and "name='b'" in text
    assert "numbers: died of SIGABRT" in text
    number = int(text.split("number=")[-1].split(",")[0])
    assert 600 < number <= 1000
    assert "python -m tests.benchmarks.fuzz --only numbers --seed 2 --runs 1" in text
    assert "is_not_asked" not in text and "Traceback" not in text
