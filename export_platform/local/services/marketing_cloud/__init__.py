"""A stand-in for Salesforce Marketing Cloud: tokens, data extensions, asynchronous requests."""
