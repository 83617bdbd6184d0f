"""Passwords among the arguments: everybody on the machine can read those of a running program, as `ps` shows them."""

import os
import sys
from itertools import pairwise
from typing import Final

__all__ = ["hide_passwords", "without_passwords"]

OPTION: Final = "--storage"
SHORTEST: Final = len("--s")


def hide_passwords() -> None:
    """Begin this program again, in this process, if there is a password among its arguments: without it."""
    words, found = without_passwords(sys.orig_argv)
    if found:
        os.execve(sys.executable, [sys.executable, *words[1:]], os.environ | found)


def without_passwords(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The words of a command, with `env:NAME` in place of storage URLs that hold a secret; and what the names mean.

    Reviews may look like such a URL: only what stands where a storage is expected is taken for one.
    """
    copies = any(pair == ("storage", "copy") for pair in pairwise(words))
    found: dict[str, str] = {}
    kept = []
    for before, word in zip(["", *words], words, strict=False):
        name, separator, value = word.partition("=") if _is_option(word.partition("=")[0]) else ("", "", word)
        expected = bool(separator) or _is_option(before) or (copies and not word.startswith("-"))
        if expected and "://" in value and _holds_secret(value):
            variable = f"SENTIMENT_SEARCH_URL_{len(found) + 1}"
            found[variable] = value
            word = f"{name}{separator}env:{variable}"
        kept.append(word)
    return kept, found


def _is_option(word: str) -> bool:
    return len(word) >= SHORTEST and OPTION.startswith(word)


def _holds_secret(url: str) -> bool:
    """Rather too often than too seldom; and at once, without the libraries that read such a URL."""
    _, _, rest = url.partition("://")
    return "?" in rest or rest.count("@") > 1 or ":" in rest.partition("@")[0] * ("@" in rest)
