"""How many cases the property tests try, and which: the same few in `make test`, others each time in a long hunt.

    SENTIMENT_SEARCH_FUZZ=long python -m pytest tests/fuzz

No test in this folder has settings of its own, so that one word here decides for all of them.
"""

import os

from hypothesis import HealthCheck, settings

# A case reads or writes a file, and time depends on what else the machine does: neither says anything about the code.
UNHURRIED = settings(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    print_blob=True,
)

# The same cases on every machine: what is green today is green tomorrow.
settings.register_profile("short", UNHURRIED, max_examples=100, derandomize=True)
settings.register_profile("long", UNHURRIED, max_examples=5000, derandomize=False)

settings.load_profile(os.environ.get("SENTIMENT_SEARCH_FUZZ", "short"))
