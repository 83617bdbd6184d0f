"""How results are shown: tables, sentences, figures, folders, progress, the dashboard.

It decides nothing: what is true was settled in the rooms below.
"""
