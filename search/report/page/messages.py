"""The words of the page, in each of its languages: `en.toml`, `ko.toml`.

Names of ideas, studies and classes, and the field's own words (macro-F1, Adam), are the same in all of them. Sentences
whose shape depends on what they say stand in `english` and `korean`.
"""

import tomllib
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from types import ModuleType
from typing import Final

from search.report.page import english, korean

__all__ = ["LANGUAGES", "MESSAGES", "SENTENCES", "Say", "sayer"]

LANGUAGES: Final = ("en", "ko")

MESSAGES: Final[dict[str, dict[str, str]]] = {
    language: tomllib.loads((files("search.report.page") / f"{language}.toml").read_text("utf-8"))
    for language in LANGUAGES
}
"""By language and key; what stands in braces is filled in."""

SENTENCES: Final[dict[str, ModuleType]] = {"en": english, "ko": korean}
"""By language, what has them."""

Say = Callable[..., str]


def sayer(language: str) -> Say:
    """What says a message in that language: `say("fact.rows")`, with values for what stands in braces."""
    return partial(_say, MESSAGES[language])


def _say(messages: dict[str, str], key: str, **values: object) -> str:
    return messages[key].format(**values) if values else messages[key]
