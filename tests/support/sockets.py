"""What a process listens on, as the system has it."""

import ipaddress
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

__all__ = ["listening"]

LISTENS = "0A"
TABLES = {"/proc/net/tcp": 4, "/proc/net/tcp6": 16, "/proc/net/udp": 4, "/proc/net/udp6": 16}


def listening(pid: int) -> set[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Addresses and ports that the process, and those that it started, accept connections on.

    Only on Linux: what `/proc` says of sockets.
    """
    own = {inode for one in _family(pid) for inode in _sockets(one)}
    found = set()
    for table in TABLES:
        with suppress(FileNotFoundError):  # a machine without IPv6
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                address, port = fields[1].split(":")
                if fields[9] in own and (fields[3] == LISTENS or "udp" in table):
                    found.add((_address(address), int(port, 16)))
    return found


def _address(written: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Hexadecimal, in words of 32 bits, each in the order of the machine."""
    words = [int(written[start : start + 8], 16) for start in range(0, len(written), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return ipaddress.ip_address(socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed))


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with suppress(FileNotFoundError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                kind, _, inode = os.readlink(file).partition(":")
                if kind == "socket":
                    found.add(inode.strip("[]"))
    return found
