"""The four tests that catch a broken text classifier, and the proof that the forms of the post fail them.

1. The output does not change when 50 more pads follow the text.
2. A row alone gives what it gives in a batch.
3. Every parameter has a gradient.
4. 32 examples can be learned by heart.
"""

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sentiment.models.network.config import NetworkConfig
from sentiment.models.network.convolution import SHORT, Convolution
from sentiment.models.network.network import Network, build_model, model_without_memory
from sentiment.models.network.recurrent import reverse_by_length
from sentiment.tokens.tokenizers import PAD

VOCABULARY, CLASSES = 50, 3

ARCHITECTURES = ("lstm", "gru", "cnn_lstm", "lstm_attention")
NAMED = [NetworkConfig(architecture=name, bidirectional=both) for name in ARCHITECTURES for both in (False, True)]
FREE = [
    NetworkConfig(architecture="custom", kernel_sizes=kernels, recurrent=recurrent, pooling=pooling)
    for kernels, recurrent, pooling in product(
        [(), (2, 3)], ["none", "lstm", "gru"], ["last", "max", "mean", "attention"]
    )
]
DEEP = [
    NetworkConfig(architecture="lstm", layers=2, bidirectional=True, pooling=pooling) for pooling in ("last", "max")
]
CORRECT = [*NAMED, NetworkConfig(architecture="textcnn"), *FREE, *DEEP]
AS_WRITTEN = [NetworkConfig(architecture=name, padding="as_written") for name in ARCHITECTURES]


def described(config: NetworkConfig) -> str:
    directions = "-bidirectional" if config.bidirectional else ""
    kernels = "".join(map(str, config.kernel_sizes or ()))
    return f"{config.architecture}-{kernels}-{config.recurrent}-{config.pooling}-{config.layers}{directions}"


@pytest.mark.parametrize("config", [*CORRECT, *AS_WRITTEN], ids=lambda config: f"{described(config)}-{config.padding}")
def test_a_config_knows_how_many_weights_its_network_has(config: NetworkConfig) -> None:
    there = {name: weights for name, weights in build_model(config, VOCABULARY, CLASSES).named_parameters()}
    layers = [weights for name, weights in there.items() if not name.startswith(("embedding", "head"))]
    matrices = [weights for weights in layers if weights.ndim > 1 and len(weights) > 1]  # no biases, no attention score
    assert config._weights() == sum(weights.numel() for weights in matrices)


def small(config: NetworkConfig, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    config = config.replace(embedding_size=16, hidden_size=16, filters=16, dropout=0.0)
    return build_model(config, VOCABULARY, CLASSES)


def texts(lengths: list[int], seed: int = 0, width: int | None = None) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.full((len(lengths), width or max(lengths)), PAD)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(2, VOCABULARY, (length,), generator=generator)
    return ids, torch.tensor(lengths)


def change_by_pads(network: Network, pads: int) -> float:
    """The largest change of a logit, relative to the spread of logits between texts."""
    network.eval()
    ids, lengths = texts([12, 1, 7, 3])
    more = torch.cat([ids, torch.full((len(ids), pads), PAD)], dim=1)
    with torch.no_grad():
        before, after = network(ids, lengths), network(more, lengths)
    return float((before - after).abs().max() / before.std())


def change_by_company(network: Network) -> float:
    """The largest change of a logit when a row is given alone, without the pads that its batch needed."""
    network.eval()
    ids, lengths = texts([12, 1, 7, 3])
    with torch.no_grad():
        together = network(ids, lengths)
        alone = torch.cat([network(ids[row : row + 1, :n], lengths[row : row + 1]) for row, n in enumerate(lengths)])
    return float((together - alone).abs().max() / together.std())


def parameters_without_gradient(network: Network) -> list[str]:
    network.train()
    ids, lengths = texts([12, 5, 7, 3])
    nn.functional.cross_entropy(network(ids, lengths), torch.tensor([0, 1, 2, 0])).backward()
    return [name for name, p in network.named_parameters() if p.grad is None or not bool((p.grad != 0).any())]


def accuracy_by_heart(network: Network, *, width: int | None = None, steps: int = 150) -> float:
    """Accuracy on 32 examples after training on them. Their class is in the text, as it is in a review."""
    lengths = [3 + row % 10 for row in range(32)]
    ids, n = texts(lengths, seed=1, width=width)
    labels = torch.tensor([row % CLASSES for row in range(32)])
    for row in range(32):
        ids[row, row % 3] = 2 + int(labels[row])
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    network.train()
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(ids, n), labels).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        return float((network(ids, n).argmax(1) == labels).float().mean())


@pytest.mark.parametrize("config", CORRECT, ids=described)
class TestEveryCorrectForm:
    def test_is_unchanged_by_50_more_pads(self, config: NetworkConfig) -> None:
        assert change_by_pads(small(config), 50) < 1e-4

    def test_gives_a_row_alone_what_it_gives_it_in_a_batch(self, config: NetworkConfig) -> None:
        assert change_by_company(small(config)) < 1e-4

    def test_has_a_gradient_for_every_parameter(self, config: NetworkConfig) -> None:
        assert parameters_without_gradient(small(config)) == []


@pytest.mark.parametrize("config", [*NAMED, NetworkConfig(architecture="textcnn"), *DEEP], ids=described)
def test_every_named_correct_form_learns_32_examples_by_heart(config: NetworkConfig) -> None:
    assert accuracy_by_heart(small(config), width=60) == 1.0


class TestTheFormsAsWrittenFail:
    """Not regrets but findings: what each of these asserts is a defect of the form in the post."""

    @pytest.mark.parametrize("config", AS_WRITTEN, ids=described)
    def test_50_more_pads_change_the_output(self, config: NetworkConfig) -> None:
        assert change_by_pads(small(config), 50) > 1e-2

    @pytest.mark.parametrize("config", AS_WRITTEN, ids=described)
    def test_a_row_alone_differs_from_the_row_in_a_batch(self, config: NetworkConfig) -> None:
        assert change_by_company(small(config)) > 1e-2

    def test_global_pooling_before_the_lstm_leaves_its_recurrent_weights_without_gradient(self) -> None:
        assert parameters_without_gradient(small(AS_WRITTEN[2])) == ["body.recurrent.weight_hh_l0"]

    @pytest.mark.parametrize("config", AS_WRITTEN[:2], ids=described)
    def test_a_last_state_behind_pads_cannot_even_learn_32_examples_by_heart(self, config: NetworkConfig) -> None:
        # The same steps with which every correct form gets all of them right.
        assert accuracy_by_heart(small(config), width=60) < 0.7


@pytest.mark.parametrize("config", [*CORRECT, *AS_WRITTEN], ids=described)
def test_the_network_without_memory_has_the_names_and_shapes_of_the_real_one(config: NetworkConfig) -> None:
    empty = model_without_memory(config, VOCABULARY, CLASSES).state_dict()
    real = build_model(config, VOCABULARY, CLASSES).state_dict()
    assert all(tensor.is_meta for tensor in empty.values())
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in empty.items()} == {
        name: (tensor.shape, tensor.dtype) for name, tensor in real.items()
    }


def test_reversing_by_length_leaves_the_pads_where_they_are() -> None:
    vectors = torch.tensor([[1, 2, 3, 0], [4, 5, 6, 7]]).float()[:, :, None]
    reversed_rows = reverse_by_length(vectors, torch.tensor([3, 4]))[:, :, 0]
    assert reversed_rows.tolist() == [[3, 2, 1, 0], [7, 6, 5, 4]]


def test_a_bidirectional_lstm_equals_torch_with_packed_sequences() -> None:
    network = small(NetworkConfig(architecture="lstm", bidirectional=True, layers=2))
    ours = network.body.recurrent  # type: ignore[union-attr]
    theirs = nn.LSTM(16, 16, num_layers=2, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for layer in range(2):
            for suffix, stack in (("", ours.forward_layers), ("_reverse", ours.backward_layers)):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(theirs, f"{name}_l{layer}{suffix}").copy_(getattr(stack[layer], f"{name}_l0"))
        ids, lengths = texts([9, 4, 1])
        vectors = network.embedding(ids)
        packed = nn.utils.rnn.pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        expected, (hidden, _) = theirs(packed)
        expected, _ = nn.utils.rnn.pad_packed_sequence(expected, batch_first=True)
        ours.eval()
        states = ours(vectors, lengths)
        mask = (torch.arange(9) < lengths[:, None])[:, :, None]
        torch.testing.assert_close(states * mask, expected * mask, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(
            ours.last(states, lengths), torch.cat([hidden[-2], hidden[-1]], 1), atol=1e-6, rtol=1e-5
        )


@pytest.mark.parametrize("tokens", [1, 2, 7, SHORT, SHORT + 1])
@pytest.mark.parametrize("sizes", [(1,), (2,), (3, 4, 5), (5, 2, 3), (64, 1)])
def test_a_convolution_and_its_gradients_are_torchs_with_zeros_beyond_the_text(
    sizes: tuple[int, ...], tokens: int
) -> None:
    convolution = Convolution(3, 4, sizes).double()
    vectors = torch.randn(2, tokens, 3, dtype=torch.float64, requires_grad=True)
    expected = torch.cat(
        [
            F.conv1d(F.pad(vectors.mT, ((size - 1) // 2, size // 2)), window.weight, window.bias).relu()  # type: ignore[arg-type]
            for size, window in zip(sizes, convolution.windows, strict=True)
        ],
        dim=1,
    ).mT
    towards = torch.randn_like(expected)
    wanted = [vectors, *convolution.parameters()]
    for training in (True, False):
        found = convolution.train(training)(vectors)
        torch.testing.assert_close(found, expected)
        for gradient, right in zip(
            torch.autograd.grad(found, wanted, towards),
            torch.autograd.grad(expected, wanted, towards, retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(gradient, right)
