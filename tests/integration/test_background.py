"""The embedded AWS beside the one who works with it: one server for a folder, and its logs stay when a demo fails."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from demo.port import is_free, keep_port, kept_port
from demo.run import keep_logs
from demo.up import how_to
from embedded_aws.background import StartError, start_server, stop, wait_for_endpoint
from pomona_cli.app import app
from tests.local_server import ROOT


def test_a_second_server_is_refused_with_a_sentence_and_the_first_is_still_found(tmp_path: Path):
    # Given a server that has the folder
    first = start_server(tmp_path)
    endpoint = wait_for_endpoint(first, tmp_path)
    try:
        # When another is started, it ends and says why
        with pytest.raises(StartError, match=rf"A server \(process {first.pid}\) already has"):
            wait_for_endpoint(start_server(tmp_path), tmp_path)
        # Then whoever looks for the first finds it
        assert (tmp_path / "endpoint").read_text() == endpoint
    finally:
        stop(first)


def test_the_endpoint_of_a_server_that_was_killed_is_not_taken_for_the_next_ones(tmp_path: Path):
    first = start_server(tmp_path)
    wait_for_endpoint(first, tmp_path)
    first.kill()
    first.wait()
    (tmp_path / "endpoint").write_text("http://127.0.0.1:1")
    second = start_server(tmp_path)
    try:
        assert wait_for_endpoint(second, tmp_path) != "http://127.0.0.1:1"
    finally:
        stop(second)


def test_a_demo_that_failed_keeps_what_says_why_and_nothing_large(tmp_path: Path):
    for name in ("logs/functions/ingest.log", "sam-build.log", "serve.log", "calls.jsonl", "endpoint"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("why")
    for name in ("build/PublishFunction/deps.tar.gz", "functions/x/app.py", "state.sqlite", "state.sqlite-wal"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("large")
    keep_logs(tmp_path)
    assert {path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {"why"}
    assert len(list(tmp_path.rglob("*.log"))) == 3


UP = "import sys; from pathlib import Path; from demo.up import start; print(start(Path(sys.argv[1])).endpoint)"


def start_server_of_make_up(state: Path) -> list[str]:
    """Start as `make up` does, in a process that ends, and return what it prints; the last line is the address."""
    command = [sys.executable, "-c", UP, str(state)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def test_make_up_keeps_its_port_and_takes_another_if_it_is_taken(tmp_path: Path):
    # Given an address that was served once
    (first,) = start_server_of_make_up(tmp_path)
    stop_server(tmp_path)
    port = kept_port(tmp_path)
    assert port is not None
    assert first == f"http://127.0.0.1:{port}"
    # When it is started again, then it has the same address
    assert start_server_of_make_up(tmp_path) == [first]
    stop_server(tmp_path)
    # And another one, which is kept from then on, while another process has the port
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may still have the port
        other.bind(("127.0.0.1", port))
        other.listen()
        said, second = start_server_of_make_up(tmp_path)
    stop_server(tmp_path)
    assert f"port {port} of the last start is taken" in said
    assert second != first
    assert second == f"http://127.0.0.1:{kept_port(tmp_path)}"


def stop_server(state: Path) -> None:
    subprocess.run([sys.executable, "-m", "embedded_aws", "down", "--state", str(state)], cwd=ROOT, check=True)


def test_a_port_that_nobody_can_have_is_not_free(tmp_path: Path):
    assert kept_port(tmp_path) is None
    keep_port(tmp_path, "http://127.0.0.1:70")
    assert kept_port(tmp_path) == 70
    (tmp_path / "port").write_text("no number")
    assert kept_port(tmp_path) is None
    assert not is_free(70_000)


def test_make_up_ends_with_commands_that_exist(tmp_path: Path):
    told = how_to("http://127.0.0.1:5000", "images", "http://127.0.0.1:5001/", tmp_path)
    typed = {line.split()[1] for line in told.splitlines() if line.startswith("  pomona ")}
    assert {"status", "refit", "report"} <= typed <= set(typer.main.get_group(app).commands)
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:5000 AWS_DEFAULT_REGION=eu-west-3\n" in told
    assert "--endpoint-url http://127.0.0.1:5000 --region eu-west-3" in told
