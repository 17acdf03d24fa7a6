"""CloudFormation's registry in the embedded AWS, read by more than one thread."""

import subprocess
import sys

from embedded_aws.repository import ROOT

TWO_THREADS = """
import threading
from embedded_aws.repository import ROOT
from embedded_aws.cloudformation.registry import complaints, schema

failures = []
threading.excepthook = lambda raised: failures.append(raised.exc_value)
together = threading.Barrier(2)

def check():
    together.wait()
    complaints("AWS::SQS::Queue", "eu-west-3", {})

def load():
    together.wait()
    schema("AWS::S3::Bucket", "us-east-1")

threads = [threading.Thread(target=one) for one in (check, load)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
"""


def test_a_deployment_that_begins_while_the_schemas_are_loaded_is_checked():
    done = subprocess.run([sys.executable, "-c", TWO_THREADS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
