"""``python -m search`` is ``sentiment-search``."""

import sys

from search.cli import main

sys.exit(main())
