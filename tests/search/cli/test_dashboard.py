"""What `dashboard` says, and where it listens; how it serves is tested with the room that does."""

import socket
import urllib.request
import webbrowser
from collections.abc import Callable

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from search.cli import dashboard as room
from search.cli.commands import main
from search.report import dashboard as serving
from tests.search.conftest import Searched

Asked = Callable[..., tuple[list[str], str]]


@pytest.fixture
def asked(searched: Searched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """What the command says until Ctrl-C, which comes once a page was asked for, and all of standard output."""

    def ask(*flags: str) -> tuple[list[str], str]:
        opened: list[str] = []

        def browse(address: str) -> bool:
            opened.append(address)
            return False

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        def look(address: str) -> str:
            with urllib.request.urlopen(f"{address}api/studies", timeout=60) as answer:
                assert answer.status == 200
            return address

        listening = serving._listening

        def then_interrupted(*arguments: object) -> object:
            server = listening(*arguments)  # type: ignore[arg-type]
            monkeypatch.setattr(
                serving.time, "sleep", lambda _: (look(f"http://127.0.0.1:{server.server_port}/"), interrupt())
            )
            return server

        monkeypatch.setattr(serving, "_listening", then_interrupted)
        monkeypatch.setattr(webbrowser, "open", browse)
        assert main(["dashboard", *searched.flags, *flags]) == 130
        out, err = capsys.readouterr()
        return [*err.splitlines(), *(f"opened {address}" for address in opened)], out

    return ask


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> int:
    """The usual port, which is free and has a free one after it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    for where in (serving, room):
        monkeypatch.setattr(where, "USUAL_PORT", port, raising=False)
    return port


ENDED = "The dashboard has ended."


def test_says_its_address_and_ends_in_one_line_and_says_nothing_of_requests(asked: Asked, usual: int) -> None:
    assert asked() == ([f"http://127.0.0.1:{usual}/  (Ctrl-C ends it)", ENDED], "")


def test_takes_the_next_port_where_the_usual_one_is_taken_and_says_so(asked: Asked, usual: int) -> None:
    with socket.create_server(("127.0.0.1", usual)):
        said, _ = asked()
    assert said[0].endswith(f"/  (port {usual} is taken; Ctrl-C ends it)")
    assert said[0].split("/")[2] != f"127.0.0.1:{usual}"


def test_refuses_a_port_that_was_asked_for_and_is_taken(searched: Searched, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["dashboard", *searched.flags, "--port", str(port)]) == 2
    assert capsys.readouterr().err == (
        f"sentiment-search: port {port} cannot be used: Address already in use; give another --port\n"
    )


def test_prints_its_address_alone_where_it_shall_be_quiet(asked: Asked, usual: int) -> None:
    assert asked("--quiet") == ([], f"http://127.0.0.1:{usual}/\n")


def test_prints_each_request_where_that_is_asked_for(asked: Asked, usual: int) -> None:
    said, _ = asked("--verbose")
    assert any("GET /api/studies" in line for line in said)


def test_opens_a_browser_or_says_that_there_is_none(asked: Asked, usual: int) -> None:
    said, _ = asked("--open")
    assert said[1:] == [
        "No browser could be opened here; open that address yourself.",
        ENDED,
        f"opened http://127.0.0.1:{usual}/",
    ]


def test_lets_no_warning_of_importances_out(asked: Asked, recwarn: pytest.WarningsRecorder) -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: 0 * trial.suggest_float("x", 0, 1), n_trials=2)
    asked()
    get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    assert not list(recwarn)
