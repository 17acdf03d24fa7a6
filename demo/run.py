"""The main job, end to end, on a folder of images, through the unchanged template."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from demo.arguments import parse_arguments
from demo.cloud import running_server
from demo.deploy import build, deploy_build
from demo.errors import DemoError
from demo.observer import Observer
from demo.parameters import check_parameters
from demo.progress import say
from demo.results import collect
from demo.rounds import Rounds, files_below, left_out_below, plan
from demo.steps import drop, refit
from embedded_aws.background import StartError
from embedded_aws.repository import ROOT


def main(words: list[str]) -> None:
    """Run the demo; exit with 1 and a message if it fails."""
    options = parse_arguments(words)
    try:
        rounds, parameters = prepare(options)
    except DemoError as error:
        sys.exit(f"demo: {error}")
    (ROOT / ".local-aws").mkdir(exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / ".local-aws"))
    say(f"starting the embedded AWS; its logs are in {state / 'logs'}")
    try:
        line = run(options, rounds, parameters, state)
    except (DemoError, StartError) as error:
        keep_logs(state)
        sys.exit(f"demo: {error}\ndemo: the logs are in {state}")
    except KeyboardInterrupt:
        keep_logs(state)
        sys.exit(f"demo: interrupted; the logs are in {state}")
    if not options.keep:
        shutil.rmtree(state, ignore_errors=True)
    say(f"wrote {options.out / 'features.parquet'}, {options.out / 'results'} and {options.out / 'report.html'}")
    print(line)


def prepare(options: argparse.Namespace) -> tuple[Rounds, dict[str, str]]:
    """Return the rounds and the stack's parameters; DemoError before anything is started if they are not valid."""
    rounds = plan(files_below(options.images))
    if not rounds.first:
        raise DemoError(f"there are no files in {options.images}")
    for name in left_out_below(options.images):
        say(f"left out, because a key of S3 is UTF-8 of at most 1,024 bytes: {name}")
    parameters = {
        "BackboneName": options.backbone,
        "Components": options.components,
        "BatchWindowSeconds": "3",
        "ClockSchedule": "rate(1 minute)",
        "LaunchAfterMinutes": "0",
        "RetryAfterMinutes": "0",
        # more than the second round, which is then one batch of the express lane; what it may not do, and a large
        # first round, which starts before its upload ends, take the cluster
        "ExpressKeys": "100",
        "LaunchAtKeys": str(len(rounds.second) + len(rounds.deleted) + 1),
    }
    check_parameters(parameters)
    return rounds, parameters


def run(options: argparse.Namespace, rounds: Rounds, parameters: dict[str, str], state: Path) -> str:
    """Build, deploy and run the job; return the demo's last line."""
    with running_server(state, options.keep) as server:
        say("building and deploying template.yaml")
        build(state)  # while the server starts
        cloud = server.wait()
        pomona = Observer(cloud, deploy_build(cloud, state, parameters))
        drop(pomona, rounds)
        refit(pomona)
        line = collect(pomona, options.out)
    if options.keep:
        say(f"the embedded AWS stays up; stop it with: make down STATE='{state}'")
    return line


def keep_logs(state: Path) -> None:
    """Delete the data of a failed demo, which are hundreds of megabytes, and keep its logs."""
    for path in state.iterdir():
        if path.is_dir() and path.name != "logs":
            shutil.rmtree(path, ignore_errors=True)
        elif path.suffix not in ("", ".log", ".jsonl"):
            path.unlink()
