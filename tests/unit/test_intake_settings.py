"""Settings are read once, checked, and wrong ones named in a sentence."""

from dataclasses import fields
from datetime import timedelta

import pytest

from benchmarks.template import variables
from pomona_intake.errors import SettingsError
from pomona_intake.settings import IngestSettings, Settings

REQUIRED = {name: value for name, value in variables().items() if name != "ADVANCE_FUNCTION_NAME"}
OF_INGEST = [one.name.upper() for one in fields(IngestSettings)]


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
    with pytest.raises(SettingsError, match=f"{missing} is not set; it must hold "):
        Settings.from_environment({name: value for name, value in REQUIRED.items() if name != missing})


@pytest.mark.parametrize("missing", OF_INGEST)
def test_a_missing_variable_of_ingest_is_named(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing} is not set; it must hold "):
        IngestSettings.from_environment({name: value for name, value in variables().items() if name != missing})


@pytest.mark.parametrize(
    ("variable", "held", "allowed"),
    [
        ("LAUNCH_AT_KEYS", "0", "a whole number of at least 1"),
        ("LAUNCH_AFTER_MINUTES", "-1", "a whole number of at least 0"),
        ("MAX_ATTEMPTS", "three", "a whole number of at least 1"),
        ("MAX_KEYS_PER_RUN", "1.5", "a whole number of at least 1"),
        ("MAX_VCPUS", "7", "a whole number of at least 8"),
        ("COMPONENTS", "0", "a share of variance between 0 and 1"),
        ("LAKE_BUCKET", "", "a name without spaces"),
        ("BACKBONE_NAME", "two words", "a name without spaces"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_held_and_may_hold(variable: str, held: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment(REQUIRED | {variable: held})

    assert str(refusal.value).startswith(f"{variable} holds {held!r}; it must hold ")
    assert allowed in str(refusal.value)
