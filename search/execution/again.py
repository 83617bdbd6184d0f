"""Jobs whose worker was lost, given to another one."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Final

from search.execution.contract import Ended, Executor, Result, Shared, WorkerLost

__all__ = ["TIMES", "do_lost_again"]

TIMES: Final = 3
"""How often a lost job is given anew: it may be the job that kills them."""

LOSSES_IN_A_ROW: Final = 10
"""With more and no job that ended well between them, it is not one job that kills workers; nor is it one machine that
was lost with all that ran there, if they are more than twice as many as the workers."""


def do_lost_again(
    executor: Executor, jobs: Sequence[Callable[[Shared], Result]], shared: Shared
) -> Generator[Ended[Result], None, None]:
    """As `Executor.do`, of jobs that may be begun a second time: one whose worker is lost is given anew, after those
    that wait, and told of when it has ended.

    Raises:
        WorkerLost: workers were lost again and again.
    """
    asked, times, lost = list(jobs), Counter[int](), 0
    most = max(LOSSES_IN_A_ROW, 2 * executor.workers)
    first = list(range(len(asked)))
    """The place that each had among those that were asked for."""
    for ended in executor.do(asked, shared):
        number = first[ended.job]
        if not isinstance(ended.outcome, WorkerLost):
            lost = 0
            yield Ended(number, ended.outcome)
            continue
        times[number] += 1
        lost += 1
        if times[number] > TIMES or lost > most:
            raise ended.outcome
        asked.append(asked[ended.job])
        first.append(number)
