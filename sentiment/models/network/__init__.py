"""The network: parts that compose, embedding > convolution > recurrent > pooling > head.

Every part of the correct form treats padding as absent: an output does not change with the number of pads, nor with
the other rows of its batch. `as_written` holds the forms of the post, which do not keep that promise, so that the
difference can be measured.
"""

import os

# PyTorch keeps up to 1,024 compiled oneDNN kernels with their scratch memory, and oneDNN as many again: one for each
# shape of a batch. Random trials held 1.1 GB instead of 0.6 after eight of them, and were no faster
# (python -m tests.benchmarks.memory). Both are read at the first kernel; whoever sets them outside is left alone.
for cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
    os.environ.setdefault(cache, "16")
