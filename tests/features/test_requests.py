"""The life of a request, from the first answer to the deleted file, on the embedded stack."""

from pytest_bdd import scenarios

scenarios("requests")
