"""The embedded AWS beside the one who works with it: one server for a folder, and its logs stay when a demo fails."""

from pathlib import Path

import pytest

from demo.run import keep_logs
from embedded_aws.background import StartError, start_server, stop, wait_for_endpoint


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
