"""A Ray cluster on loopback, with nodes that come and go."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from search.execution.ray_head import LOOPBACK_ONLY, QUIET
from tests.support.program import ROOT

__all__ = ["Ray"]


# `ray start` is for machines that are not each other's.
NODE: Final = """
import signal, sys
from ray._private.node import Node
from ray._private.parameter import RayParams
asked = dict(gcs_address=sys.argv[1], num_cpus=int(sys.argv[2]), num_gpus=0, object_store_memory=100 * 2**20)
ports = dict(min_worker_port=0, max_worker_port=0, node_manager_port=0, include_log_monitor=False)
node = Node(RayParams(**asked, **ports), head=False, shutdown_at_exit=True, spawn_reaper=False)
signal.pause()
"""


class Ray:
    """Within `with` it runs; `environment` is what a program needs to join it."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._nodes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
        self.environment = {
            **{"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "PYTHONPATH": str(ROOT)},
            # A lost node is seen after two seconds, not fifteen.
            **{"RAY_health_check_period_ms": "500", "RAY_health_check_timeout_ms": "500"},
        }
        self._all = os.environ | QUIET | LOOPBACK_ONLY | self.environment
        self._head = subprocess.Popen(
            [sys.executable, "-m", "search.execution.ray_head", str(self._cores), self._folder],
            env=self._all,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._head.stdout is not None
        self.address = self._head.stdout.readline().strip()
        assert self.address
        self.environment["RAY_ADDRESS"] = self.address
        return self

    def add_node(self, cores: int, folder: Path) -> None:
        """A node with a working folder of its own."""
        self._nodes.append(
            subprocess.Popen(
                [sys.executable, "-c", NODE, self.address, str(cores)],
                env=self._all,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def lose_nodes(self) -> None:
        """As if their power were cut."""
        for node in self._nodes:
            for process in _descendants(node.pid):
                os.kill(process, signal.SIGKILL)
            node.wait()
        self._nodes.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lose_nodes()
        self._head.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [*(other for child in children for other in _descendants(int(child))), pid]
