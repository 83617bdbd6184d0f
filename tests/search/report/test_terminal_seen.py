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
DRAWN_HERE = "drawn"
"""File with all that was ever on the terminal."""
TURNING = re.compile("[⠁-⣿] ")
"""What turns before what is done now."""
DRAWN = re.compile("[━╸╺⠁-⣿]")
"""What lines of progress are drawn with."""
PROGRESS = re.compile(r"Reading |Correcting |search \d+/|trial \d+ \w+, epoch")
"""What lines of progress say."""
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
EPOCHS = 9999
"""More than anybody waits for: what is looked at goes on until it is seen, however fast the machine is."""


@dataclass
class Terminal:
    """One of a width, in which one command runs."""

    socket: str
    folder: Path

    def screen(self, *flags: str) -> str:
        """What is on it, and above it; with `-J`, lines that the terminal broke are joined."""
        return self._tmux("capture-pane", "-p", "-S", "-", *flags)

    def first(self) -> str:
        """The first line that was drawn, however soon another took its place."""
        drawn = ESCAPES.sub("", (self.folder / DRAWN_HERE).read_text("utf-8"))
        return next(line for line in re.split(r"[\r\n]", drawn) if line.strip())

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
    begin = f"trap : INT\ncd {shlex.quote(str(folder))}\nuntil [ -e {DRAWN_HERE} ]; do sleep 0.01; done"
    script.write_text(f"{begin}\n{said}\necho {ENDED}\nsleep {SECONDS}\n")
    opened = Terminal(f"{folder.name}-{width}-{os.getpid()}", folder)
    # The server keeps the environment that it is started with.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    environment |= {"PYTHONPATH": str(ROOT), "OPTUNA_STORAGE": "sqlite:///study.db", "LC_ALL": "C.UTF-8"}
    start = ["tmux", "-L", opened.socket, "-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", "50"]
    start += [f"sh {shlex.quote(str(script))}", ";", "pipe-pane", f"cat > {shlex.quote(str(folder / DRAWN_HERE))}"]
    subprocess.run(start, env=environment, check=True, timeout=30)
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
        ["run", write_study_file(tmp_path / "study.toml", reviews_csv, trials=1)],
        ["run", "--help"],
    ) as shown:
        lines = shown.end()
    assert widest(lines) <= width
    text = "\n".join(lines)
    assert "Leaderboard of tiny" in text and "macro-F1" in text
    heads = [line for line in lines if "macro-F1  model" in line]
    assert ["  lr  " in line for line in heads] == [width == 160] * 2
    assert ("shows more: lr" not in text) == (width == 160)
    assert not any(PROGRESS.match(line) for line in lines), lines
    assert ("P(better)  p (Holm)" in text) == (width == 160)
    assert "median" in text and "--patience" in text
    assert "Next: sentiment-search report ideas --html ideas.html" in text


@pytest.mark.parametrize(("width", "workers"), [(60, 2), (160, 1)])
def test_a_search_says_what_it_does_from_its_first_second_and_ctrl_c_leaves_nothing_of_that_and_a_command_to_copy(
    width: int, workers: int, reviews_csv: Path, tmp_path: Path
) -> None:
    write_study_file(tmp_path / "study.toml", reviews_csv, epochs=EPOCHS, trials=2, workers=workers)
    at_work = re.compile(rf"trial \d+ \w+, epoch \d+\.\d/{EPOCHS}, macro-F1 0\.\d{{4}}")
    with terminal(tmp_path, width, ["run", "study.toml"]) as shown:
        running = shown.until(lambda text: "search 0/2" in text and len(at_work.findall(text)) == workers)
        drawn = [line for line in running.splitlines() if DRAWN.search(line) or line.startswith(("search", "trial"))]
        assert widest(drawn) <= width - 3  # so that ^C has room
        shown.press("C-c")
        lines = shown.end()
    assert TURNING.sub("", shown.first()).startswith("Reading study.toml")
    assert widest(lines) <= width
    assert not any(PROGRESS.match(line) for line in lines), lines
    left = "\n".join(lines)
    assert f"{workers} interrupted, to be begun again" in left
    copied = left[left.index("sentiment-search run") :].replace("\\\n", "").split("\n")[0]
    assert shlex.split(copied)[1:] == ["run", "study.toml"]
