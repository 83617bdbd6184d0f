"""A Ray cluster of this machine alone, for as long as whoever started it holds this process's standard input open.

Run as `python -m search.execution.ray_head CORES FOLDER` it writes the cluster's address in one line. It has a process
group of its own, so that a signal to the group of whoever asked (a terminal's, a batch system's) does not take the
cluster from under jobs that are to record what they can.
"""

import logging
import os
import shutil
import sys
from typing import Final

__all__ = ["LOOPBACK_ONLY", "QUIET"]

QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent anywhere
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its default of tomorrow, of which it warns
    "RAY_task_oom_retries": "0",  # what was killed for its memory is told as lost, as any other
    "PYTHONWARNINGS": "ignore::FutureWarning",
}
"""What Ray is told in its environment, before it is imported."""

LOOPBACK_ONLY: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""A cluster of one machine: Ray then takes 127.0.0.1 for its address on any system, and all it listens to is there."""


def main() -> None:
    """As the module says."""
    cpus, folder = int(sys.argv[1]), sys.argv[2]
    out = os.dup(1)
    os.dup2(2, 1)  # what Ray prints is no address
    try:
        os.environ.update(QUIET | LOOPBACK_ONLY)
        import ray

        ray.init(
            "local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=folder,
        )
        with os.fdopen(out, "w") as told:
            print(ray.get_runtime_context().gcs_address, file=told)
        sys.stdin.read()
        ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
