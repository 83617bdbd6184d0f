"""How the best classifier is found, and how we know. Imports `sentiment`; is never imported by it.

`Objective` and `Space` are public: they work in anybody's own ``study.optimize``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.study.objective import Objective
    from search.study.space import Space

_WHERE = {"Objective": "search.study.objective", "Space": "search.study.space"}
__all__ = ["Objective", "Space"]


def __getattr__(name: str) -> Any:
    # On demand, because they import torch and optuna, which `sentiment-search --help` must not wait for.
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("sentiment-search")
    raise AttributeError(f"module 'search' has no attribute {name!r}")
