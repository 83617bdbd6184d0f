"""From what config.json says to a body: the one room that speaks to `transformers`.

It builds the architectures of `KNOWN` alone, from the fields that each of them has, so a file cannot choose code,
kernels or adapters. Sizes are checked before a number is made.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, Final

import torch
from torch import Tensor, nn

from sentiment.errors import InputError

__all__ = ["KNOWN", "body_of", "described_by", "layers", "positions", "read_config", "shapes"]

KNOWN: Final = (
    *("albert", "bert", "camembert", "data2vec-text", "deberta", "deberta-v2", "distilbert", "electra", "ernie"),
    *("eurobert", "gte", "megatron-bert", "mobilebert", "modernbert", "mpnet", "nomic_bert", "rembert", "roberta"),
    *("roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl"),
)
"""Encoders that give the states of a text's tokens for its ids and a mask, whatever the pads behind it."""
_OLD_NAMES: Final = (
    *("rope_theta", "rope_scaling", "partial_rotary_factor", "global_rope_theta", "local_rope_theta"),
    "global_attn_every_n_layers",
)
"""Of fields, as older files have them; `transformers` makes the new ones of them."""
_DECODES: Final = ("is_decoder", "is_encoder_decoder", "add_cross_attention")
MOST_NUMBERS: Final = 1 << 31
"""That an encoder may have: 8 GiB in float32."""
_LAYERS: Final = ("num_hidden_layers", "num_hidden_groups", "inner_group_num", "num_feedforward_networks")
"""How many modules there are: whoever makes too many waits for hours, even without a number in them."""
MOST_LAYERS: Final = 256
LARGEST: Final = 1 << 24
"""That a whole number in a config may be."""


def read_config(described: Mapping[str, Any]) -> Any:
    """The config of `transformers` that a parsed config.json describes.

    Raises:
        InputError: it describes no encoder that is known here, or brings code, or a size that none has.
    """
    kind = described.get("model_type")
    if "auto_map" in described:
        raise InputError("config.json names code of its own (auto_map), which is never run; choose another encoder")
    if not isinstance(kind, str) or kind not in KNOWN:
        raise InputError(f"config.json has the model_type {kind!r}; encoders known here are {', '.join(KNOWN)}")
    for name in _DECODES:
        if described.get(name):
            raise InputError(f"config.json says {name}: this is no encoder, but a model that writes texts")
    from transformers import CONFIG_MAPPING

    if described.get("position_embedding_type", "absolute") != "absolute":
        kind_of_positions = described["position_embedding_type"]
        raise InputError(f"config.json asks for positions that are {kind_of_positions!r}, not absolute")
    made = CONFIG_MAPPING[kind]
    own = _own_fields(made)
    given = {name: value for name, value in described.items() if name in own}
    _refuse_large(given)  # first of all: some configs make a list as long as there are layers
    try:
        with _quiet():
            config = made.from_dict(given)
    except Exception as error:  # whatever the checks of its fields raise
        raise InputError(f"config.json is no config of {kind!r} ({_one_line(error)})") from None
    _refuse_large({**config.to_dict(), "num_hidden_layers": config.num_hidden_layers})
    return config


def described_by(config: Any) -> dict[str, Any]:
    """What `read_config` makes the same config of, ready for JSON."""
    own = _own_fields(type(config))
    said = {name: value for name, value in config.to_dict().items() if name in own}
    return {"model_type": config.model_type, **said}


def shapes(config: Any) -> nn.Module:
    """The body on torch's meta device: names and shapes, whatever their size, and not one number.

    Raises:
        InputError: there is no such encoder, or it is too large.
    """
    with _refused("config.json", config), _quiet(), torch.device("meta"):
        body = _without_pooler(_class_of(config)(config))
    numbers = sum(tensor.numel() for tensor in body.state_dict().values())
    if numbers > MOST_NUMBERS:
        raise InputError(f"config.json describes {numbers:,} weights, more than {MOST_NUMBERS:,}")
    return body


def body_of(config: Any, weights: Mapping[str, Tensor]) -> nn.Module:
    """The body with these weights, in float32, on the CPU and in evaluation mode.

    Weights of a body under another head are found under its prefix; those of the head are left aside.

    Raises:
        InputError: a weight of the body is missing, or has another shape.
    """
    with _refused("the safetensors", config), _quiet(), torch.random.fork_rng(devices=[]):
        body, told = _class_of(config).from_pretrained(
            None, config=config, state_dict=dict(weights), dtype=torch.float32, output_loading_info=True
        )
        body = _without_pooler(body)
        with torch.no_grad():  # some sizes that do not go together are met here first
            states = body.eval()(input_ids=torch.zeros(1, 2).long(), attention_mask=torch.ones(1, 2).long())
        if states.last_hidden_state.shape != (1, 2, config.hidden_size):
            raise InputError(f"config.json says hidden_size = {config.hidden_size}, which its states are not wide")
    missing = sorted(name for name in told["missing_keys"] if name in body.state_dict())
    if missing:
        raise InputError(f"the safetensors lack {missing[0]!r} ({len(missing)} of the weights that config.json names)")
    return body


def layers(body: nn.Module) -> nn.ModuleList:
    """The layers of a body, from the lowest to the top."""
    return next(module for module in body.modules() if isinstance(module, nn.ModuleList))


def positions(body: nn.Module) -> int:
    """The tokens that a body reads at most."""
    limit = int(body.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]
    for name, module in body.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa and its like count from behind the entry of pads.
            reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            limit = min(limit, module.num_embeddings - reserved)
    return limit


def _own_fields(made: Any) -> set[str]:
    """Names that decide what an encoder of this kind computes."""
    from transformers import PretrainedConfig

    common = {field.name for field in fields(PretrainedConfig)}
    return {field.name for field in fields(made)} - common | set(made.attribute_map) | set(_OLD_NAMES)


def _refuse_large(values: Mapping[str, Any]) -> None:
    numbers = {name: value for name, value in values.items() if isinstance(value, int)}
    for name, value in numbers.items():
        most = MOST_LAYERS if name in _LAYERS else LARGEST
        if value > most:
            raise InputError(f"config.json says {name} = {value}, more than {most}")
    counts = {name: numbers[name] for name in _LAYERS if numbers.get(name, 0) > 1}
    if math.prod(counts.values()) > MOST_LAYERS:
        said = " times ".join(f"{name} = {value}" for name, value in counts.items())
        raise InputError(f"config.json says {said}, more than {MOST_LAYERS}")


def _class_of(config: Any) -> Any:
    from transformers import MODEL_MAPPING

    return MODEL_MAPPING[type(config)]


def _without_pooler(body: Any) -> nn.Module:
    """Without the layer over [CLS] that some have for their pretraining: nothing here reads it."""
    if getattr(body, "pooler", None) is not None:
        body.pooler = None
    without: nn.Module = body
    return without


@contextmanager
def _refused(what: str, config: Any) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # whatever sizes that do not go together raise
        raise InputError(f"{what} cannot become a {config.model_type!r} encoder ({_one_line(error)})") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and reports that the library prints; what is wrong is said here."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)  # critical
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _one_line(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:200]
