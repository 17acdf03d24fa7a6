"""The demo: deploy the template into the embedded AWS, and use the stack as a user does."""
