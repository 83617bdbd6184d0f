"""How the floors lie: what a package must not know, it does not import, at the top of a file or anywhere in it."""

import ast
from pathlib import Path

import pytest

from tests.support.pages import ROOT


def imported(path: Path) -> set[str]:
    """The packages that a file imports from, for type checkers only too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("folder", "unknown"),
    [
        ("sentiment", {"search", "tests", "optuna", "optuna_dashboard"}),
        ("search", {"tests"}),
        ("search/statistics", {"torch", "optuna", "sentiment"}),
    ],
)
def test_a_package_does_not_import_what_it_must_not_know(folder: str, unknown: set[str]) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    assert {path.name: names for path in files if (names := imported(path) & unknown)} == {}
