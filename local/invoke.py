"""`make local`: `sam local invoke` of a function with a sample event, its container speaking to an embedded AWS.

The container reaches this machine as host.docker.internal; so the embedded AWS listens on `--host`: 127.0.0.1 where
Docker forwards to it (Docker Desktop), the bridge's own address (172.17.0.1) where it does not (Linux).
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from local.background import StartError
from local.demo import DemoError, embedded_aws
from local.deploy import ROOT, STACK, Cloud, DeployError, deploy


def function_variables(cloud: Cloud, logical_id: str) -> dict[str, str]:
    """The environment that the template gave the function."""
    described = cloud.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    variables: dict[str, str] = cloud.client("lambda").get_function_configuration(FunctionName=name)["Environment"][
        "Variables"
    ]
    return variables


def invoke(cloud: Cloud, state: Path, logical_id: str, event: Path, arguments: list[str]) -> str:
    """What the container printed; `sam` exits with 0 also when the handler raised."""
    variables = state / "variables.json"
    declared = {logical_id: function_variables(cloud, logical_id)}
    variables.write_text(json.dumps(declared))
    command = [str(ROOT / ".venv/sam/bin/python"), "-m", "samcli", "local", "invoke", logical_id, "-e", str(event)]
    endpoint = f'EndpointUrl="http://host.docker.internal:{urlsplit(cloud.endpoint).port}"'
    place = ["--template-file", str(state / "build" / "template.yaml"), "--parameter-overrides", endpoint]
    command += [*place, "--env-vars", str(variables), *arguments]
    done = subprocess.run(command, env=cloud.environment(), capture_output=True, text=True, check=False)
    printed = f"{done.stderr}\n{done.stdout}"
    if done.returncode or '"errorMessage"' in done.stdout:
        raise DemoError(f"{logical_id} with {event.name} failed:\n{printed}")
    return printed


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make local", description=__doc__)
    parser.add_argument("pairs", nargs="+", metavar="FUNCTION=EVENT", help="IngestFunction=events/ingest-s3-put.json")
    parser.add_argument("--host", default="127.0.0.1", help="where the embedded AWS listens")
    parser.add_argument("--sam-arguments", default="", help="further arguments of sam local invoke")
    options = parser.parse_args(words)
    if shutil.which("docker") is None:
        sys.exit("sam local invoke needs Docker: apt-get install docker.io (or Docker Desktop), then run this again")
    (ROOT / ".local-aws").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="invoke-", dir=ROOT / ".local-aws", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        try:
            with embedded_aws(state, keep=False, host=options.host) as cloud:
                deploy(cloud, state, {})
                for function, _, event in (pair.partition("=") for pair in options.pairs):
                    print(f"--- {function} with {event}", flush=True)
                    print(invoke(cloud, state, function, Path(event), shlex.split(options.sam_arguments)), flush=True)
        except (DemoError, DeployError, StartError) as error:
            sys.exit(f"local: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
