"""Texts become numbers: a tokenizer fitted on training rows, and the whole corpus encoded once.

It knows nothing of models, torch or Optuna, and cuts no text to a length.
"""
