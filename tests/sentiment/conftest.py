"""A trained network as a bundle, made without any search."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sentiment.models.family import Trained
from sentiment.models.network.config import NetworkConfig
from sentiment.reviews.dataset import Dataset, load_dataset
from sentiment.tokens.corpus import Corpus
from tests.support.tiny import source


@dataclass(frozen=True)
class Exported:
    folder: Path
    sha256: str
    dataset: Dataset
    corpus: Corpus
    trained: Trained


@pytest.fixture(scope="session")
def exported(reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Not to be changed; copy its folder first."""
    from sentiment.bundle.folder import write_bundle
    from sentiment.bundle.seen import SeenTexts
    from sentiment.models.network.training import train, training_data
    from sentiment.tokens.corpus import load_corpus

    scratch = tmp_path_factory.mktemp("bundle")
    dataset = load_dataset(source(reviews_csv))
    corpus = load_corpus(dataset, "word", 200, scratch / "cache")
    config = NetworkConfig(
        architecture="textcnn",
        token_unit="word",
        vocabulary_size=200,
        max_tokens=16,
        embedding_size=16,
        filters=16,
        learning_rate=0.02,
        batch_size=16,
        epochs=2,
    )
    trained = train(config, training_data(dataset, corpus))
    sha256 = write_bundle(
        scratch / "model",
        model=trained.model,
        classes=dataset.classes,
        facts={"validation macro-F1": trained.macro_f1, "label rule": dataset.source.classes},
        seen=SeenTexts.of(dataset.texts("train"), dataset.texts("validation")),
    )
    return Exported(scratch / "model", sha256, dataset, corpus, trained)
