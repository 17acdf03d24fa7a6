"""The simulation of the queue: it loses nothing, counts what it asks of S3, and would notice if something were lost."""

import pytest

from benchmarks.places import BenchError
from benchmarks.simulation import EVENTS_OF_A_BATCH, Simulation
from benchmarks.template import template_settings
from pomona_intake.s3.lake import Lake

KEYS = 20_000


def simulate(**changes: str):
    return Simulation(template_settings(**changes), lambda keys: 60 + keys / 100).run(KEYS, per_second=1000)


def test_every_key_is_settled_and_the_requests_are_counted():
    # Given the template's settings; when twenty thousand keys go through, some of them twice
    outcome = simulate()
    # Then all are settled, in few segments and fewer batches
    assert outcome.lost == 0
    assert outcome.events == KEYS * 1.01
    assert outcome.invocations == outcome.segments == -(-outcome.events // EVENTS_OF_A_BATCH)
    assert 1 <= outcome.batches <= outcome.segments
    # And a write for each segment, two for each claim, is the least that S3 was asked for
    assert outcome.requests["PUT"] >= outcome.segments + 2 * outcome.batches
    assert outcome.requests["LIST"] >= outcome.batches


def test_a_small_limit_makes_more_batches():
    assert simulate(MAX_KEYS_PER_RUN="4000").batches > simulate().batches


def test_a_lost_segment_is_noticed(monkeypatch):
    # Given a lake that forgets one segment
    create, forgotten = Lake.create, []

    def forgetful(lake: Lake, name: str, body: bytes) -> str:
        if "queue/pending/" in name and not forgotten:
            forgotten.append(name)
            return '"etag"'
        return create(lake, name, body)

    monkeypatch.setattr(Lake, "create", forgetful)
    # When the keys go through, then the simulation says how many were lost
    with pytest.raises(BenchError, match="of 20000 keys were lost"):
        simulate()
