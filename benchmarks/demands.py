"""The workers that the product's runs ask EMR Serverless for, read from the parameters that are really sent."""

from typing import Any

from embedded_aws.emr_serverless.workers import Demand, demand_of
from pomona_intake.runs.parameters import featurize_parameters, refit_parameters
from pomona_intake.settings import Settings


def featurize_demand(settings: Settings, keys: int) -> Demand:
    """Return the workers of a run over a batch of so many keys."""
    return _demand(featurize_parameters(settings, "batch", 1, keys))


def refit_demand(settings: Settings) -> Demand:
    """Return the workers of a refit."""
    return _demand(refit_parameters(settings, "refit"))


def _demand(parameters: dict[str, Any]) -> Demand:
    return demand_of(parameters["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])
