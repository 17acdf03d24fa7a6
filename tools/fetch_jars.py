"""Fetches Iceberg's jars with the resolver that Spark itself uses, and checks each against its recorded digest.

EMR Serverless has these jars in its image; a machine that runs the embedded AWS gets them here, once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = (
    "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
    "org.apache.iceberg:iceberg-aws-bundle:1.11.0",
)


def fetch(ivy: Path) -> list[Path]:
    """The jars of PACKAGES, resolved into the folder `ivy` by an otherwise idle spark-submit."""
    idle = ivy / "idle.py"
    idle.write_text("")
    submit = Path(sys.executable).with_name("spark-submit")
    command = [str(submit), "--master", "local[1]", "--conf", f"spark.jars.ivy={ivy}", "--packages", ",".join(PACKAGES)]
    # spark-submit looks for pyspark with the first python3 of the PATH
    environment = {**os.environ, "PATH": f"{submit.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([*command, str(idle)], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"Iceberg's jars could not be fetched: {done.stderr[-2000:]}")
    return sorted((ivy / "jars").glob("*.jar"))


def recorded(digests: Path) -> dict[str, str]:
    """File name → SHA-256, from a file in the format of sha256sum."""
    return {name: digest for digest, name in (line.split() for line in digests.read_text().splitlines())}


def main(folder: Path, digests: Path) -> None:
    expected = recorded(digests)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as ivy:
        for jar in fetch(Path(ivy)):
            found = hashlib.sha256(jar.read_bytes()).hexdigest()
            if expected.get(jar.name) != found:
                sys.exit(
                    f"{jar.name} has the digest {found}; {digests} expects {expected.get(jar.name, 'no such jar')}"
                )
            shutil.copy(jar, folder / jar.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
