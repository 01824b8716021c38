"""A TCP forwarder on loopback that can hold one direction back: a network that falls silent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Forwarder:
    """Forwards to another port.

    Attributes:
        port: Where it listens.
        requests: Set while requests pass.
        replies: Set while replies pass.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.requests = threading.Event()
        self.replies = threading.Event()
        self.requests.set()
        self.replies.set()
        self._target = target
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def silent(self, direction: threading.Event) -> Iterator[None]:
        """Hold one direction back until the block ends."""
        direction.clear()
        try:
            yield
        finally:
            direction.set()

    def close(self) -> None:
        """Cut every connection."""
        self.requests.set()
        self.replies.set()
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._open.append(near)
                self._serve(near)

    def _serve(self, near: socket.socket) -> None:
        """Join a connection to one of the target's."""
        far = socket.create_connection(self._target)
        self._open.append(far)
        for source, sink, gate in ((near, far, self.requests), (far, near, self.replies)):
            thread = threading.Thread(target=_pump, args=(source, sink, gate), daemon=True)
            thread.start()


def _pump(source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            gate.wait()
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
