"""The demo: deploys the template into the embedded AWS and works with it as a user does."""
