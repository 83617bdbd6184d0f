"""N-grams in a bag, trained by gradient descent: a logit for each n-gram and class, added up.

It takes seconds, and on some data beats the linear model. `sentiment.models.descent` has the loop,
`sentiment.models.ngrams` what a network's wide part shares with it.
"""
