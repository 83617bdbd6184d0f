"""How the best classifier is found, and how we know. Imports `sentiment`; is never imported by it.

`Objective` and `Space` are public: they work in anybody's own ``study.optimize``, and `export` takes what such a search
kept. `Study` opens in a notebook what `sentiment-search` has searched or compared.
"""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.notebook import Study, export
    from search.study.objective import Objective
    from search.study.space import Space

_WHERE = {
    "Objective": "search.study.objective",
    "Space": "search.study.space",
    "Study": "search.notebook",
    "export": "search.notebook",
}
__all__ = ["Objective", "Space", "Study", "export"]


def __getattr__(name: str) -> Any:
    # On demand, because they import torch and optuna, which `sentiment-search --help` must not wait for.
    if name in _WHERE:
        with warnings.catch_warnings():
            # tqdm, which Optuna imports, says so in a notebook without widgets; nothing here draws with them.
            warnings.filterwarnings("ignore", "IProgress not found")
            return getattr(import_module(_WHERE[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("sentiment-search")
    raise AttributeError(f"module 'search' has no attribute {name!r}")
