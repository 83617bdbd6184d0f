"""The command line: what was asked is parsed, called and printed.

It decides nothing, and is imported by nothing; what takes long to import is imported where it is needed.
"""
