"""Loaded by the process that forks the others: what each of them would take seconds to make."""

from tests.faults.work import definitions

definitions()
