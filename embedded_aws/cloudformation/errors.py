"""What CloudFormation refuses."""


class TemplateError(Exception):
    """A template, a parameter or an update is not valid; the API answers with a ValidationError and this message."""


class ResourceError(Exception):
    """A resource could not be created, updated or deleted; the message says why, for the person who deploys."""


class DeploymentError(Exception):
    """A deployment stopped at a resource; the message names the resource and says why."""
