"""``python -m search`` is ``sentiment-search``."""

import sys

from search.cli.commands import main

sys.exit(main())
