"""How many events of the bucket wait: a figure that may be missing."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pomona_cli.queue.state import waiting_events

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetQueueAttributes")


def stack_with(answer, **outputs):
    def attributes(**_):
        if isinstance(answer, Exception):
            raise answer
        return {"Attributes": answer}

    return SimpleNamespace(outputs=outputs, client=lambda _: SimpleNamespace(get_queue_attributes=attributes))


def test_events_that_wait_that_are_being_read_and_that_are_delayed_count():
    counts = {"": "2", "NotVisible": "3", "Delayed": "4"}
    answer = {f"ApproximateNumberOfMessages{name}": count for name, count in counts.items()}
    assert waiting_events(stack_with(answer, EventQueueUrl="queue")) == 9


@pytest.mark.parametrize("error", [DENIED, EndpointConnectionError(endpoint_url="sqs")])
def test_what_may_not_be_seen_is_left_out(error):
    assert waiting_events(stack_with(error, EventQueueUrl="queue")) is None


def test_a_stack_without_the_output_has_no_figure():
    assert waiting_events(stack_with({})) is None
