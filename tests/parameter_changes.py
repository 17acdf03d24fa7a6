"""What a change of each of the template's parameters does to a deployed stack."""

from dataclasses import dataclass, field

from tests.template_roles import ACCOUNT, IMAGES, KEY, REGION

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:mine"


@dataclass(frozen=True)
class Change:
    """What a parameter's new value does to a stack's resources, and what must hold beside it."""

    value: str
    replaced: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    refused: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    variable: str = ""


IN_PLACE = {
    "Components": Change("0.9", variable="COMPONENTS"),
    "RefitSchedule": Change("rate(2 days)"),
    "MaintenanceSchedule": Change("cron(0 3 * * ? *)"),
    "SnapshotDays": Change("9", variable="SNAPSHOT_DAYS"),
    "MaxImageBytes": Change("5000", variable="MAX_IMAGE_BYTES"),
    "MaxImagePixels": Change("5000", variable="MAX_IMAGE_PIXELS"),
    "MaxDecodedBytes": Change("5000000", variable="MAX_DECODED_BYTES"),
    "MaxJpegScans": Change("77", variable="MAX_JPEG_SCANS"),
    "ExpressKeys": Change("77", variable="EXPRESS_KEYS"),
    "LaunchAtKeys": Change("77", variable="LAUNCH_AT_KEYS"),
    "LaunchAfterMinutes": Change("77", variable="LAUNCH_AFTER_MINUTES"),
    "MaxKeysPerRun": Change("77", variable="MAX_KEYS_PER_RUN"),
    "MaxAttempts": Change("7", variable="MAX_ATTEMPTS"),
    "RetryAfterMinutes": Change("77", variable="RETRY_AFTER_MINUTES"),
    # the mapping's batching window is not createOnly; the embedded AWS makes it anew all the same
    "BatchWindowSeconds": Change("7", replaced={"IngestFunctionImageEvents"}),
    "ClockSchedule": Change("rate(7 minutes)"),
    "Architecture": Change("arm64"),
    "MaxExecutors": Change("7", variable="MAX_EXECUTORS"),
    "RunTimeoutMinutes": Change("77", variable="RUN_TIMEOUT_MINUTES"),
    "RefitTimeoutMinutes": Change("77", variable="REFIT_TIMEOUT_MINUTES"),
    "LogRetentionDays": Change("7"),
    "EndpointUrl": Change("http://127.0.0.1:9"),
    "ImagesPrefixes": Change("plants/", variable="IMAGES_PREFIXES"),
    "ImagesSuffixes": Change(".jpg", variable="IMAGES_SUFFIXES"),
    "IgnoredNames": Change("*.tmp", variable="IGNORED_NAMES"),
    "EventSourceArn": Change(TOPIC, gone={"ImagesNotification"}),
    "DeleteData": Change("delete"),
    "AccessLogBucketName": Change("access-logs"),
    "ImageVersionsDays": Change("7"),
    "AlarmEmail": Change("a@example.org", made={"AlarmTopic", "AlarmTopicPolicy"}),
    "AlarmTopicArn": Change(TOPIC),
    "OldestPendingAlarmSeconds": Change("777"),
    "RefitAlarmSeconds": Change("7777"),
    "ErrorRatePercent": Change("7"),
    "IdentifyAccess": Change("iam", made={"IdentifyUrl"}),
    "IdentifyConcurrency": Change("3"),
}
REPLACING = {
    # the application's name tells them, so that a run in flight is not in the way (and ends in the old application)
    "MaxVcpus": Change("77", replaced={"Application"}),
    "KmsKeyArn": Change(KEY, replaced={"Application"}),
    "ReleaseLabel": Change("emr-spark-8.0.0", replaced={"Application"}),
    "MonthlyBudgetUsd": Change("7", made={"Budget"}, beside={"AlarmTopicArn": TOPIC}),
}
REFUSED = {
    "BackboneName": Change("vgg16", refused="BackboneName is vgg16, but the bundle holds fruitnet"),
    "ImagesBucketName": Change("photos", refused=f"the bucket cannot change from {IMAGES} to photos"),
    "DatabaseName": Change("another", refused="DatabaseName cannot change from pomona to another"),
}
CHANGES = IN_PLACE | REPLACING | REFUSED
