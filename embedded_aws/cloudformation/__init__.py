"""CloudFormation: templates, change sets, deployments and the resource types."""
