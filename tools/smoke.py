"""`make smoke STACK=name`: on a deployed stack, what an embedded AWS cannot show. Says first what it will cost.

Three sample images go through the whole system, from the bucket's event to the refit, and are deleted again.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from smoke_checks import CHECKS, OF_ANY_STACK, Check
from smoke_stack import SAMPLES, Deployed, NotHereError, SmokeError

from pomona_contract.prices import BilledHours, prices_of

# what is assumed of a run for the estimate: driver and one executor of 2 vCPU and 8 GB each, for three minutes
RUNS, VCPU_HOURS, GB_HOURS = 3, 4 * 3 / 60, 16 * 3 / 60
LAUNCH_MINUTES = 5  # for the events' window, the clock and the start of workers, beside LaunchAfterMinutes


@contextmanager
def _without_leftovers(stack: Deployed) -> Iterator[None]:
    """Whatever happens, no sample image stays in the bucket."""
    try:
        yield
    finally:
        stack.remove_samples()


def estimate(region: str) -> str:
    """What the checks will cost, in words, from the dated prices."""
    prices = prices_of(region)
    if prices is None:
        return f"{RUNS} runs of EMR Serverless; their price in {region} is not known here"
    cost = RUNS * prices.cost(BilledHours(VCPU_HOURS, GB_HOURS, 0))
    runs = f"{RUNS} runs of EMR Serverless of about 3 minutes"
    return f"{runs}: about {cost:.2f} {prices.currency} (prices of {prices.as_of})"


def run_checks(stack: Deployed, checks: Iterable[tuple[str, Check]]) -> int:
    """Runs these checks, one failure does not end the others; gives the number of failures."""
    failures = 0
    with _without_leftovers(stack) if stack.is_usable else nullcontext():
        for name, check in checks:
            try:
                print(f"ok   {name}: {check(stack)}", flush=True)
            except NotHereError as reason:
                print(f"--   {name}: {reason}", flush=True)
            except (SmokeError, ClientError, BotoCoreError) as error:
                failures += 1
                print(f"FAIL {name}: {error}", flush=True)
    return failures


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make smoke", description=__doc__)
    parser.add_argument("--stack", required=True)
    parser.add_argument("--region", help="else the one of your AWS configuration")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is started")
    options = parser.parse_args(words)
    session = boto3.Session(region_name=options.region)
    if not session.region_name:
        sys.exit("smoke: no region: give REGION=eu-west-3, or set AWS_DEFAULT_REGION")
    stack = Deployed(options.stack, session, 0)
    try:
        minutes = float(stack.parameters["LaunchAfterMinutes"]) + float(stack.parameters["RunTimeoutMinutes"])
    except (ClientError, BotoCoreError) as error:
        sys.exit(f"smoke: the stack {options.stack} cannot be looked at in {session.region_name}: {error}")
    if not stack.is_usable:
        print(f"the stack {options.stack} is not deployed completely; of such a stack only this can be checked:")
        return 1 if run_checks(stack, OF_ANY_STACK) else 0
    put = f"put {len(SAMPLES)} images into s3://{stack.images} for a while"
    print(f"this will start {estimate(session.region_name)}, and {put}")
    if not options.yes and input("go on? [y/N] ").strip().lower() != "y":
        return 2
    failures = run_checks(Deployed(options.stack, session, minutes + LAUNCH_MINUTES), CHECKS)
    print(f"{len(CHECKS)} checks, {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
