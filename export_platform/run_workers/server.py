"""The parent of the run workers: forks them, and answers the launcher.

One thread and no client of anything: what is forked must hold neither (fork(2)).
"""

import selectors
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import FrameType
from urllib.parse import parse_qsl, urlsplit

from export_platform.run_workers.pool import Lane, Pool, Size, State
from export_platform.run_workers.worker import Execute, Worker, fork

_LOOPBACK = "127.0.0.1"
# A caller that says nothing must not hold up the others for longer.
_CALLER_SECONDS = 2.0
# Runs that were interrupted have this long to put their export back before the parent leaves.
_STOP_SECONDS = 8.0


class _Stopped(BaseException):
    """SIGTERM came; no `Exception`, or the HTTP server would take it for a call that failed."""


class Server:
    """Listens, and hears the workers.

    Args:
        port: On 127.0.0.1; 0 for any free one.
        size: How many workers.
        execute: What a worker does with the id of a run.
    """

    def __init__(self, port: int, size: Size, execute: Execute) -> None:
        self._execute = execute
        self._http = HTTPServer((_LOOPBACK, port), partial(_Handler, self))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._http.socket, selectors.EVENT_READ)
        self.pool = Pool(self._forked, size)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    def run(self) -> None:
        """Serve until SIGTERM, then let the workers end."""
        signal.signal(signal.SIGTERM, _stop)
        # Dead workers are heard by their channels; nobody asks for their status.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            while True:
                with _unstopped():  # or a worker that has its run already would be taken for idle
                    self.pool.fill()  # between two calls: no worker inherits a caller's socket
                self._turn(None)
        except _Stopped:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            self._finish()

    def _turn(self, timeout: float | None) -> bool:
        ready = self._selector.select(timeout)
        for key, _ in ready:
            if key.data is None:
                self._http.handle_request()
            else:
                self._heard(key.data)
        return bool(ready)

    def _heard(self, worker: Worker) -> None:
        channel = worker.channel
        self.pool.heard(worker)
        if worker not in self.pool.workers:
            self._selector.unregister(channel)

    def _finish(self) -> None:
        """Wait for what was interrupted; a run that cannot end is ended with this process."""
        self._selector.unregister(self._http.socket)
        self._http.server_close()
        self.pool.close()
        while any(worker.run_id for worker in self.pool.workers) and self._turn(_STOP_SECONDS):
            pass

    def _forked(self) -> Worker:
        opened = [self._http.socket, *(worker.channel for worker in self.pool.workers)]
        worker = fork(self._execute, [each for each in opened if each.fileno() >= 0])
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        return worker


class _Handler(BaseHTTPRequestHandler):
    """`POST` (with a lane, if it has one), `GET` and `DELETE` of `/runs/<run id>`."""

    timeout = _CALLER_SECONDS

    def __init__(
        self, server: Server, request: socket.socket, address: object, http: HTTPServer
    ) -> None:
        self._pool = server.pool
        super().__init__(request, address, http)

    def do_POST(self) -> None:
        """Launch."""
        self._pool.launch(self._run_id(), self._lane())
        self._answer(self._pool.state(self._run_id()))

    def do_GET(self) -> None:
        """Tell how a run is."""
        self._answer(self._pool.state(self._run_id()))

    def do_DELETE(self) -> None:
        """Terminate."""
        found = self._pool.terminate(self._run_id())
        self._answer(self._pool.state(self._run_id()) if found else State.UNKNOWN)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        """Say nothing: one line a call tells nobody anything."""

    def _run_id(self) -> str:
        return urlsplit(self.path).path.rpartition("/")[2]

    def _lane(self) -> Lane | None:
        said = dict(parse_qsl(urlsplit(self.path).query))
        if not said:
            return None
        return Lane(
            name=said["lane"], most=int(said["most"]), niceness=int(said.get("niceness", 0))
        )

    def _answer(self, state: State) -> None:
        body = state.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Have SIGTERM wait until the end of this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
