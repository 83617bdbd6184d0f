"""A page of the documentation, taken apart: its commands, its blocks of code, its links, what it names in prose."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "Block", "Command", "Page", "read_page"]

ROOT: Final = Path(__file__).parents[2]

_SHELL: Final = ("", "sh", "bash", "console")
_PROGRAM: Final = re.compile(r"(sentiment-search|make|\S*\bpython3? -m|optuna|optuna-dashboard|\S*\bpip3?)\s")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
_SPAN: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """What somebody is to type."""

    page: str
    line: int
    """Of the page, counted from 1; the first, if it goes on behind a backslash."""
    text: str
    """As one line, with the comment behind it."""

    @property
    def words(self) -> list[str]:
        """As a shell splits it, without the comment."""
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Block:
    """A fenced block with a language."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The name in the comment that it begins with (`# ideas.toml`)."""
        named = re.match(r"# ([\w-]+\.\w+)$", self.text.partition("\n")[0])
        return named[1] if named else None


@dataclass(frozen=True)
class Page:
    """A Markdown file of this repository."""

    name: str
    parts: tuple[Command | Block, ...]
    """In the order in which they stand."""
    links: tuple[str, ...]
    """Without those to other sites."""
    spans: tuple[str, ...]
    """What stands in backticks in prose and tables, with single blanks."""

    @property
    def commands(self) -> list[Command]:
        """Without the blocks."""
        return [part for part in self.parts if isinstance(part, Command)]

    @property
    def blocks(self) -> list[Block]:
        """Without the commands."""
        return [part for part in self.parts if isinstance(part, Block)]


@cache
def read_page(name: str) -> Page:
    """Take a page apart.

    A command is an indented line, or a line of a fenced block (of a shell, or without a language, where it may be
    output) that begins with a program that is known here.

    Raises:
        ValueError: an indented line is no command, so that no slip goes unseen.
    """
    parts: list[Command | Block] = []
    prose: list[str] = []
    lines = (ROOT / name).read_text("utf-8").splitlines()
    number, fence = 0, None
    begun: tuple[int, list[str]] = (0, [])
    while number < len(lines):
        first, line = number + 1, lines[number]
        number += 1
        if line.startswith("```"):
            if fence not in (None, *_SHELL):
                parts.append(Block(name, begun[0], str(fence), "\n".join(begun[1]) + "\n"))
            fence, begun = (line[3:].strip() if fence is None else None), (first + 1, [])
            continue
        indented = fence is None and line.startswith("    ")
        if indented or fence in _SHELL:
            while line.endswith("\\") and number < len(lines):
                line = line[:-1].rstrip() + " " + lines[number].strip()
                number += 1
            if _PROGRAM.match(line.strip()):
                parts.append(Command(name, first, line.strip()))
            elif indented:
                raise ValueError(f"{name}:{first}: an indented line that begins with no program: {line.strip()}")
        elif fence is not None:
            begun[1].append(line)
        else:
            prose.append(line)
    text = "\n".join(prose)
    links = [a or b for a, b in _LINK.findall(text)]
    return Page(
        name,
        tuple(parts),
        tuple(link for link in links if not re.match(r"[a-z]+:", link)),
        tuple(" ".join(span.split()) for span in _SPAN.findall(text)),
    )
