"""The network: parts that compose, embedding > convolution > recurrent > pooling > head.

Every part of the correct form treats padding as absent: an output does not change with the number of pads, nor with
the other rows of its batch. `as_written` holds the forms of the post, which do not keep that promise, so that the
difference can be measured.
"""

from sentiment.model.network import Network, build_model

__all__ = ["Network", "build_model"]
