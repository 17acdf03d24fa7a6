"""An AWS for the job's tests in a process of its own: a test that mocks AWS in its own process empties what is there.

moto over HTTP, with Glue's optimistic lock. It prints its endpoint, answers a line for each line of its input, and
ends with its input, however the tests end.
"""

import gc
import json
import logging
import sys
import threading
from datetime import timedelta

from moto.core import DEFAULT_ACCOUNT_ID
from moto.glue import urls as glue_urls
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from embedded_aws.glue.catalog import LockingResponse
from embedded_aws.moto_internals.application import create_dispatcher
from embedded_aws.moto_internals.substitution import substitute_response
from embedded_aws.request_handler import RequestHandler


def put_back(bucket: str, prefix: str, hours: float) -> int:
    """Let the objects below a prefix be older by some hours; how many."""
    stored = [
        one
        for key, one in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.items()
        if key.startswith(prefix)
    ]
    for one in stored:
        one.last_modified -= timedelta(hours=hours)
    return len(stored)


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    substitute_response(glue_urls, LockingResponse)
    server = make_server("127.0.0.1", 0, create_dispatcher(), threaded=True, request_handler=RequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    gc.freeze()  # no collection of garbage need look at moto
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    for line in sys.stdin:
        print(put_back(**json.loads(line)), flush=True)
    server.shutdown()


if __name__ == "__main__":
    main()
