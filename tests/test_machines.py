"""The page on many machines does what it says: its commands, against real servers, all of them on this machine."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pages import ROOT
from tests.support.servers import PASSWORD, PostgreSQL, bucket, free_port, wait_for
from tests.test_docs import write_reviews

for _needed in ("pgserver", "moto", "boto3", "grpc", "yaml"):
    pytest.importorskip(_needed, reason=f"{_needed} is not installed; the extra `dev` brings it")

PAGE = (ROOT / "docs" / "machines.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))

SMALLER = (
    (r"--trials 200|--trials 30", "--trials 2 --families linear --name netflix"),
    (r"--workers (\d+|auto)", "--workers 2"),
    (r"^pip .*$", ""),
    (r"^nohup ", ""),
    (r"^srun --cpus-per-task=4 ", ""),
)


def scripts(section: str, language: str = "sh") -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.MULTILINE | re.DOTALL)
    assert found, section
    return found


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[PostgreSQL, dict[str, str]]]:
    with PostgreSQL() as database, bucket() as environment:
        yield database, environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_reviews(tmp_path / "netflix.csv", "content", "score", 200, seed=0)
    program = tmp_path / "bin" / "sentiment-search"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m search "$@"\n', "utf-8")
    program.chmod(0o755)
    return tmp_path


class Here:
    """The hosts of the page, on this one."""

    def __init__(self, servers: tuple[PostgreSQL, dict[str, str]], folder: Path) -> None:
        self._database, self._of_bucket = servers
        self._folder, self._port = folder, free_port()
        name = folder.name.replace("-", "_")
        self._url = self._database.new_database(name).removeprefix("postgresql://")
        self.said = ""

    def run(self, script: str, **more: str) -> str:
        """Run a script as the page has it, but for its hosts and how much it does; returns what it said."""
        process = self._start(script, **more)
        try:
            said, _ = process.communicate(timeout=300)
        finally:
            process.kill()
        self.said += said
        assert process.returncode == 0, said
        assert PASSWORD not in said
        return said

    @contextmanager
    def running(self, script: str) -> Iterator[None]:
        """A script that runs until it is told to end."""
        process = self._start(script.replace("sentiment-search storage", "exec sentiment-search storage"))
        try:
            wait_for(self._port, process)  # type: ignore[arg-type]
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said

    def _start(self, script: str, **more: str) -> "subprocess.Popen[str]":
        for there, instead in SMALLER:
            script = re.sub(there, instead, script, flags=re.MULTILINE)
        script = script.replace("reviewer:PASSWORD@db.example:5432/reviews", self._url)
        script = script.replace("proxy.example:13000", f"127.0.0.1:{self._port}")
        script = script.replace("--host 0.0.0.0 --port 13000", f"--host 127.0.0.1 --port {self._port}")
        script = script.replace("https://s3.example", self._of_bucket["AWS_ENDPOINT_URL"])
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPTUNA", "RAY"))}
        environment |= self._of_bucket | more
        environment["PATH"] = f"{self._folder / 'bin'}{os.pathsep}{environment['PATH']}"
        return subprocess.Popen(
            ["bash", "-euc", script],
            cwd=self._folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture
def here(servers: tuple[PostgreSQL, dict[str, str]], folder: Path) -> Here:
    return Here(servers, folder)


def test_every_section_with_commands_is_run_here() -> None:
    tested = {
        *("A laptop", "A server", "Many machines and PostgreSQL", "The gRPC proxy, for hundreds of workers"),
        *("A Slurm array", "Kubernetes Jobs", "Ray", "Moving a study"),
    }
    assert {name for name, text in SECTIONS.items() if "```" in text} == tested


@pytest.mark.parametrize("section", ["A laptop", pytest.param("A server", marks=pytest.mark.slow)])
def test_one_machine(section: str, here: Here) -> None:
    (script,) = scripts(section)
    here.run(script)


def test_many_machines_and_a_study_that_moves(here: Here, folder: Path) -> None:
    first, other = scripts("Many machines and PostgreSQL")
    assert "Next: sentiment-search export netflix" in here.run(first)
    assert "Nothing is left to do here" in here.run(other)
    (moving,) = scripts("Moving a study")
    said = here.run(moving)
    assert "all of it was read back and is the same" in said
    assert "macro-F1" in said


def test_the_proxy(here: Here) -> None:
    server, workers = scripts("The gRPC proxy, for hundreds of workers")
    with here.running(server):
        assert "Nothing is left to do here" in here.run(workers)


def test_an_array(here: Here) -> None:
    (script,) = scripts("A Slurm array")
    here.run(script, SLURM_ARRAY_TASK_ID="1")
    assert "2 of 2 trials are there already" in here.run(script, SLURM_ARRAY_TASK_ID="2")


@pytest.mark.slow
def test_jobs(here: Here) -> None:
    import yaml

    (manifest,) = scripts("Kubernetes Jobs", "yaml")
    (container,) = yaml.safe_load(manifest)["spec"]["template"]["spec"]["containers"]
    storage = "export OPTUNA_STORAGE=postgresql://reviewer:PASSWORD@db.example:5432/reviews\n"
    here.run(storage + " ".join(container["command"]))


def test_ray(here: Here) -> None:
    pytest.importorskip("ray", reason="ray is not installed; the extra `ray` brings it")
    (script,) = scripts("Ray")
    # No cluster is there: one is started.
    here.run(re.sub(r"^export RAY_ADDRESS.*$", "", script, flags=re.MULTILINE))
