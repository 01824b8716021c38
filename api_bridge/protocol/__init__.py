"""The shape of what goes over HTTP: bodies, problems, resources, pages."""
