"""Imported once by the process that workers are forked from: what they all need, in memory that they share."""
# ruff: noqa: F401, E402

import gc
import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent to all of them, it would take the exit status of each worker along

import sklearn.feature_extraction.text
import sklearn.linear_model

import search.cli.commands
import search.comparison.compare
import search.study.leaderboard

gc.collect()
gc.freeze()  # a collection in a worker would otherwise write to each of these objects, and so copy them
