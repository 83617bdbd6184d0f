"""optuna-dashboard over the studies, in this process and for this machine only.

Started as a program of its own it would take the storage's URL, and a password in it, as an argument, which everybody
on the machine can read.
"""

import errno
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import BaseStorage, get_storage
from optuna.trial import FrozenTrial
from optuna_dashboard import _serializer, wsgi

from search.storage.paths import ArtifactPath, Artifacts
from sentiment.errors import InputError

__all__ = ["USUAL_PORT", "serve"]

LOOPBACK: Final = "127.0.0.1"
"""The dashboard knows no passwords and can delete studies."""

NAMES: Final = (LOOPBACK, "localhost", "::1")
"""What this machine calls itself; a tunnel from another port keeps the name."""

_IMPORTANCES: Final = re.compile(r"/api/studies/(\d+)/param_importances")
USUAL_PORT: Final = 8080
PORTS: Final = 100
"""That are tried from the usual one on, where nobody asked for one."""

OF_TRIAL: Final = re.compile(r"dashboard:(?:artifacts:)?(\d+):")
"""How the names of a study's system attributes begin that are of a trial; its key in the database follows."""

POLL_SECONDS: Final = 0.1
"""Between two looks whether Ctrl-C came."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True  # a browser that keeps a connection open shall not keep the program from ending

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that left before it had its answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of a request: a page asks for something every few seconds."""


def _for_this_machine(app: Any) -> Callable[[dict[str, Any], Any], Any]:
    """The same for those alone who ask for this machine by its own name.

    A page from anywhere may have its name lead to 127.0.0.1 once a browser has opened it, and would then read and
    delete studies as if it were the dashboard (DNS rebinding).
    """

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        name = str(environ.get("HTTP_HOST", "")).rpartition("]")[0] or str(environ.get("HTTP_HOST", "")).split(":")[0]
        if name.lower().strip("[]") in NAMES:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"this dashboard answers this machine alone; open it as http://{LOOPBACK}:PORT/\n".encode()]

    return answer


def _without_parameters(app: Any, storage: BaseStorage) -> Callable[[dict[str, Any], Any], Any]:
    """The same, but of a study in which nothing was drawn, as one that tunes an arm of which all is fixed, it answers
    that there are no importances; the dashboard divides by their number, and shows an error."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        asked = _IMPORTANCES.fullmatch(str(environ.get("PATH_INFO", "")))
        if asked is None or _has_parameters(storage, int(asked[1])):
            return app(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json; charset=utf-8")])
        return [b'{"param_importances": [[]]}']

    return answer


def _has_parameters(storage: BaseStorage, study_id: int) -> bool:
    try:
        return bool(storage.get_best_trial(study_id).params)
    except (KeyError, ValueError, RuntimeError):  # no such study, no completed trial, several objectives
        return True


def serve(
    storage: BaseStorage,
    artifacts: Artifacts,
    port: int | None,
    on_ready: Callable[[str], None],
    *,
    verbose: bool = False,
) -> None:
    """Serve the dashboard until Ctrl-C.

    Args:
        storage: that holds studies. Given a URL, the dashboard would read it in a slower way (`search.storage.rows`).
        artifacts: where the dashboard's own artifacts lie.
        port: 0 takes any that is free; None the usual one, or the next that is free.
        on_ready: called with the address once it answers.
        verbose: write a line on standard error for each request.

    Raises:
        InputError: the port cannot be used.
    """
    _show_trials_by_what_is_theirs()
    app = wsgi(get_storage(storage), artifact_store=ArtifactPath.of(artifacts).store())
    app = _for_this_machine(_without_parameters(app, storage))
    server = _listening(app, port, WSGIRequestHandler if verbose else _Silent)
    # In a thread of its own: Ctrl-C, which comes to this one, does not break off what a browser is being told.
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, daemon=True)
    with server:
        serving.start()
        try:
            on_ready(f"http://{LOOPBACK}:{server.server_port}/")
            # join() would sleep through an interrupt that the system gives to another thread.
            while serving.is_alive():
                time.sleep(POLL_SECONDS)
        finally:
            server.shutdown()


def _show_trials_by_what_is_theirs() -> None:
    """Give the dashboard, of each trial that it shows, what the study says of that trial alone. It would look for the
    note of each among the notes of all: of a thousand trials that takes a second, of ten thousand minutes."""
    whole = _serializer.serialize_frozen_trial
    if getattr(whole, "of_each", False):
        return
    seen: dict[str, Any] = {}
    by_trial: dict[str, dict[str, Any]] = {}

    def of_each(study_id: int, trial: FrozenTrial, study_system_attrs: dict[str, Any]) -> Any:
        nonlocal seen, by_trial
        with turns:
            if seen is not study_system_attrs:  # one dictionary for all trials of an answer
                seen, by_trial = study_system_attrs, _by_trial(study_system_attrs)
            own = by_trial.get(str(trial._trial_id), {})
        return whole(study_id, trial, own)

    turns = threading.Lock()
    of_each.of_each = True  # type: ignore[attr-defined]
    _serializer.serialize_frozen_trial = of_each


def _by_trial(study_system_attrs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Those of a study's system attributes that are of a trial, by the trial's key."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in study_system_attrs.items():
        if of_trial := OF_TRIAL.match(name):
            found.setdefault(of_trial[1], {})[name] = value
    return found


def _listening(app: Any, port: int | None, handler: type[WSGIRequestHandler]) -> WSGIServer:
    """A server at the port that was asked for; where none was, at the usual one or the first free one after it."""
    wanted = range(USUAL_PORT, USUAL_PORT + PORTS) if port is None else [port]
    for one in wanted:
        try:
            return make_server(LOOPBACK, one, app, server_class=_Server, handler_class=handler)
        except (OSError, OverflowError) as error:
            if one != wanted[-1] and getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES):
                continue
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"port {one} cannot be used: {reason}; give another --port") from None
    raise AssertionError("there is a port to try")
