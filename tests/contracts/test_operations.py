"""The store that operators look at: in memory and on the server."""

from tests.contracts.grounds import FakeGround, ServerGround
from tests.contracts.operations import OperationsContract


class TestFake(FakeGround, OperationsContract):
    """The fake."""


class TestServer(ServerGround, OperationsContract):
    """The real process."""
