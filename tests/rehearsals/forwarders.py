"""Forwarders that answer in a server's place as one does whose caller is not let in any more."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from tests.api_bridge.forwarder import Forwarder
from tests.rehearsals import wire

_ANSWER = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")
# What is said before anybody signs in.
_BEFORE = {"hello", "ismaster", "isMaster", "ping"}
_REFUSED = {
    "ok": 0.0,
    "errmsg": "Authentication failed.",
    "code": 18,
    "codeName": "AuthenticationFailed",
}


class Expiring(Forwarder):
    """A forwarder to S3 whose next calls are those of a session that has expired.

    Attributes:
        left: How many calls are still to be answered so.
        struck: How many were.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.left = self.struck = 0
        super().__init__(target)

    def expire(self, calls: int) -> None:
        """Answer so many calls so; connections that are open are cut, so that they come anew."""
        self.left = calls
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _serve(self, near: socket.socket) -> None:
        if self.left <= 0:
            super()._serve(near)
            return
        self.left -= 1
        threading.Thread(target=self._strike, args=(near,), daemon=True).start()

    def _strike(self, near: socket.socket) -> None:
        with suppress(OSError), closing(near):
            _read(near)
            head = (
                "HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\n"
                f"Content-Length: {len(_ANSWER)}\r\nConnection: close\r\n\r\n"
            )
            near.sendall(head.encode() + _ANSWER)
            self.struck += 1


def _read(near: socket.socket) -> None:
    """Take a request whole: one that is answered before it has ended is a broken connection."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = near.recv(65_536)
        if not piece:
            raise ConnectionResetError
        head += piece
    found = _LENGTH.search(head)
    if b"100-continue" in head.lower() or found is None:
        return  # it waits for us
    missing = int(found[1]) - len(head.partition(b"\r\n\r\n")[2])
    while missing > 0 and (piece := near.recv(65_536)):
        missing -= len(piece)


class Locked(Forwarder):
    """A forwarder to MongoDB that can refuse every command of its callers.

    Attributes:
        struck: How many it has refused.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.struck = 0
        self._locked = threading.Event()
        super().__init__(target)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Refuse until the block ends; who asks whether the server lives, is told."""
        self._locked.set()
        try:
            yield
        finally:
            self._locked.clear()

    def _serve(self, near: socket.socket) -> None:
        far = socket.create_connection(self._target)
        self._open.append(far)
        for pump, source, sink in ((self._ask, near, far), (_answer, far, near)):
            threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while said := wire.message(near):
                # None is the handshake: nobody has signed in yet.
                if self._locked.is_set() and wire.command(said) not in {None, *_BEFORE}:
                    self.struck += 1
                    near.sendall(wire.reply(said, _REFUSED))
                else:
                    far.sendall(said)
            far.shutdown(socket.SHUT_WR)


def _answer(far: socket.socket, near: socket.socket) -> None:
    with suppress(OSError):
        while piece := far.recv(65_536):
            near.sendall(piece)
        near.shutdown(socket.SHUT_WR)
