"""The deployed template with results in its lake, so that `identify` has something to answer with: no Spark."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.cloud import EmbeddedCloud
from demo.deploy import deploy
from tests.identify_results import FRUITS, IMAGES, put_results
from tests.local_server import LocalServer

# uploads become keys that wait, and no run
AT_REST = {"ExpressKeys": "0", "LaunchAtKeys": "1000000", "LaunchAfterMinutes": "1440", "ClockSchedule": "rate(1 day)"}


@dataclass
class IdentifyStack:
    """The template in an embedded AWS, with the sample images that its results are of."""

    aws: LocalServer
    folder: Path
    outputs: dict[str, str]

    @classmethod
    def deployed(cls, aws: LocalServer, folder: Path, access: str) -> "IdentifyStack":
        """Deploy the template, as `sam` does, with a value of IdentifyAccess."""
        outputs = deploy(EmbeddedCloud(aws.endpoint), folder, AT_REST | {"IdentifyAccess": access})
        stack = cls(aws, folder, outputs)
        put_results(stack.s3, outputs["LakeBucketName"])
        for fruit in FRUITS:
            for number in range(10):
                key = f"{fruit}/{fruit}-{number:02d}.jpg"
                stack.s3.upload_file(str(IMAGES / key), outputs["ImagesBucketName"], key)
        return stack

    @property
    def s3(self) -> Any:
        return self.aws.client("s3")

    @property
    def url(self) -> str:
        return self.outputs["IdentifyUrl"]
