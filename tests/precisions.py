"""The precisions that this processor can train in, for tests that must hold in each of them."""

from typing import Final

import pytest
import torch

from sentiment.precision import has_bfloat16_lstm, has_native_bfloat16

__all__ = ["PRECISIONS", "seen"]

PROCESSOR: Final = torch.backends.cpu.get_cpu_capability()
PRECISIONS: Final = (
    pytest.param("float32"),
    pytest.param(
        "bfloat16",
        marks=pytest.mark.skipif(not has_bfloat16_lstm(), reason=f"this processor ({PROCESSOR}) has no bfloat16 LSTM"),
    ),
)


def seen() -> str:
    """In which precisions networks are trained by the tests that take `PRECISIONS`, here."""
    if not has_bfloat16_lstm():
        return f"float32; bfloat16 is skipped, {PROCESSOR} has no such LSTM"
    native = "native, the default of a search" if has_native_bfloat16() else "emulated"
    return f"float32, bfloat16 ({native}; {PROCESSOR})"
