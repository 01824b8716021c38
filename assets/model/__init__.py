"""The vocabulary of exports: frozen values and pure rules, no I/O."""
