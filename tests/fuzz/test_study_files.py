"""A study file may hold anything: it is read, or refused in one line that names it."""

from pathlib import Path
from typing import Any

import optuna
from hypothesis import given
from hypothesis import strategies as st

from search.comparison.ideas import Comparison, read_comparison
from search.study.definition import StudyDefinition, read_definition
from search.study.space import Space, declared
from sentiment.errors import InputError
from sentiment.foreign import visible
from sentiment.models.config import Config
from sentiment.models.network.config import NetworkConfig
from sentiment.models.registry import config_of

VALID = """\
name = "netflix"
[data]
path = ["june.csv", "july.csv"]
text = "content"
label = "score"
group = "app"
classes = { negative = [1, 2], neutral = [3], positive = [4, 5] }
encoding = "cp949"
validation = "validation.csv"
fractions = [0.6, 0.15, 0.25]
split_seed = 3
max_rows = 6000
max_bytes = 1000000
[search]
trials = 30
timeout = "1.5h"
workers = 2
synchronous = true
threads = 1
seed = 0
keep_best = 3
patience = 20
audit = 0.1
[space]
architecture = ["lstm", "gru"]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
kernel_sizes = [[3], [3, 4]]
hidden_size = { low = 32, high = 128, step = 32 }
epochs = 4
[baseline]
architecture = "lstm"
padding = "as_written"
optimizer = "sgd"
epochs = 5
[[idea]]
name = "Adam"
change = { optimizer = "adam" }
guess = 0.05
source = "the post"
[[idea]]
name = "free"
against = "Adam"
search = { epochs = { low = 2, high = 5 } }
[[idea]]
name = "relabelled"
relabel = "textblob"
threshold = 0.1
[tune]
learning_rate = { low = 3e-4, high = 1e-2, log = true }
[budget]
trials = 3
pairs = [5, 10]
seed = 1
[curve]
trials = 40
search = { epochs = { low = 2, high = 5 } }
"""
WORDS = sorted(
    {*VALID.replace("\n", " ").split(), *NetworkConfig.names(), "lr", "=", "[", "]", "{", "}", '"', ",", "nan", "-1"}
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, 1, 2, 2**31, 2**63 - 1, 10**400]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["lstm", "gru", "textcnn", "custom", "sgd", "adam", "word", "char", "none", "last", "as_written"]),
)
ENTRIES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=4),
    st.lists(st.lists(st.integers(-1, 70), max_size=3), max_size=3),
    st.dictionaries(st.sampled_from(["low", "high", "step", "log", "x"]), SCALARS, max_size=4),
    st.builds(
        lambda low, width, step: {"low": low, "high": low + width} | ({} if step is None else {"step": step}),
        st.one_of(st.integers(0, 200), st.floats(0, 1)),
        st.one_of(st.integers(0, 100), st.floats(0, 1)),
        st.one_of(st.none(), st.integers(1, 50), st.floats(1e-6, 0.5)),
    ),
)


def read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for reader, kind in ((read_definition, StudyDefinition), (read_comparison, Comparison)):
        try:
            assert isinstance(reader(path), kind)
        except InputError as error:
            message = str(error)
            assert message.startswith(str(path))
            assert visible(message) == message


@given(content=st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    read(tmp_path / "study.toml", content)


@given(words=st.lists(st.one_of(st.sampled_from(WORDS), st.just("\n"), st.text(max_size=4)), max_size=40))
def test_words_of_a_study_file_in_any_order(tmp_path: Path, words: list[str]) -> None:
    read(tmp_path / "study.toml", " ".join(words).encode("utf-8", "surrogatepass"))


@given(data=st.data())
def test_a_valid_file_with_some_of_it_replaced(tmp_path: Path, data: st.DataObject) -> None:
    content = VALID
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 30)))
        content = content[:start] + data.draw(st.one_of(st.sampled_from(WORDS), st.text(max_size=6))) + content[end:]
    read(tmp_path / "study.toml", content.encode("utf-8", "surrogatepass"))


@given(data=st.data())
def test_a_valid_file_with_other_values(tmp_path: Path, data: st.DataObject) -> None:
    lines = VALID.splitlines()
    for _ in range(data.draw(st.integers(1, 2))):
        number = data.draw(st.sampled_from([n for n, line in enumerate(lines) if "=" in line]))
        lines[number] = lines[number].split(" = ")[0] + " = " + toml(data.draw(st.one_of(SCALARS, ENTRIES)))
    read(tmp_path / "study.toml", "\n".join(lines).encode("utf-8", "surrogatepass"))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(entry)}" for name, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() else f"\\U{ord(c):08x}" for c in value) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    return "1979-05-27" if value is None else str(value)


@given(
    changes=st.dictionaries(st.one_of(st.sampled_from(sorted(declared())), st.text(max_size=4)), ENTRIES, max_size=4)
)
def test_a_space_is_refused_or_can_be_sampled_everywhere(changes: dict[str, Any]) -> None:
    try:
        space = Space.of(changes)
    except InputError as error:
        assert str(error).startswith("[space] ")
        assert visible(str(error)) == str(error)
        return
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for settings in space.known_good():
        study.enqueue_trial(settings)
    for _ in range(12):
        config = space.sample(study.ask())
        assert isinstance(config, Config) and config_of(config.to_dict()) == config
