"""When the shares of a search end."""

import time

import pytest

from search.cli.shares import _share


@pytest.mark.parametrize(("later", "least", "most"), [(-5.0, 0.0, 0.0), (3600.0, 0.0, 3600.0)])
def test_a_share_that_waited_for_its_place_has_only_what_is_left_of_the_time(
    later: float, least: float, most: float
) -> None:
    given: list[float] = []

    def work(timeout: float) -> int:
        given.append(timeout)
        return 0

    assert _share(work, time.time() + later, "sqlite://") == 0
    assert least <= given[0] <= most


def test_without_a_timeout_a_share_has_all_the_time_that_there_is() -> None:
    given: list[float | None] = []

    def work(timeout: float | None) -> int:
        given.append(timeout)
        return 0

    assert _share(work, None, "sqlite://") == 0
    assert given == [None]
