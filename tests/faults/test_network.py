"""A forwarder that breaks connections does break them, each in its way, and once."""

import socket
from collections.abc import Iterator

import pytest

from tests.faults import network
from tests.faults.network import Break, Breaking
from tests.receiver import webhook_receiver

AT = 3


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A server that a test answers for."""
    monkeypatch.setattr(network, "STALL_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def asked(server: socket.socket, way: Break | None, at: int = AT) -> tuple[bytes, bytes]:
    """What a server got of four bytes, and what its answer became; empty where it never came."""
    forwarder = Breaking(server.getsockname(), way, at)
    try:
        with socket.create_connection(("127.0.0.1", forwarder.port), timeout=5) as near:
            near.sendall(b"ping")
            far, _ = server.accept()
            with far:
                far.settimeout(5)
                got = far.recv(4)
                if got:
                    far.sendall(b"pong")
                return got, near.recv(4)
    finally:
        forwarder.close()


def test_what_is_not_broken_gets_through(server: socket.socket) -> None:
    """The control: both directions."""
    assert asked(server, None) == (b"ping", b"pong")


@pytest.mark.parametrize("way", [Break.CUT, Break.STALL])
def test_a_connection_that_is_cut_gives_nothing(server: socket.socket, way: Break) -> None:
    """Neither does one that stalls, and ends later."""
    assert asked(server, way) == (b"", b"")


@pytest.mark.parametrize("at", [3, 5])
def test_a_connection_that_is_reset_says_so(server: socket.socket, at: int) -> None:
    """RST, and not the end of an answer; within what is asked and within what is answered."""
    with pytest.raises(ConnectionResetError):
        asked(server, Break.RESET, at)


def test_an_answer_that_is_lost_was_given(server: socket.socket) -> None:
    """The server got all and has answered."""
    assert asked(server, Break.LOSE) == (b"ping", b"")


def test_a_webhook_that_was_cut_is_not_taken() -> None:
    """Its signature is of the whole; at whichever byte a round cuts, the sender must come again."""
    head = b"POST /hooks HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nwebhook-id: a\r\n\r\n"
    said = head + b'{"a": "bcd"}'
    with webhook_receiver() as receiver:
        for end in range(1, len(said)):
            with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as cut:
                cut.sendall(said[:end])
                cut.shutdown(socket.SHUT_WR)
                while cut.recv(4096):
                    pass
        assert receiver.got == []

        with socket.create_connection(("127.0.0.1", receiver.port), timeout=5) as whole:
            whole.sendall(said)
            assert whole.recv(4096)
        assert [got.body for got in receiver.got] == [b'{"a": "bcd"}']
