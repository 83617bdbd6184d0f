"""The exported folder: written, verified, read, and scored on other rows.

A bundle holds no text of any review, and nothing of it is unpickled.
"""

from sentiment.bundle.folder import Bundle

__all__ = ["Bundle"]
