"""Where it all meets: settings, definitions, command line, embedded stack."""
