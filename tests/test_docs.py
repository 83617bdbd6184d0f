"""The documentation does what it says: links lead somewhere, commands run, options exist.

The commands of `sentiment-search` are run in the order in which they stand, in a folder with made-up reviews. Those of
`make` and `pip` are looked up, and those of `tests.benchmarks`, which take minutes to hours, are read: is there such a
benchmark, and has it these options?
"""

import ast
import csv
import inspect
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from search.report.words import ADVICE
from search.statistics.verdicts import verdict
from sentiment.models.registry import FAMILIES
from tests.support.pages import ROOT, Block, Command, read_page
from tests.support.program import start

PAGES: Final = (
    *("README.md", "README.ko.md", "CONTRIBUTING.md"),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)
TRANSLATIONS: Final = {"README.ko.md": "README.md"}
"""Page: what it is a translation of, whose commands and files it has; so they are run once."""

SEARCHES: Final = (
    ("README.md", "docs/search.md", "docs/program.md", "docs/deploy.md"),  # they take up what the first page made
    ("docs/data.md", "docs/study-file.md"),
    ("docs/first-search.md", "docs/one-word.md", "docs/extending.md"),
)
"""Pages that are read one after the other, in one folder, without their comparisons."""
MACHINES: Final = "docs/machines.md"
"""It needs servers: `tests.test_machines` runs it."""
COMPARISONS: Final = ("README.md", "docs/extending.md", "docs/first-search.md", "docs/study-file.md")
"""Those stand alone, and in a folder of their own can be run at the same time."""

SMALLER_OPTIONS: Final = {"--trials": "1", "--workers": "1", "--trial": "0"}
"""Option of the program: what it is given here, where a page gives another value."""
MORE_OPTIONS: Final = {"dashboard": ("--port", "0")}
"""Command: what is added to it; the port of the dashboard may be taken."""
SMALLER_SETTINGS: Final = {
    r"^trials = \d+": "trials = 1",
    r"^workers = \d+": "workers = 1",
    r"^pairs = \[.*?\]": "pairs = [2]",
    r"^epochs = \d+": "epochs = 1",
    r"^max_tokens = .*\n": "",
    r"^\[baseline\]": "[baseline]\nmax_tokens = 12\nembedding_size = 16\nhidden_size = 16",
    r"^search = .*": "search = { architecture = 'textcnn', epochs = 1 }",
    r"\bn_trials=\d+": "n_trials=1",
}
"""In study files and Python: what stands there, and what is put in its place."""
SMALL_BUDGET: Final = "[budget]\ntrials = 1\npairs = [2]\n"
"""For a comparison whose file names none."""

STORAGE: Final = "sqlite:///studies/sentiment.db"
"""The program's default, which a page may name."""

GOOD: Final = ("great", "wonderful", "excellent", "good", "best")
FAIR: Final = ("fair", "okay", "usual", "average", "so-so")
BAD: Final = ("terrible", "awful", "bad", "worst", "boring")
FILLER: Final = ("the", "app", "is", "a", "series", "to", "watch", "on", "my", "phone", "since", "it", "and", "films")


def write_reviews(path: Path, text: str, label: str, rows: int, seed: int) -> None:
    """Two columns; a review says in two words of ten or so how many stars it gives."""
    generator = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([text, label])
        for number in range(rows):
            stars = generator.randint(1, 5)
            telling = BAD if stars < 3 else FAIR if stars == 3 else GOOD
            words = [*generator.choices(FILLER, k=generator.randint(4, 8)), *generator.choices(telling, k=2)]
            generator.shuffle(words)
            table.writerow([f"{' '.join(words)} {seed}.{number}", stars])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that the pages speak of."""
    write_reviews(tmp_path / "netflix.csv", "content", "score", 200, seed=0)
    write_reviews(tmp_path / "other-reviews.csv", "content", "score", 60, seed=1)
    write_reviews(tmp_path / "new-reviews.csv", "content", "score", 20, seed=2)
    write_reviews(tmp_path / "reviews.csv", "text", "stars", 100, seed=3)
    return tmp_path


# ------------------------------------------------------------------------------------------------ the pages


def test_the_first_page_has_at_most_150_lines() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_that_are_there(name: str) -> None:
    page = read_page(name)
    lost = [link for link in page.links if not ((ROOT / name).parent / link.partition("#")[0]).exists()]
    assert lost == []


def test_the_first_page_leads_to_every_other() -> None:
    assert set(PAGES[1:]) <= set(read_page("README.md").links)


@pytest.mark.parametrize("name", PAGES)
def test_folders_and_files_that_are_named_are_there(name: str) -> None:
    named = [span for span in read_page(name).spans if re.fullmatch(r"(sentiment|search|studies|tests|docs)/\S*", span)]
    assert [span for span in named if not (ROOT / span).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_options_that_are_named_are_those_of_a_command_or_a_benchmark(name: str) -> None:
    page = read_page(name)
    unknown = []
    for span in page.spans:
        words = span.removeprefix("sentiment-search ").split()
        known = helped(words[0]) if words[0] in commands() else None
        if span.startswith("sentiment-search ") and known is None:
            unknown.append(span)
        for option in re.findall(r"(?<!\S)--[a-z-]+", span):
            if option not in (all_options() if known is None else known):
                unknown.append(span)
    assert unknown == []


@pytest.mark.parametrize("page", ["docs/families.md", "docs/deploy.md"])
def test_every_family_is_told_of(page: str) -> None:
    assert set(FAMILIES) <= set(read_page(page).spans)


def test_every_word_of_a_verdict_is_told_of() -> None:
    text = " ".join((ROOT / "docs/verdicts.md").read_text("utf-8").split())
    words = re.findall(r'"([a-z ]+)"', "".join(re.findall(r"return .*", inspect.getsource(verdict))))
    assert sorted(words) == ["improves", "no difference", "undecided", "worse"]
    assert [word for word in words if f"| **{word}** |" not in text] == []
    assert [said for said in ADVICE.values() if said.partition(",")[0] not in text] == []


# ------------------------------------------------------------------------------------------------ the commands


def test_every_command_is_told_of() -> None:
    told = {
        word for name in PAGES for text in texts_of(name) for word in re.findall(r"sentiment-search ([a-z]+)", text)
    }
    assert commands() - told == set()


def test_every_page_with_a_command_of_the_program_is_run() -> None:
    own = [name for name in PAGES if name not in TRANSLATIONS]
    searching = {name for name in own if any(is_run(part) and not compares(part) for part in read_page(name).parts)}
    comparing = {name for name in own if any(map(compares, read_page(name).parts))}
    assert searching == {name for walk in SEARCHES for name in walk} | {MACHINES}
    assert comparing == set(COMPARISONS)


@pytest.mark.parametrize(("translation", "original"), TRANSLATIONS.items())
def test_a_translation_has_the_commands_and_the_code_of_its_original(translation: str, original: str) -> None:
    there, here = (list(map(without_comments, read_page(name).parts)) for name in (original, translation))
    assert here == there
    assert set(read_page(translation).links) - {original} == set(read_page(original).links) - {translation}


@pytest.mark.parametrize("walk", SEARCHES, ids=lambda walk: walk[0])
def test_commands_run_in_the_order_in_which_they_stand(walk: tuple[str, ...], folder: Path) -> None:
    for name in walk:
        for part in read_page(name).parts:
            if not compares(part):
                take(part, folder)


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_run_in_the_order_in_which_they_stand(name: str, folder: Path) -> None:
    for extra in ("textblob", "matplotlib"):
        pytest.importorskip(extra, reason=f"{extra} is not installed, and pages relabel and draw figures")
    for part in read_page(name).parts:
        if compares(part) or (isinstance(part, Block) and part.file):
            take(part, folder)


@pytest.mark.parametrize("name", PAGES)
def test_commands_that_are_not_run_name_what_is_there(name: str) -> None:
    page = read_page(name)
    in_prose = [Command(name, 0, span) for span in page.spans if re.match(r"(make|python -m|pip) ", span)]
    wrong = [f"{part}: {why}" for part in (*page.commands, *in_prose) if not is_run(part) for why in complaints(part)]
    assert wrong == []


@pytest.mark.parametrize("name", PAGES)
def test_benchmarks_that_prose_names_are_there(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert [room for room in re.findall(r"tests\.benchmarks\.(\w+)", text) if benchmark_options(room) is None] == []


class TestTheseTestsSee:
    """What a slip on a page would look like."""

    @pytest.mark.parametrize(
        "text",
        [
            "make tset",
            'make bench BENCH="--wdith 64"',
            'make bench BANCH="--width 64"',
            "python -m tests.benchmarks.strategy --replays 200",
            "python -m tests.benchmarks.strategies --repeats 200",
            "python -m tests.benchmarks.live_strategies --data mr.csv --fraction 0.6",
            "python -m pytest tests/sentimental",
            "python -m http.server",
            "pip install 'sentiment-search[textblobs]'",
            "pip install -c constraint.txt .",
            "optuna-dashboards sqlite:///studies/sentiment.db",
        ],
    )
    def test_a_name_that_is_not_there(self, text: str) -> None:
        assert complaints(Command("README.md", 1, text))

    @pytest.mark.parametrize(
        "text",
        ["sentiment-search inspct netflix.csv", "sentiment-search inspect netflix.csv --txt content --label score"],
    )
    def test_a_command_that_fails(self, text: str, folder: Path) -> None:
        with pytest.raises(pytest.fail.Exception, match=r"README\.md:1: .*status 2"):
            run(Command("README.md", 1, text), folder)


# ------------------------------------------------------------------------------------------------ pieces


def texts_of(name: str) -> list[str]:
    page = read_page(name)
    return [*(command.text for command in page.commands), *page.spans]


def is_run(part: Command | Block) -> bool:
    """Whether it is run here, rather than looked up."""
    if isinstance(part, Block):
        return part.language == "python"
    return part.words[0] == "sentiment-search" or part.words[:1] == ["optuna"]


def without_comments(part: Command | Block) -> Any:
    """What it does, whatever language its comments are in."""
    if isinstance(part, Command):
        return part.words
    return tomllib.loads(part.text) if part.language == "toml" else re.sub(r"#.*", "", part.text)


def compares(part: Command | Block) -> bool:
    return isinstance(part, Command) and part.words[:2] == ["sentiment-search", "compare"]


def take(part: Command | Block, folder: Path) -> None:
    """Do what a reader would, if it is not only looked up."""
    if isinstance(part, Block):
        take_up(part, folder)
    elif is_run(part):
        run(part, folder)


def take_up(block: Block, folder: Path) -> None:
    """Write the file, and run the Python, which a block after it may import by the name of its file."""
    text = block.text
    for there, instead in SMALLER_SETTINGS.items():
        text = re.sub(there, instead, text, flags=re.MULTILINE)
    if block.file:
        unbounded = "[[idea]]" in text and "[budget]" not in text
        (folder / block.file).write_text(f"{text}\n{SMALL_BUDGET}" if unbounded else text, "utf-8")
    if block.language == "python":
        arguments = [sys.executable, "-c", text]
        ended(Command(block.page, block.line, "Python"), started(arguments, folder))


def run(command: Command, folder: Path) -> None:
    """Run it, made smaller, and fail if it does."""
    program, *words = command.words
    if program == "optuna":
        code = "import sys; from optuna.cli import main; sys.exit(main())"
        return ended(command, started([sys.executable, "-c", code, *words], folder))
    for option, value in SMALLER_OPTIONS.items():
        if option in words:
            words[words.index(option) + 1] = value
    words += MORE_OPTIONS.get(words[0], ())
    process = start(folder, *words, storage=STORAGE, restore_signals=True)
    if words[0] != "dashboard":
        return ended(command, process)
    assert process.stderr is not None
    line = process.stderr.readline()  # once it answers
    process.send_signal(signal.SIGINT)
    return ended(command, process, expected=130 if "http://" in line else 0, said=line)


def started(arguments: list[str], folder: Path) -> "subprocess.Popen[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        arguments, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(command: Command, process: "subprocess.Popen[str]", expected: int = 0, said: str = "") -> None:
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    if process.returncode != expected:
        pytest.fail(f"{command}: status {process.returncode}\n{out[-2000:]}\n{said}{err[-2000:]}")


def complaints(command: Command) -> list[str]:
    """What a command names that is not there: a target, a benchmark, an option, an extra, a file."""
    match command.words:
        case ["make", target, *variables]:
            return complaints_of_make(target, variables)
        case [python, "-m", module, *words] if Path(python).name == "python":
            if module == "pytest":
                return [word for word in words if not word.startswith("-") and not (ROOT / word).exists()]
            if not module.startswith("tests.benchmarks."):
                return [f"neither a benchmark nor pytest: {module}"]
            return missing_options(module.removeprefix("tests.benchmarks."), words)
        case [pip, "install", *words] if Path(pip).name == "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
            named = [extra for group in re.findall(r"\[([\w,]+)\]", command.text) for extra in group.split(",")]
            files = [word for option, word in pairwise(words) if option in ("-c", "-r")]
            return [name for name in named if name not in extras] + [file for file in files if not exists(file)]
    return ["nobody here knows this command"]


def complaints_of_make(target: str, variables: list[str]) -> list[str]:
    recipes = re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    if target not in dict(recipes):
        return [f"no target {target}"]
    recipe, found = dict(recipes)[target], []
    for variable in variables:
        name, _, value = variable.partition("=")
        if f"$({name})" not in recipe:
            found.append(f"{target} has no variable {name}")
        elif benchmark := re.search(r"tests\.benchmarks\.(\w+)", recipe):
            found += missing_options(benchmark[1], shlex.split(value))
    return found


def missing_options(benchmark: str, words: list[str]) -> list[str]:
    known = benchmark_options(benchmark)
    if known is None:
        return [f"no benchmark {benchmark}"]
    return [word for word in words if word.startswith("--") and word not in known]


@cache
def benchmark_options(benchmark: str) -> frozenset[str] | None:
    """What `add_argument` is called with there, and in `reviews` if it takes its parser from there."""
    path = ROOT / "tests" / "benchmarks" / f"{benchmark}.py"
    if not path.exists():
        return None
    text = path.read_text("utf-8")
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            found |= {str(word.value) for word in node.args if isinstance(word, ast.Constant)}
    shared = benchmark_options("reviews") if "reviews.parser(" in text else None
    return frozenset(found) | (shared or frozenset())


@cache
def program_help(*words: str) -> str:
    process = start(ROOT, *words, "--help")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return str(out)


@cache
def commands() -> frozenset[str]:
    return frozenset(re.findall(r"^    ([a-z]+) ", program_help(), re.MULTILINE))


@cache
def helped(command: str) -> frozenset[str]:
    """The options that `--help` shows."""
    return frozenset(re.findall(r"--[a-z-]+", program_help(command)))


def all_options() -> frozenset[str]:
    """Of all commands and benchmarks, those of `storage` with what it does."""
    benchmarks = [benchmark_options(path.stem) or () for path in (ROOT / "tests" / "benchmarks").glob("*.py")]
    of_actions = [frozenset(re.findall(r"--[a-z-]+", program_help("storage", action))) for action in ("copy", "serve")]
    return frozenset().union(*map(helped, commands()), *of_actions, *benchmarks)


def exists(file: str) -> bool:
    return (ROOT / file).exists()
