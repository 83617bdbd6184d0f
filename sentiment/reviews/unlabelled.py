"""Texts that nobody has labelled: a model may learn from what another one says of them."""

from sentiment.files.reader import joined, read_table
from sentiment.reviews.cleaning import clean
from sentiment.reviews.dataset import Dataset

__all__ = ["unlabelled_texts"]


def unlabelled_texts(dataset: Dataset) -> list[str]:
    """The texts of `[data] unlabelled`, each once; none that the dataset holds, since validation and sealed rows must
    stay unseen. None if no file is named.

    Raises:
        InputError: a file cannot be read, has no column of the text's name, or no text.
    """
    source = dataset.source
    if not source.unlabelled:
        return []
    read = [read_table(path, [source.text], source.encoding, source.max_bytes) for path in source.unlabelled]
    known = set(dataset.reviews.texts)
    return [text for text in clean(joined(read), source.text).texts.to_pylist() if text not in known]
