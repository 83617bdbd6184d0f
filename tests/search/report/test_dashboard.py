"""The real optuna-dashboard on a study of ours, over its HTTP API and, where there is one, in a browser."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import _serializer, save_note

from search.comparison.ideas import PAIRS
from search.report.dashboard import _by_trial, _Server, _show_trials_by_what_is_theirs
from search.report.pages import publish_comparison, publish_search
from search.storage.databases import open_storage
from search.storage.paths import ArtifactPath
from search.study.create import create_or_resume, make_objective
from search.study.leaderboard import leaderboard
from search.study.optimization import optimize
from tests.search.conftest import Searched
from tests.support.browser import browser_page, chromium
from tests.support.compared import compared, setting_in, write_comparison
from tests.support.dashboard import begun, served
from tests.support.sockets import listening
from tests.support.tiny import definition


@pytest.fixture(scope="module")
def server(searched: Searched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("dashboard"), searched.url, searched.artifacts) as address:
        yield address


def test_has_no_url_among_its_arguments_and_leaves_at_ctrl_c_though_a_browser_is_connected(
    searched: Searched, tmp_path: Path
) -> None:
    process, address = begun(tmp_path, searched.url, searched.artifacts)
    host, port = address.removeprefix("http://").split(":")
    arguments = Path(f"/proc/{process.pid}/cmdline")
    try:
        with socket.create_connection((host, int(port))):
            if arguments.exists():
                assert searched.url not in arguments.read_text()
                assert str(port) not in arguments.read_text()  # the arguments of nobody else
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == ["The dashboard has ended."]


SIGNAL_TO_ANOTHER_THREAD = """
import signal, sys, threading, time
from pathlib import Path
from search.report.dashboard import serve

def interrupt():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    serve(sys.argv[1], Path(sys.argv[2]), 0, lambda address: threading.Thread(target=interrupt).start())
except KeyboardInterrupt:
    print("ended")
"""


def test_leaves_at_an_interrupt_that_the_system_gives_to_another_thread(searched: Searched) -> None:
    order = [sys.executable, "-c", SIGNAL_TO_ANOTHER_THREAD, searched.url, searched.artifacts]
    done = subprocess.run(order, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert done.stdout == "ended\n"


def test_says_nothing_of_a_browser_that_left_before_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    server = _Server.__new__(_Server)
    for error in (ConnectionResetError(), BrokenPipeError()):
        try:
            raise error
        except OSError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert capsys.readouterr().err == ""


def fetched(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=120) as answer:
        return json.load(answer)


def test_shows_the_study_its_parameters_by_name_and_the_leaderboard_as_its_note(
    server: str, searched: Searched
) -> None:
    (summary,) = fetched(f"{server}/api/studies")["study_summaries"]
    assert summary["study_name"] == "tiny"
    detail = fetched(f"{server}/api/studies/{summary['study_id']}")
    assert detail["best_trials"][0]["number"] == searched.opened.study.best_trial.number
    shown = {parameter["name"]: parameter for parameter in detail["best_trials"][0]["params"]}
    assert shown.keys() == searched.opened.study.best_params.keys()
    assert shown["architecture"]["param_external_value"] in ("lstm", "textcnn")
    assert len(detail["trials"]) == 6
    assert detail.get("objective_names") == ["validation macro-F1"], detail.keys()
    assert "| TF-IDF + logistic regression\u00a0" in detail["note"]["body"]


def test_shows_the_whole_leaderboard_as_a_table(server: str, searched: Searched) -> None:
    (summary,) = fetched(f"{server}/api/studies")["study_summaries"]
    detail = fetched(f"{server}/api/studies/{summary['study_id']}")
    shown = {one["filename"]: one for one in detail["artifacts"]}
    figures = {"costs.svg"} if find_spec("matplotlib") and not find_spec("plotly") else set()
    if find_spec("plotly"):  # which draws that figure then
        assert any("network (" in figure["graph_object"] for figure in detail["plotly_graph_objects"])
    assert shown.keys() == {"leaderboard.csv", *figures}
    for name in figures:  # with a point for each completed trial, and their families
        with urllib.request.urlopen(f"{server}/artifacts/{summary['study_id']}/{shown[name]['artifact_id']}") as answer:
            assert "network (" in answer.read().decode()
    table = shown["leaderboard.csv"]
    assert table["mimetype"] == "text/csv"
    with urllib.request.urlopen(f"{server}/artifacts/{summary['study_id']}/{table['artifact_id']}") as answer:
        lines = answer.read().decode().splitlines()
    entries = leaderboard(searched.opened.study).entries
    assert [line.split(",")[0] for line in lines] == ["name", *(entry.name for entry in entries)]


def test_shows_of_two_reports_the_later(reviews_csv: Path, tmp_path: Path) -> None:
    opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path)
    for trials in (1, 2):
        optimize(opened, trials=trials, objective=make_objective(opened, end_early=False))
        publish_search(opened.study, leaderboard(opened.study), tmp_path)
    table = next(meta for meta in get_all_artifact_meta(opened.study) if meta.filename == "leaderboard.csv")
    assert "trial 1" in (tmp_path / table.artifact_id).read_text("utf-8")


@pytest.mark.parametrize("damage", ["a folder in its place", "an id that leaves the folder", "no JSON"])
def test_of_files_that_cannot_be_shown_is_told_and_nothing_is_lost(
    reviews_csv: Path, tmp_path: Path, damage: str
) -> None:
    opened = create_or_resume(definition(reviews_csv), open_storage(f"sqlite:///{tmp_path}/study.db"), tmp_path)
    board = leaderboard(opened.study)
    publish_search(opened.study, board, tmp_path)
    (table,) = get_all_artifact_meta(opened.study)
    key = f"artifacts:{table.artifact_id}"
    if damage == "a folder in its place":
        (tmp_path / table.artifact_id).unlink()
        (tmp_path / table.artifact_id / "in the way").mkdir(parents=True)
    else:
        record = {"artifact_id": "../out", "filename": table.filename, "mimetype": "text/csv", "encoding": None}
        value = "{" if damage == "no JSON" else json.dumps(record)
        opened.study._storage.set_study_system_attr(opened.study._study_id, key, value)
    with pytest.warns(UserWarning, match=r"the dashboard will not show leaderboard\.csv"):
        publish_search(opened.study, board, tmp_path)
    assert not (tmp_path.parent / "out").exists()


def test_shows_a_comparison_with_its_figures(tmp_path: Path) -> None:
    write_comparison(tmp_path)
    setting = setting_in(tmp_path)
    found, study = compared(tmp_path), setting.study(PAIRS)
    publish_comparison(setting, found)
    shown = {meta.filename: meta for meta in get_all_artifact_meta(study)}
    assert {"ideas.csv", "differences.svg"} <= shown.keys()
    assert shown["differences.svg"].mimetype == "image/svg+xml"
    drawn = ArtifactPath.of(setting.artifacts).local / shown["differences.svg"].artifact_id
    assert drawn.read_text("utf-8").startswith("<?xml")


def test_answers_only_this_machine(server: str) -> None:
    port = int(server.rsplit(":", 1)[1])
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address than loopback")
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex((own, port)) != 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system does not say who listens")
def test_listens_on_loopback_alone(searched: Searched, tmp_path: Path) -> None:
    process, address = begun(tmp_path, searched.url, searched.artifacts)
    try:
        heard = listening(process.pid)
    finally:
        process.kill()
        process.communicate()
    assert [str(port) for _, port in heard] == [address.rsplit(":", 1)[1]]
    assert all(ip.is_loopback for ip, _ in heard)


def test_what_listens_everywhere_is_seen() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server, socket.create_server(("127.0.0.1", 0)) as own:
        heard = dict((port, str(ip)) for ip, port in listening(os.getpid()))
        assert heard[server.getsockname()[1]] == "0.0.0.0"
        assert heard[own.getsockname()[1]] == "127.0.0.1"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_does_not_answer_a_page_that_took_its_address_for_a_name_of_its_own(server: str, host: str) -> None:
    # A page from elsewhere whose name is made to lead to 127.0.0.1 would be let in by the browser.
    request = urllib.request.Request(f"{server}/api/studies", headers={"Host": host})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=120)
    assert refused.value.code == 403
    assert b"open it as http://127.0.0.1" in refused.value.read()


def test_shows_of_each_trial_its_own_note_and_looks_for_it_among_no_others(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    study = optuna.create_study(study_name="noted", storage=storage)
    for number in range(12):
        trial = study.ask()
        save_note(trial, f"what came of {number}" * (1 if number % 2 else 300))  # some in more than one part
        study.tell(trial, float(number))
    _show_trials_by_what_is_theirs()
    (shown,) = storage.get_all_studies()
    whole = {name: value for name, value in shown.system_attrs.items() if ":note" in name}
    notes = [_serializer.serialize_frozen_trial(0, trial, whole)["note"]["body"] for trial in study.trials]
    assert notes == [f"what came of {number}" * (1 if number % 2 else 300) for number in range(12)]
    # What it looks through is what is of one trial: the version of its note, and its parts.
    assert max(map(len, _by_trial(whole).values())) == 4


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "[::1]:8080", "LOCALHOST"])
def test_answers_through_a_tunnel_from_another_port(server: str, host: str) -> None:
    request = urllib.request.Request(f"{server}/api/studies", headers={"Host": host})
    assert urllib.request.urlopen(request, timeout=120).status == 200


def test_a_browser_shows_the_study(server: str) -> None:
    with chromium() as browser, browser_page(browser) as seen:
        seen.page.goto(f"{server}/dashboard/")
        seen.page.get_by_text("tiny").first.wait_for()
        assert seen.complaints == []
