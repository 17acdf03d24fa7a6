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
from demo.port import is_free, keep_port, kept_port
from embedded_aws.background import StartError
from embedded_aws.proxies import exempt_from_proxies, exports

HOW_TO = """
Pomona is up. In this shell:

  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={region}
  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
{exports}
Upload images; the folder of an image is its class:

  aws s3 cp --recursive samples/images s3://{images}/

Identify a photograph, after the first refit:

  {page}

Look after it (install the command line once: uv tool install . or pip install .):

  pomona status                # what waits, what runs, the table, the next refit
  pomona runs                  # what each run did and cost, and why one failed
  pomona errors                # the images that could not be read
  pomona refit --wait          # fit the PCA now instead of at the next scheduled time
  pomona report --open         # the report of the newest refit
  pomona export features.csv   # the table as a file

Without the exports, name the address: pomona --endpoint-url {endpoint} --region {region} status

Logs: {logs}
Stop: make down STATE='{state}' (the data stay, and the next make up serves them at the same address)
"""
# short windows, for a user who watches; the address of identify listens on this machine alone
PARAMETERS = {
    "ExpressKeys": "100",
    "IdentifyAccess": "public",
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
    """Start an embedded AWS that stays up, on the port of the last start if that is free."""
    port = kept_port(state)
    if port and not is_free(port):
        print(f"port {port} of the last start is taken by another process: the address is a new one", flush=True)
        port = None
    server = ServerProcess.start(state, port=port or 0)
    try:
        cloud = server.wait()
    except BaseException:
        server.stop()
        raise
    keep_port(state, cloud.endpoint)
    return cloud


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
    print(how_to(cloud.endpoint, outputs["ImagesBucketName"], outputs["IdentifyUrl"], state))


def how_to(endpoint: str, images: str, page: str, state: Path) -> str:
    """Return what to type after `make up`."""
    lines = "".join(f"  {line}\n" for line in exports())
    return HOW_TO.format(
        endpoint=endpoint, region=REGION, exports=lines, images=images, page=page, logs=state / "logs", state=state
    )


if __name__ == "__main__":
    main(sys.argv[1:])
