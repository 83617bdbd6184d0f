"""Pretrained transformers: fine-tuned, or frozen, under a classification head.

What is pretrained comes from a folder, a hub or a package, as safetensors and JSON; no code that comes with it is ever
run. `transformers` knows the architectures, and is imported when one is built.
"""
