"""The program as somebody sees it: in a real terminal, through tmux, at the widths that terminals have."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.search.conftest import Searched
from tests.support.compared import setting_in, write_comparison
from tests.support.program import PROGRAM, ROOT
from tests.support.tiny import write_study_file

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

WIDTHS = (60, 80, 160)
ENDED = "the program has ended"
SECONDS = 120
TURNING = re.compile("[⠁-⣿] ")
"""What turns before what is done now."""
DRAWN = re.compile("[━╸╺⠁-⣿]")
"""What lines of progress are drawn with."""


@dataclass
class Terminal:
    """One of a width, in which one command runs."""

    socket: str
    folder: Path

    def screen(self, *flags: str) -> str:
        """What is on it, and above it; with `-J`, lines that the terminal broke are joined."""
        return self._tmux("capture-pane", "-p", "-S", "-", *flags)

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def until(self, seen: Callable[[str], object]) -> str:
        """The screen once it shows something."""
        ends = time.monotonic() + SECONDS
        while not seen(shown := self.screen()):
            assert time.monotonic() < ends, shown
            time.sleep(0.1)
        return shown

    def end(self) -> list[str]:
        """The lines that are left when the command has ended; none of them was broken by the terminal."""
        self.until(lambda shown: ENDED in shown)
        lines = self.screen().rstrip().splitlines()
        assert [line.rstrip() for line in self.screen("-J").rstrip().splitlines()] == lines
        assert not any(DRAWN.search(line) for line in lines), lines
        return lines[: next(number for number, line in enumerate(lines) if ENDED in line)]

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self.socket, *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def terminal(folder: Path, width: int, *commands: list[object]) -> Iterator[Terminal]:
    """A command of the program; several one after another, in one process, since each would import for seconds."""
    arguments = [[str(part) for part in command] for command in commands]
    one_process = f"from search.cli.commands import main\nfor arguments in {arguments!r}: main(arguments)"
    said = shlex.join([*PROGRAM, *arguments[0]] if len(arguments) == 1 else [sys.executable, "-c", one_process])
    script = folder / f"at-{width}.sh"
    script.write_text(f"cd {shlex.quote(str(folder))}\n{said}\necho {ENDED}\nsleep {SECONDS}\n")
    opened = Terminal(f"{folder.name}-{width}-{os.getpid()}", folder)
    # The server keeps the environment that it is started with.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"PYTHONPATH": str(ROOT), "OPTUNA_STORAGE": "sqlite:///study.db", "LC_ALL": "C.UTF-8"}
    start = ["tmux", "-L", opened.socket, "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", "50"]
    subprocess.run([*start, f"sh {shlex.quote(str(script))}"], env=environment, check=True, timeout=30)
    try:
        yield opened
    finally:
        subprocess.run(["tmux", "-L", opened.socket, "kill-server"], capture_output=True, timeout=30)


def widest(lines: list[str]) -> int:
    return max(len(line) for line in lines)  # of these tests no character takes two columns


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a comparison that is done."""
    from search.comparison.compare import compare

    folder = tmp_path_factory.mktemp("compared")
    write_comparison(folder, rows=300)
    compare(setting_in(folder))
    return folder


@pytest.mark.parametrize("width", WIDTHS)
def test_what_was_found_is_no_wider_than_the_terminal_and_no_word_of_it_is_broken(
    width: int, searched: Searched, comparison: Path, reviews_csv: Path, tmp_path: Path
) -> None:
    shutil.copytree(comparison, tmp_path / "c")  # what is to be typed next names it, in no more than a line
    compare = ["compare", "c/ideas.toml", "--storage", "sqlite:///c/studies.db"]
    with terminal(
        tmp_path,
        width,
        ["report", "tiny", *searched.flags],
        [*compare, "--artifacts", "c/artifacts"],
        ["inspect", reviews_csv, "--label", "stars"],
        ["run", "--help"],
    ) as shown:
        lines = shown.end()
    assert widest(lines) <= width
    text = "\n".join(lines)
    assert "Leaderboard of tiny" in text and "macro-F1" in text
    [heads] = [line for line in lines if "macro-F1  model" in line]
    assert ("  lr  " in heads) == ("shows more: lr" not in text) == (width == 160)
    assert ("P(better)  p (Holm)" in text) == (width == 160)
    assert "median" in text and "--patience" in text
    assert "Next: sentiment-search report ideas --html ideas.html" in text


@pytest.mark.parametrize(("width", "workers"), [(60, 2), (160, 1)])
def test_a_search_says_what_it_does_from_its_first_second_and_leaves_nothing_of_that(
    width: int, workers: int, reviews_csv: Path, tmp_path: Path
) -> None:
    study = write_study_file(tmp_path / "study.toml", reviews_csv, epochs=24, trials=2, workers=workers)
    with terminal(tmp_path, width, ["run", study]) as shown:
        first = shown.until(str.strip)
        assert TURNING.sub("", first).startswith(f"Reading {str(study)[: width - 30]}")
        shown.until(lambda text: re.search(r"search \d/2", text))
        if workers > 1:
            shown.until(lambda text: text.count("trial ") == workers or "search 1/2" in text)
        running = shown.until(lambda text: re.search(r"trial \d+ \w+, epoch \d+\.\d/24, macro-F1 0\.\d{4}", text))
        drawn = [line for line in running.splitlines() if DRAWN.search(line) or line.startswith(("search", "trial"))]
        assert widest(drawn) <= width - 3  # so that ^C has room
        lines = shown.end()
    assert widest(lines) <= width
    assert not any(line.startswith(("Reading", "search ", "Correcting")) for line in lines)
    assert sum(line.startswith("Leaderboard of tiny") for line in lines) == 1


def test_ctrl_c_leaves_nothing_of_the_lines_and_a_command_that_can_be_copied(reviews_csv: Path, tmp_path: Path) -> None:
    study = write_study_file(tmp_path / "study.toml", reviews_csv, epochs=400, trials=2)
    with terminal(tmp_path, 80, ["run", study]) as shown:
        shown.until(lambda text: re.search(r"trial 0 \w+, epoch \d", text))
        shown.press("C-c")
        shown.until(lambda text: "same command:" in text)
        time.sleep(0.5)
        left = shown.screen()
    assert not DRAWN.search(left)
    assert not re.search(r"^(search|trial) \d+/", left, re.MULTILINE)
    assert "1 interrupted, to be begun again" in left
    copied = left[left.index("sentiment-search run") :].replace("\\\n", "").split("\n")[0]
    assert shlex.split(copied)[1:] == ["run", str(study)]
