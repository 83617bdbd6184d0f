"""What a sentiment classifier is, and how one is trained. Knows nothing of Optuna or of searching."""
