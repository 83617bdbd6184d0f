"""What is free, as machines, containers and GPUs say it."""

from pathlib import Path

import pytest

from search.execution.memory import free_bytes, most_bytes

GIB = 2**30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Of a machine with 8 GiB left, on which no group has a limit."""
    write(tmp_path, "proc/meminfo", f"MemTotal: {16 * GIB // 1024} kB\nMemAvailable: {8 * GIB // 1024} kB\n")
    return tmp_path


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


def test_here_it_is_some_and_less_than_there_is() -> None:
    total = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    free = free_bytes()
    assert free is not None
    assert 2**20 < free < int(total.split()[1]) * 1024


def test_is_what_the_machine_has_left(root: Path) -> None:
    assert free_bytes(root=root) == 8 * GIB
    write(root, "proc/self/cgroup", "0::/user.slice")
    write(root, "sys/fs/cgroup/user.slice/memory.max", "max")
    write(root, "sys/fs/cgroup/user.slice/memory.current", GIB)
    assert free_bytes(root=root) == 8 * GIB


def test_is_what_the_tightest_of_its_groups_has_left(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/pods/mine")
    write(root, "sys/fs/cgroup/pods/memory.max", 6 * GIB)
    write(root, "sys/fs/cgroup/pods/memory.current", 5 * GIB)
    write(root, "sys/fs/cgroup/pods/mine/memory.max", 4 * GIB)
    write(root, "sys/fs/cgroup/pods/mine/memory.current", GIB)
    assert free_bytes(root=root) == GIB
    # What is cached of files makes room when it is needed.
    write(root, "sys/fs/cgroup/pods/memory.stat", f"anon 5\ninactive_file {GIB // 2}")
    assert free_bytes(root=root) == GIB + GIB // 2


def test_all_that_is_cached_of_files_makes_room(root: Path) -> None:
    write(root, "proc/self/cgroup", "0::/mine")
    write(root, "sys/fs/cgroup/mine/memory.max", 4 * GIB)
    write(root, "sys/fs/cgroup/mine/memory.current", 4 * GIB)
    cached = f"anon {2 * GIB}\nactive_file {GIB}\ninactive_file {GIB // 2}\nslab_reclaimable {GIB // 4}"
    write(root, "sys/fs/cgroup/mine/memory.stat", cached)
    assert free_bytes(root=root) == GIB + GIB // 2 + GIB // 4


def test_what_there_can_be_is_the_same_whatever_others_hold(root: Path) -> None:
    assert most_bytes(root=root) == 16 * GIB
    write(root, "proc/self/cgroup", "0::/pods/mine")
    write(root, "sys/fs/cgroup/pods/memory.max", 6 * GIB)
    write(root, "sys/fs/cgroup/pods/mine/memory.max", "max")
    for used in (GIB, 5 * GIB):
        write(root, "sys/fs/cgroup/pods/memory.current", used)
        assert most_bytes(root=root) == 6 * GIB


def test_in_a_container_is_what_it_may_have(root: Path) -> None:
    # There, what is mounted is the group itself, and its path is that of the host.
    write(root, "proc/self/cgroup", "0::/kubepods/pod1/abc")
    write(root, "sys/fs/cgroup/memory.max", 2 * GIB)
    write(root, "sys/fs/cgroup/memory.current", 3 * GIB // 2)
    assert free_bytes(root=root) == GIB // 2


def test_is_found_in_groups_of_version_1(root: Path) -> None:
    write(root, "proc/self/cgroup", "9:name=systemd:/\n5:cpu,cpuacct:/x\n4:memory:/docker/abc")
    group = "sys/fs/cgroup/memory/docker"
    write(root, f"{group}/memory.limit_in_bytes", 9223372036854771712)  # how it says: none
    write(root, f"{group}/memory.usage_in_bytes", 5 * GIB)
    write(root, f"{group}/abc/memory.limit_in_bytes", 3 * GIB)
    write(root, f"{group}/abc/memory.usage_in_bytes", 2 * GIB)
    write(root, f"{group}/abc/memory.stat", f"inactive_file 1\ntotal_inactive_file {GIB // 4}")
    assert free_bytes(root=root) == GIB + GIB // 4
    assert most_bytes(root=root) == 3 * GIB


def test_is_unknown_where_nobody_says_it(tmp_path: Path) -> None:
    assert free_bytes(root=tmp_path) is None
    assert most_bytes(root=tmp_path) is None
    assert most_bytes("mps", root=tmp_path) is None
