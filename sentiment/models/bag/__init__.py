"""N-grams in a bag, trained by gradient descent: seconds to train, and often better than the linear model.

Each n-gram has a logit for each class, or a vector under a linear head (as in fastText). `sentiment.models.descent` has
the loop, `sentiment.models.ngrams` what a network's wide part shares with it.
"""
