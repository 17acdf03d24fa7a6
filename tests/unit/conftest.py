"""How patient the tests are: none of them is a timed test, and the machine may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("pomona", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pomona")
