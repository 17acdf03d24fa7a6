"""The members of EMR Serverless' requests that moto drops: the scheduler configuration, and a new release label."""

from typing import Any

from embedded_aws.moto_internals.emr_serverless import EMRServerlessResponse


class EmrResponse(EMRServerlessResponse):  # type: ignore[misc]
    """CreateApplication and UpdateApplication with every member that the template sets."""

    def create_application(self) -> Any:
        created = super().create_application()
        backend = self.emrserverless_backend
        backend.configure(created.result["applicationId"], self._get_param("schedulerConfiguration"), None)
        return created

    def update_application(self) -> Any:
        updated = super().update_application()
        identity = self._get_param("applicationId")
        self.emrserverless_backend.configure(
            identity, self._get_param("schedulerConfiguration"), self._get_param("releaseLabel")
        )
        return updated
