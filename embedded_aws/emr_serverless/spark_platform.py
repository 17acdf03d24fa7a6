"""What EMR Serverless does for a spark-submit: parses its parameters, configures Spark, sets its environment."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ARCHIVES = "spark.archives"
_DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
_CONFIGURATION = ".spark"
# spark.task.maxFailures is 4 by default too; a local master ignores it and retries nothing without this number
_TASK_FAILURES = 4
_QUIET = """rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


@dataclass(frozen=True)
class SparkSubmit:
    """The parsed sparkSubmitParameters."""

    options: list[str]
    confs: dict[str, str]

    @classmethod
    def parse(cls, parameters: str) -> "SparkSubmit":
        """Split as a shell would."""
        words = shlex.split(parameters)
        options: list[str] = []
        confs: dict[str, str] = {}
        while words:
            word = words.pop(0)
            if word in ("--conf", "-c"):
                name, _, confs[name] = words.pop(0).partition("=")
            else:
                options.append(word)
        return cls(options, confs)

    @property
    def passed_on(self) -> list[str]:
        """The options for spark-submit: all but the archives, which the platform unpacks."""
        return self.options + conf_options({name: value for name, value in self.confs.items() if name != ARCHIVES})

    @property
    def archives(self) -> list[tuple[str, str]]:
        """(URL, folder name) of every archive: s3://bucket/key#name."""
        addresses = [one for one in self.confs.get(ARCHIVES, "").split(",") if one]
        return [(one.partition("#")[0], one.partition("#")[2] or Path(one).name) for one in addresses]


def conf_options(settings: Mapping[str, str]) -> list[str]:
    """Return settings as options of spark-submit."""
    return [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]


def driver_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the driver's environment variables, which EMR Serverless takes from settings."""
    start = len(_DRIVER_ENVIRONMENT)
    return {name[start:]: value for name, value in settings.items() if name.startswith(_DRIVER_ENVIRONMENT)}


@dataclass(frozen=True)
class SparkPlatform:
    """A Spark installation with Iceberg, and the endpoints of its catalog."""

    spark: Path
    """A virtual environment with pyspark; its folder `jars` holds Iceberg."""
    glue_endpoint: str
    s3_endpoint: str

    def prepare(self, folder: Path, cores: int | None, java_options: str = "") -> dict[str, str]:
        """Write a run's configuration into its folder, and return the environment of its spark-submit.

        `cores` is the number of concurrent tasks; None is the number of this machine's cores.
        """
        scratch = folder / "tmp"
        scratch.mkdir()
        jars = ":".join(str(jar) for jar in sorted((self.spark / "jars").glob("*.jar")))
        settings = {
            "spark.master": f"local[{cores or '*'},{_TASK_FAILURES}]",
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # deleting the folder deletes what a killed JVM leaves behind
            "spark.driver.defaultJavaOptions": f'"-Djava.io.tmpdir={scratch}" {java_options}'.strip(),
            "spark.driver.extraClassPath": jars,  # as on EMR, where Iceberg is on the class path
            "spark.sql.catalog.lake.glue.endpoint": self.glue_endpoint,
            "spark.sql.catalog.lake.s3.endpoint": self.s3_endpoint,
            "spark.sql.catalog.lake.s3.path-style-access": "true",
        }
        configuration = folder / _CONFIGURATION
        configuration.mkdir()
        text = "".join(f"{name} {value}\n" for name, value in settings.items())
        (configuration / "spark-defaults.conf").write_text(text)
        (configuration / "log4j2.properties").write_text(_QUIET)
        return self._environment(folder, scratch)

    def _environment(self, folder: Path, scratch: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("HOME", "JAVA_HOME") if name in os.environ}
        (home,) = self.spark.glob("lib/python3*/site-packages/pyspark")
        return {
            **inherited,
            "SPARK_HOME": str(home),  # the script that would find it fails if the path has a space
            "PATH": f"{self.spark / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "LANG": "C.UTF-8",
            "TMPDIR": str(scratch),
            "SPARK_LOCAL_DIRS": str(scratch),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_CONF_DIR": str(folder / _CONFIGURATION),
        }
