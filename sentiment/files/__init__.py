"""How a file is read: CSV, TSV, JSON Lines or Parquet, packed or not, in any encoding, becomes rows of text cells.

It knows nothing of what the cells mean.
"""
