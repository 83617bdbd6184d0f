"""Text that somebody else wrote, made harmless for the place where it is shown.

A label, a review, an idea's or a study's name, a file's name: each may hold what a terminal, Markdown or a spreadsheet
would obey. Nothing is taken out; what would be obeyed is shown instead. This room knows nothing of what the texts mean.
"""

import json
import re
from collections.abc import Sequence
from html import escape
from typing import Any, Final

__all__ = [
    "as_json",
    "cell",
    "code",
    "html",
    "html_sentences",
    "html_table",
    "markdown",
    "markdown_table",
    "one_line",
    "visible",
]

# Control characters (C0, DEL, C1), separators of lines and paragraphs, what turns the direction of writing (Trojan
# Source, CVE-2021-42574), halves of surrogate pairs and what no XML may hold. The joiners within emoji and Persian
# words are not among them.
_OBEYED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

LONGEST: Final = 1000
"""Characters of a line that says what is wrong."""

# What begins a construct of CommonMark or of GitHub's tables and mathematics. An underscore within a word, a "]" that
# ends no link, and a "<" or "&" that opens nothing are left alone.
_MARKUP: Final = re.compile(r"[\\`*|~$#]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=[#\w])")
_BLOCK: Final = re.compile(r"^(?=\[[ xX]\]|[-+](?: |$)|>|-[- ]*$|=+$)|^\d+(?=[.)](?: |$))")
_ENTITIES: Final = {"<": "&lt;", "&": "&amp;"}

# The characters of https://owasp.org/www-community/attacks/CSV_Injection; a number is none.
_FORMULA: Final = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def visible(text: str, keep: str = "") -> str:
    r"""For a terminal: in one line, with characters that it would obey written as in Python, such as ``\x1b``.

    Args:
        text: to be shown.
        keep: characters of these that stay: the line breaks and tabs of the program's own layout.
    """
    return _OBEYED.sub(lambda found: found[0] if found[0] in keep else _python(found[0]), text)


def one_line(text: str) -> str:
    """What is wrong, in one line; a long one loses its middle, since its end says what to do."""
    line = visible(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that says the same and may be looked at in a terminal; the letters of all languages stay readable."""
    written = json.dumps(value, ensure_ascii=False, indent=indent)
    # Outside of strings there are none but JSON's own line breaks; json escapes those in strings itself.
    return _OBEYED.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", written)


def markdown(text: str) -> str:
    """For a line of Markdown, a heading or a cell of a table: rendered, it reads as `visible` shows it."""
    escaped = _MARKUP.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), visible(text).strip())
    return _BLOCK.sub(lambda found: f"{found[0]}\\", escaped)


def code(text: str) -> str:
    """For Markdown, as a span of code."""
    shown = visible(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if "`" in (shown[:1], shown[-1:]) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of plain texts."""
    lines = [[markdown(text) for text in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def html(text: str) -> str:
    """For HTML, between tags or in a quoted attribute: it reads as `visible` shows it."""
    return escape(visible(text))


def html_sentences(title: str, sentences: Sequence[str]) -> str:
    """Plain sentences below their title, each as an entry of a list."""
    return f"<h4>{html(title)}</h4><ul>{''.join(f'<li>{html(sentence)}</li>' for sentence in sentences)}</ul>"


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of plain texts, without any style of its own."""
    head = "".join(f"<th>{html(text)}</th>" for text in header)
    body = "".join(f"<tr>{''.join(f'<td>{html(text)}</td>' for text in line)}</tr>" for line in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(value: Any) -> Any:
    """For CSV: a text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay numbers."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _python(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
