"""`make up`: start the embedded AWS in the background, deploy the template, and print how to use it."""

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path

from demo.cloud import REGION, EmbeddedCloud, ServerProcess
from demo.deploy import deploy
from demo.errors import DeployError
from demo.parameters import check_parameters
from embedded_aws.background import StartError
from embedded_aws.proxies import exempt_from_proxies, exports

HOW_TO = """
Pomona is up. In this shell:

  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
{exports}  aws s3 cp some.jpg s3://{images}/some-class/
  aws s3 ls --recursive s3://{lake}/runs/

logs: {logs}    stop it: make down STATE='{state}' (its data stay, and are there after the next make up)
"""
# short windows, for a user who watches
PARAMETERS = {
    "BatchWindowSeconds": "3",
    "ClockSchedule": "rate(1 minute)",
    "LaunchAfterMinutes": "0",
    "RetryAfterMinutes": "0",
}


def serving(state: Path) -> EmbeddedCloud | None:
    """Return the embedded AWS that already serves this state; None if there is none."""
    ready = state / "endpoint"
    try:
        with urllib.request.urlopen(f"{ready.read_text().strip()}/_local/ready", timeout=5):  # noqa: S310 - loopback
            return EmbeddedCloud(ready.read_text().strip())
    except (OSError, urllib.error.URLError, ValueError):
        return None


def start(state: Path) -> EmbeddedCloud:
    """Start an embedded AWS that stays up."""
    server = ServerProcess.start(state)
    try:
        return server.wait()
    except BaseException:
        server.stop()
        raise


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--components", required=True)
    options = parser.parse_args(words)
    state = options.state.resolve()
    parameters = {**PARAMETERS, "BackboneName": options.backbone, "Components": options.components}
    exempt_from_proxies("127.0.0.1")
    try:
        check_parameters(parameters)
        cloud = serving(state) or start(state)
    except (StartError, DeployError) as error:
        sys.exit(f"up: {error}")
    print("building and deploying template.yaml", flush=True)
    try:
        outputs = deploy(cloud, state, parameters)
    except DeployError as error:
        sys.exit(
            f"up: {error}\nup: the embedded AWS stays up (logs: {state / 'logs'}); make down STATE='{state}' stops it"
        )
    names = {"images": outputs["ImagesBucketName"], "lake": outputs["LakeBucketName"]}
    lines = "".join(f"  {line}\n" for line in exports())
    print(
        HOW_TO.format(endpoint=cloud.endpoint, region=REGION, exports=lines, logs=state / "logs", state=state, **names)
    )


if __name__ == "__main__":
    main(sys.argv[1:])
