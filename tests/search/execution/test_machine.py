"""What a machine shares out: pure numbers, and what this machine says of itself."""

import os
from pathlib import Path

import pytest

from search.execution.machine import GIB, WORKER_BYTES, cores, gpu_of, shared_out, threads_each, workers_for
from search.execution.memory import free_bytes


def test_each_worker_sees_one_gpu_by_turns() -> None:
    assert [gpu_of(worker, ["0", "1", "GPU-5"]) for worker in range(5)] == ["0", "1", "GPU-5", "0", "1"]
    assert gpu_of(3, []) is None


@pytest.mark.parametrize(
    ("free", "cores", "gpus", "workers"),
    [
        (64 * GIB, 8, 0, 8),  # one for each core
        (5 * WORKER_BYTES, 8, 0, 5),  # as far as the memory reaches
        (64 * GIB, 8, 2, 2),  # one for each GPU
        (WORKER_BYTES // 2, 8, 0, 1),  # never none
        (None, 4, 0, 4),  # the system does not say
    ],
)
def test_as_many_workers_as_cores_gpus_and_memory_allow(free: int | None, cores: int, gpus: int, workers: int) -> None:
    assert workers_for(free, cores, gpus) == workers


def test_a_control_group_limits_cores_and_memory(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/batch/job"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/batch/job\n")
    unlimited = cores()
    assert cores(tmp_path) == unlimited
    (group / "cpu.max").write_text("max 100000\n")
    assert cores(tmp_path) == unlimited
    (group.parent / "cpu.max").write_text("150000 100000\n")  # of the group above: one core and a half
    assert cores(tmp_path) == 1
    (group / "memory.max").write_text("1000000\n")
    (group / "memory.current").write_text("700000\n")
    (group / "memory.stat").write_text("anon 500000\ninactive_file 200000\n")  # which is given back when needed
    assert free_bytes(root=tmp_path) == 500_000


def test_a_control_group_of_version_1_limits_cores(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/cpu,cpuacct/batch"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("5:cpu,cpuacct:/batch\n4:memory:/\n0::/\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores(tmp_path) == cores()
    (group / "cpu.cfs_quota_us").write_text("100000\n")
    assert cores(tmp_path) == 1


def test_this_machine_says_what_it_has() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert threads_each(10_000) == 1
    line = shared_out(2, 1, "cpu")
    assert line.startswith(f"2 workers of 1 thread on {cores()} core")
    assert line.endswith(", on cpu")
