"""What the reviews are about: topics learned from training texts, and the topic of each sealed text.

It knows nothing of errors or models; a topic is named by its top words.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy import sparse

from sentiment.reviews.scripts import UNSPACED, main_scripts

__all__ = ["NO_KNOWN_WORD", "NO_TOPIC", "mostly_unspaced", "topics_of"]

NO_KNOWN_WORD: Final = "no known word"
NO_TOPIC: Final = "no topic"
TOPIC_TEXTS: Final = 20_000
"""Training texts that the topics are learned from. The time grows with them, their top words no longer change."""
TOPIC_WORDS: Final = 8_000
"""Words, or pieces of words, that a topic may be made of."""
MOST_TEXTS: Final = 0.25
"""Share of the training texts that such a word may occur in. A list of stop words is at hand for English only;
elsewhere, and for the name of what is reviewed, what so many texts hold tells none of them apart."""
TOP_WORDS: Final = 4
"""That name a topic."""


def topics_of(texts: Sequence[str], train_texts: Sequence[str], topics: int, seed: int) -> list[str] | None:
    """The topic of each text, named by its top words; None where there are too few words to learn any.

    NMF of TF-IDF, fitted on training texts (Lee & Seung 1999). A text's topic is the one that explains most of it.
    Where words are not spaced, frequent pieces of them (BPE) stand for words.
    """
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfTransformer

    if not train_texts:
        return None
    sample = np.random.default_rng(seed).permutation(len(train_texts))[:TOPIC_TEXTS]
    words, (fitted, sealed) = _counts([train_texts[row] for row in np.sort(sample)], texts)
    if len(words) < 2:
        return None
    weights = TfidfTransformer(sublinear_tf=True).fit(fitted)
    # Below as many words as name a topic, it would be no more than a word.
    number = max(1, min(topics, len(words) // TOP_WORDS, fitted.shape[0]))
    model = NMF(n_components=number, init="nndsvda", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a last digit that names and topics do not depend on
        model.fit(weights.transform(fitted))
        # How large a topic's activations are says nothing until its words' weights are multiplied in.
        explained = model.transform(weights.transform(sealed)) * np.linalg.norm(model.components_, axis=1)
    names = []
    for component in model.components_:
        top = np.argsort(-component, kind="stable")[:TOP_WORDS]
        names.append(", ".join(words[word] for word in top if component[word] > 0))
    known, strength = np.diff(sealed.indptr) > 0, explained.max(axis=1)
    return [
        NO_KNOWN_WORD if not known[row] else names[topic] if strength[row] > 0 else NO_TOPIC
        for row, topic in enumerate(explained.argmax(axis=1))
    ]


def _counts(train_texts: Sequence[str], texts: Sequence[str]) -> tuple[list[str], list[Any]]:
    """Words that a topic may be made of, and how often each text of both lists holds each: CSR [texts, words]."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    from sentiment.tokens.tokenizers import encode, fit_tokenizer

    unit = "subword" if mostly_unspaced(main_scripts(train_texts[:1000])) else "word"
    tokenizer = fit_tokenizer(train_texts, unit, TOPIC_WORDS)
    pieces = [str(tokenizer.id_to_token(number)).lstrip("▁") for number in range(tokenizer.get_vocab_size())]
    words, column = np.unique(pieces, return_inverse=True)  # a piece within a word and at its start is one word here
    matrices = []
    for part in (train_texts, texts):
        encoded = encode(tokenizer, part)
        columns = column[np.asarray(encoded.ids)]
        matrix = sparse.csr_matrix((np.ones(len(columns)), columns, encoded.offsets), shape=(len(part), len(words)))
        matrix.sum_duplicates()
        matrices.append(matrix)
    occurs = np.bincount(matrices[0].indices, minlength=len(words))
    kept = [
        number
        for number, word in enumerate(words)
        if 2 <= occurs[number] <= len(train_texts) * MOST_TEXTS
        and len(word) > 1
        and word[0].isalpha()
        and word.replace("’", "'").split("'")[0] not in ENGLISH_STOP_WORDS
        and not word.endswith(("n't", "n’t"))
    ]
    return [str(words[number]) for number in kept], [matrix[:, kept] for matrix in matrices]


def mostly_unspaced(scripts: Sequence[str]) -> bool:
    """Whether most texts, by their scripts, have no spaces between words."""
    return 2 * sum(script in UNSPACED for script in scripts) > len(scripts)
