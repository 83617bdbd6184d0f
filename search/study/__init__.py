"""One search: what may be drawn, how a trial is made, begun again and stopped, which one is best and what it is worth.

A study is an ordinary Optuna study. Nothing here compares ideas, and nothing scores the sealed test rows but `sealed`.
"""
