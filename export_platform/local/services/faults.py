"""Faults on demand: a WSGI layer in front of a stand-in that misbehaves as a test has scripted.

`PUT /-/faults` takes the script, a JSON list of steps; it replaces what was left of the last one.
A request takes the first step that matches it, and passes when there is none.
`GET /-/faults` tells the steps that are left, `GET /-/requests` what was asked since the script was
set: method, path, query, status (None: no answer was sent), and the headers in `SHOWN_HEADERS`.

A step: {"fault": ..., "method"?: "POST", "path"?: part of the path, "skip"?: matching requests to
let pass first, which take no later step either (0), "times"?: how often it strikes (1)} and what
its fault needs:

    drop           closes the connection without an answer; the service was not asked
    execute-drop   the service does it, and the connection closes without an answer
    stall          waits "seconds", then lets the service answer
    answer         "status" (200), "headers" {}, "body" (any JSON, or text with another "type")
    html           200 and an HTML page
    type           the service's answer under another content "type"
    truncate       the service's answer, or "body", cut in half under its full length
    trickle        the service's answer, or "body", byte by byte, "seconds" (0.01) between two
    huge           200 and JSON of "bytes", sent as it is made
    edit           the service's JSON answer with its list "member" (items) changed by "edit":
                   duplicate (its first one again at the end), omit (its first one is lost),
                   reverse, malform (its first one becomes {}); or, with "set", members replaced
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from waitress.channel import ClientDisconnected  # type: ignore[import-untyped]

from export_platform.local.web import Application

SHOWN_HEADERS = ("traceparent", "x-request-id", "user-agent", "content-type")
_REMEMBERED = 10_000
_PIECE = 64 * 1024
_HTML = b"<!doctype html><html><body><h1>Down for maintenance</h1></body></html>"

Environ = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of a script."""

    fault: str
    method: str | None = None
    path: str = ""
    skip: int = 0
    times: int = 1
    members: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, environ: Environ) -> bool:
        """Whether it is about this request."""
        return self.method in {None, environ["REQUEST_METHOD"]} and self.path in _path(environ)


class Faults:
    """The WSGI application around another one.

    Args:
        application: What answers where no fault strikes.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._steps: list[Step] = []
        self._requests: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED)
        self._faults: dict[str, Callable[[Step, Environ, Any], Iterable[bytes]]] = {
            "drop": _drop,
            "execute-drop": self._execute_and_drop,
            "stall": self._stall,
            "answer": _answer,
            "html": _html,
            "type": self._mistype,
            "truncate": self._truncate,
            "trickle": self._trickle,
            "huge": _huge,
            "edit": self._edit,
        }

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answers one request (PEP 3333)."""
        control = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        if control == "PUT /-/faults":
            return self._script(environ, start_response)
        if control == "GET /-/faults":
            with self._lock:
                return _json(start_response, 200, [_shown(step) for step in self._steps])
        if control == "GET /-/requests":
            with self._lock:
                return _json(start_response, 200, list(self._requests))
        if environ["PATH_INFO"].startswith("/-/"):
            return self._application(environ, start_response)
        return self._serve(environ, start_response)

    def _serve(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        seen = _seen(environ)

        def start(status: str, headers: Any, *more: Any) -> Any:
            seen["status"] = int(status[:3])
            return start_response(status, headers, *more)

        with self._lock:
            self._requests.append(seen)
            step = self._next(environ)
        if step is None:
            return self._application(environ, start)
        return self._faults[step.fault](step, environ, start)

    def _next(self, environ: Environ) -> Step | None:
        for step in self._steps:
            if not step.fits(environ):
                continue
            if step.skip > 0:
                step.skip -= 1
                return None
            step.times -= 1
            if step.times == 0:
                self._steps.remove(step)
            return step
        return None

    def _script(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        try:
            steps = [_parsed(raw) for raw in json.loads(environ["wsgi.input"].read())]
            unknown = {step.fault for step in steps} - set(self._faults)
        except (ValueError, TypeError, KeyError) as error:
            return _json(start_response, 400, {"error": f"not a script: {error}"})
        if unknown:
            return _json(start_response, 400, {"error": f"unknown faults: {sorted(unknown)}"})
        with self._lock:
            self._steps = steps
            self._requests.clear()
        return _json(start_response, 200, {"steps": len(steps)})

    def _execute_and_drop(self, step: Step, environ: Environ, _start: Any) -> Iterable[bytes]:
        self._real(environ)
        return _drop(step, environ, _start)

    def _stall(self, step: Step, environ: Environ, start_response: Any) -> Iterable[bytes]:
        time.sleep(float(step.members.get("seconds", 1.0)))
        return self._application(environ, start_response)

    def _mistype(self, step: Step, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, _, body = self._real(environ)
        kind = str(step.members.get("type", "text/plain"))
        return _send(start_response, status, [("Content-Type", kind)], body)

    def _truncate(self, step: Step, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._real(environ, step)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body[: len(body) // 2]]

    def _trickle(self, step: Step, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._real(environ, step)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return _slowly(body, float(step.members.get("seconds", 0.01)))

    def _edit(self, step: Step, environ: Environ, start_response: Any) -> Iterable[bytes]:
        status, headers, body = self._real(environ)
        answer = json.loads(body)
        member = str(step.members.get("member", "items"))
        if "edit" in step.members:
            answer[member] = _EDITS[step.members["edit"]](answer[member])
        answer.update(step.members.get("set", {}))
        return _send(start_response, status, headers, json.dumps(answer).encode())

    def _real(
        self, environ: Environ, step: Step | None = None
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        """What the service, or a step with a body, answers: status, headers, body; no length."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started.append((status, headers))

        if step is not None and "body" in step.members:
            body = b"".join(_answer(step, environ, start))
        else:
            body = b"".join(self._application(environ, start))
        status, headers = started[-1]
        return status, [one for one in headers if one[0].lower() != "content-length"], body


_EDITS: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    "duplicate": lambda items: [*items, *items[:1]],
    "omit": lambda items: items[1:],
    "reverse": lambda items: items[::-1],
    "malform": lambda items: [{}, *items[1:]],
}


def _parsed(raw: Mapping[str, Any]) -> Step:
    known = ("fault", "method", "path", "skip", "times")
    members = {name: value for name, value in raw.items() if name not in known}
    if members.get("edit", "omit") not in _EDITS:
        raise ValueError(f"unknown edit: {members['edit']}")
    return Step(
        fault=str(raw["fault"]),
        method=raw.get("method"),
        path=str(raw.get("path", "")),
        skip=int(raw.get("skip", 0)),
        times=int(raw.get("times", 1)),
        members=members,
    )


def _shown(step: Step) -> dict[str, Any]:
    return {
        "fault": step.fault,
        "method": step.method,
        "path": step.path,
        "skip": step.skip,
        "times": step.times,
        **step.members,
    }


def _seen(environ: Environ) -> dict[str, Any]:
    headers = {
        name: environ.get(f"HTTP_{name.upper().replace('-', '_')}") for name in SHOWN_HEADERS
    }
    return {
        "method": environ["REQUEST_METHOD"],
        "path": _path(environ),
        "query": parse_qs(environ.get("QUERY_STRING", "")),
        "status": None,
        **{name: value for name, value in headers.items() if value is not None},
    }


def _path(environ: Environ) -> str:
    return str(environ["PATH_INFO"])


def _drop(_step: Step, _environ: Environ, _start: Any) -> Iterable[bytes]:
    # What waitress raises itself when a client has gone: it closes without a word.
    raise ClientDisconnected


def _answer(step: Step, _environ: Environ, start_response: Any) -> Iterable[bytes]:
    body = step.members.get("body", {})
    kind = str(step.members.get("type", "application/json"))
    content = body.encode() if isinstance(body, str) and "type" in step.members else _dumped(body)
    headers = [("Content-Type", kind), *dict(step.members.get("headers", {})).items()]
    return _send(start_response, f"{step.members.get('status', 200)} Scripted", headers, content)


def _html(_step: Step, _environ: Environ, start_response: Any) -> Iterable[bytes]:
    return _send(start_response, "200 OK", [("Content-Type", "text/html")], _HTML)


def _huge(step: Step, _environ: Environ, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return _padding(int(step.members.get("bytes", 300 * 1024 * 1024)))


def _padding(size: int) -> Iterator[bytes]:
    yield b'{"items":["'
    for _ in range(0, size, _PIECE):
        yield b"x" * _PIECE
    yield b'"]}'


def _slowly(body: bytes, seconds: float) -> Iterator[bytes]:
    for number in range(len(body)):
        time.sleep(seconds)
        yield body[number : number + 1]


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _json(start_response: Any, status: int, value: Any) -> list[bytes]:
    return _send(
        start_response, f"{status} Control", [("Content-Type", "application/json")], _dumped(value)
    )


def _send(
    start_response: Any, status: str, headers: Iterable[tuple[str, str]], body: bytes
) -> list[bytes]:
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]
