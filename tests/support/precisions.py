"""The precisions that this processor can train in, for tests that must hold in each of them."""

from typing import Any, Final

import pytest
import torch

from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.precision import has_bfloat16_lstm, has_native_bfloat16

__all__ = ["PRECISIONS", "precisions_of", "seen"]

PROCESSOR: Final = torch.backends.cpu.get_cpu_capability()
LACKS_LSTM: Final = pytest.mark.skipif(
    not has_bfloat16_lstm(), reason=f"this processor ({PROCESSOR}) has no LSTM in bfloat16"
)
PRECISIONS: Final = (pytest.param("float32"), pytest.param("bfloat16", marks=LACKS_LSTM))
"""Of an LSTM."""


def precisions_of(*architectures: str) -> list[Any]:
    """(precision, architecture) of each; a processor without such an LSTM can train the others all the same."""
    return [
        pytest.param(precision, architecture, marks=LACKS_LSTM)
        if (precision, NetworkConfig(architecture=architecture).recurrent) == ("bfloat16", "lstm")
        else pytest.param(precision, architecture)
        for precision in ("float32", "bfloat16")
        for architecture in architectures
    ]


def seen() -> str:
    """In which precisions networks are trained here by the tests that ask for all."""
    if not has_bfloat16_lstm():
        return f"float32, and bfloat16 without LSTM, which {PROCESSOR} lacks"
    native = "native, the default of a search" if has_native_bfloat16() else "emulated"
    return f"float32, bfloat16 ({native}; {PROCESSOR})"
