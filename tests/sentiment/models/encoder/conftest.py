from pathlib import Path

import pytest

from sentiment.models.encoder.config import EncoderConfig
from sentiment.reviews.dataset import Dataset, load_dataset
from tests.support.encoders import write_encoder
from tests.support.tiny import source, write_reviews


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(source(write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.csv", 160)))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT."""
    return write_encoder(tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture
def config(encoder: Path) -> EncoderConfig:
    return EncoderConfig(model=str(encoder), max_tokens=20, epochs=2, batch_size=16, learning_rate=3e-3)
