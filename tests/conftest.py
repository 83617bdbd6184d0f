"""Fixtures that both packages' tests share. What is heavy is imported where it is used."""

import os
import signal
from pathlib import Path

import pytest

# Networks of a few hundred weights: a second thread only costs, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Of those who ask for two, none shall hold a core while it waits for the other, which may wait for that core.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# A script that runs the tests in the background has them ignore Ctrl-C, and with them all processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 reviews; not to be changed."""
    from tests.support.tiny import write_reviews

    return write_reviews(tmp_path_factory.mktemp("reviews") / "reviews.csv")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # A green line says little unless one knows what this processor could be asked.
    from tests.support.precisions import seen

    terminalreporter.write_line(f"precisions: {seen()}")
