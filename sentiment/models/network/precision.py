"""What bfloat16 asks of a processor: whether it can train in it, and whether that is fast.

Nothing that is scored asks: a network answers in float32, whatever it was trained in.
"""

from functools import cache

__all__ = ["has_bfloat16_lstm", "has_native_bfloat16"]


@cache
def has_bfloat16_lstm() -> bool:
    """Whether an LSTM can be trained in bfloat16 on the CPU, natively or emulated.

    Asked by running one: torch has no other word for it, and fails in the first batch.
    """
    import torch

    with torch.random.fork_rng(devices=[]), torch.autocast("cpu", torch.bfloat16):
        try:
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
        except RuntimeError:
            return False
    return True


def has_native_bfloat16(device: str = "cpu") -> bool:
    """Whether `device` multiplies bfloat16 by itself; where it is emulated it is no faster than float32."""
    import torch

    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
