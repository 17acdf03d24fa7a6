"""Settings are read once, checked, and wrong ones named in a sentence."""

from datetime import timedelta

import pytest

from intake.errors import SettingsError
from intake.settings import Settings

REQUIRED = {
    "LAKE_BUCKET": "lake",
    "IMAGES_BUCKET": "images",
    "DATABASE_NAME": "pomona",
    "APPLICATION_ID": "00f5cba5emkn4l0d",
    "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/pomona-job",
    "JOB_PREFIX": "jobs/0123456789ab",
}


def test_what_is_not_set_has_its_default() -> None:
    settings = Settings.from_environment(REQUIRED)

    assert (settings.table_name, settings.backbone_name, settings.components) == ("features", "fruitnet", "100")
    assert (settings.launch_at_keys, settings.max_keys_per_run, settings.max_attempts) == (1000, 100_000, 3)
    assert settings.launch_after == timedelta(minutes=10)
    assert settings.log_group_name == ""


def test_what_is_set_is_read() -> None:
    changed = {
        "LAUNCH_AFTER_MINUTES": "0",
        "COMPONENTS": "0.95",
        "MAX_EXECUTORS": "2",
        "LOG_GROUP_NAME": "/pomona/jobs",
    }
    settings = Settings.from_environment(REQUIRED | changed)

    assert settings.launch_after == timedelta(0)
    assert (settings.components, settings.max_executors, settings.log_group_name) == ("0.95", 2, "/pomona/jobs")


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_missing_variable_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing} is not set; it must hold a name without spaces"):
        Settings.from_environment({name: value for name, value in REQUIRED.items() if name != missing})


@pytest.mark.parametrize(
    ("variable", "held", "allowed"),
    [
        ("LAUNCH_AT_KEYS", "0", "a whole number of at least 1"),
        ("LAUNCH_AFTER_MINUTES", "-1", "a whole number of at least 0"),
        ("MAX_ATTEMPTS", "three", "a whole number of at least 1"),
        ("MAX_KEYS_PER_RUN", "1.5", "a whole number of at least 1"),
        ("COMPONENTS", "0", "a share of variance between 0 and 1"),
        ("COMPONENTS", "1.5", "a share of variance between 0 and 1"),
        ("COMPONENTS", "nan", "a share of variance between 0 and 1"),
        ("LAKE_BUCKET", "", "a name without spaces"),
        ("BACKBONE_NAME", "two words", "a name without spaces"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_held_and_may_hold(variable: str, held: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment(REQUIRED | {variable: held})

    assert str(refusal.value).startswith(f"{variable} holds {held!r}; it must hold ")
    assert allowed in str(refusal.value)
