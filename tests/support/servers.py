"""Real servers on loopback for tests and benchmarks: PostgreSQL 16, Optuna's gRPC proxy, S3. Each on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PASSWORD", "PostgreSQL", "bucket", "free_port", "grpc_proxy"]

LOOPBACK = "127.0.0.1"
PASSWORD = "s3cr3t-and-long"
"""Of the databases: it must show nowhere."""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        return int(listening.getsockname()[1])


class PostgreSQL:
    """A private server, from the wheel `pgserver`; within `with` it runs."""

    def __init__(self, *, connections: int = 100) -> None:
        from pgserver._commands import POSTGRES_BIN_PATH

        self._programs = Path(POSTGRES_BIN_PATH)
        self._connections = connections
        self.port = free_port()

    def __enter__(self) -> "PostgreSQL":
        # Not below pytest's folder, which only its owner may enter: as root, PostgreSQL runs as another user.
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._user = None
        if os.name == "posix" and os.geteuid() == 0:
            from pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

            self._user = "pgserver"
            ensure_user_exists(self._user)
            for path in (self._programs, self._programs.parent):
                ensure_prefix_permissions(path)
            ensure_folder_permissions(self._programs, 0o055)
            ensure_folder_permissions(self._programs.parent / "lib", 0o055)
            shutil.chown(self._folder, self._user)
        password = self._folder / "password"
        password.write_text(PASSWORD, "utf-8")
        password.chmod(0o644)
        made = ["--auth=scram-sha-256", "--encoding=utf8", "-U", "postgres", f"--pwfile={password}", "--no-sync"]
        self._call("initdb", *made)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{PASSWORD}@{LOOPBACK}:{self.port}/postgres"

    def start(self) -> None:
        options = f"-h {LOOPBACK} -p {self.port} -k {self._folder} -N {self._connections}"
        self._call("pg_ctl", "-w", "-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash, from which it recovers as it starts; `fast` breaks off the connections."""
        self._call("pg_ctl", "-w", "-m", mode, "stop", check=False)

    def new_database(self, name: str) -> str:
        """An empty one; its URL."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        return self.url.removesuffix("postgres") + name

    def connections(self) -> int:
        """How many clients it has, but for whoever asks."""
        import psycopg

        with psycopg.connect(self.url) as connection:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            counted = connection.execute(asked).fetchone()
        assert counted is not None
        return int(counted[0]) - 1

    def _call(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        subprocess.run(
            command, check=check, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )


@contextmanager
def grpc_proxy(url: str, port: int | None = None) -> Iterator[str]:
    """Optuna's own gRPC proxy before the storage at `url`, as a process; its URL."""
    port = port or free_port()
    program = (
        "import os, optuna; from optuna.storages import get_storage, run_grpc_proxy_server\n"
        f"run_grpc_proxy_server(get_storage(os.environ['URL']), host='{LOOPBACK}', port={port})"
    )
    url = url.replace("postgresql://", "postgresql+psycopg://")
    environment = os.environ | {"URL": url, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"grpc://{LOOPBACK}:{port}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def wait_for(port: int, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    """Until something listens there."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as asking:
            if asking.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def bucket(name: str = "reviews") -> Iterator[dict[str, str]]:
    """An S3 server with a bucket; the environment in which boto3 finds it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": PASSWORD,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="tester",
            aws_secret_access_key=PASSWORD,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=name)
        yield environment
    finally:
        server.stop()
