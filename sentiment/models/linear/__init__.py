"""N-grams and a linear model: seconds to train, and hard to beat.

It knows nothing of tokenizers, torch or Optuna. Where there is nothing to learn from (no text with a visible
character, or one class only), it answers with the class frequencies of the training rows. A text without any known
n-gram gets what the fitted model says of an empty one.
"""
