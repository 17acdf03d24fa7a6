"""`make up`: starts the embedded AWS in the background, deploys the template into it, and says how to work with it."""

import argparse
import sys
import urllib.error
import urllib.request
from pathlib import Path

from demo.deploy import REGION, Cloud, DeployError, deploy
from embedded_aws.background import StartError, start_server, stop, wait_for_endpoint
from embedded_aws.cloudformation.parameters import check_parameters
from embedded_aws.proxies import exempt_from_proxies, exports

HOW_TO = """
Pomona is up. In this shell:

  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
{exports}  aws s3 cp some.jpg s3://{images}/some-class/
  aws s3 ls --recursive s3://{lake}/runs/

logs: {logs}    stop it: make down STATE='{state}' (what it holds stays, and is there at the next make up)
"""
# the windows of a person who watches, not of a bill
PARAMETERS = {
    "BatchWindowSeconds": "3",
    "ClockSchedule": "rate(1 minute)",
    "LaunchAfterMinutes": "0",
    "RetryAfterMinutes": "0",
}


def serving(state: Path) -> Cloud | None:
    """The embedded AWS that already serves this state, if one does."""
    ready = state / "endpoint"
    try:
        with urllib.request.urlopen(f"{ready.read_text().strip()}/moto-api/", timeout=5):  # noqa: S310 - loopback
            return Cloud(ready.read_text().strip())
    except (OSError, urllib.error.URLError, ValueError):
        return None


def start(state: Path) -> Cloud:
    server = start_server(state)
    try:
        return Cloud(wait_for_endpoint(server, state))
    except BaseException:
        stop(server)
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
