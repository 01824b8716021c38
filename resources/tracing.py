"""Spans of requests and runs, by OpenTelemetry, where a collector is named (OTLP over HTTP).

Without `OTEL_EXPORTER_OTLP_ENDPOINT`, or the same for traces alone, OpenTelemetry is not even
imported: a small export takes 0.45 s from request to file, and its import alone a quarter of that.
A trace goes on either way: the caller's `traceparent` (W3C Trace Context) is kept with the export.

Nothing of a person is in a span: names and attributes are those of this module, values are ids,
numbers and words of ours, and of an error only its code (RELIABILITY.md S17).
"""

import importlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar

TRACEPARENT: Final = "traceparent"
# By the standard's version 00; a later version may go on after the flags, and is read as this one.
_FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NOBODY: Final = ("0" * 32, "0" * 16)
# Ids, counts and our own words; whatever looks otherwise is withheld.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9._:/{}-]{1,100}")
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
SERVICE_NAME: Final = "OTEL_SERVICE_NAME"
DISABLED: Final = "OTEL_SDK_DISABLED"
_MODULES: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk.trace.export",
)
# What a worker that ends at once may lose; the SDK's own five seconds are for busy servers.
_EVERY_MILLISECONDS: Final = 1_000
_CLOSE_MILLISECONDS: Final = 5_000

_LOG = logging.getLogger(__name__)
_Item = TypeVar("_Item")


class Name(StrEnum):
    """What is measured."""

    REQUEST = "request"
    QUEUED = "queued"
    ATTEMPT = "attempt"
    READ = "read"
    CONVERT = "convert"
    UPLOAD = "upload"
    DELIVER = "deliver"
    COMMIT = "commit"


class Attribute(StrEnum):
    """All that a span may say."""

    METHOD = "http.request.method"
    ROUTE = "http.route"
    STATUS = "http.response.status_code"
    EXPORT = "export.id"
    TYPE = "export.type"
    NUMBER = "export.attempt"
    ROWS = "export.rows"
    BYTES = "export.bytes"
    BUSY = "export.busy_ms"
    CODE = "error.type"
    RUN = "dagster.run_id"


Said = Mapping[Attribute, str | int | None]


class Span:
    """One thing that takes time; without a collector it does nothing."""

    @property
    def traceparent(self) -> str | None:
        """What makes others its children; None where nothing is measured."""
        return None

    def say(self, said: Said) -> None:
        """Add attributes; a value that is no id, count or word of ours is withheld."""

    def named(self, name: str) -> None:
        """Give it the name of a route."""

    def failed(self, code: str) -> None:
        """Mark it as failed with a code."""

    def end(self, at: int | None = None) -> None:
        """It is over, now or at this many nanoseconds since 1970."""


_NOTHING: Final = Span()
_CURRENT: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)


def parsed(text: str) -> str | None:
    """A `traceparent` as version 00, or None where it is none (W3C Trace Context 3.2)."""
    found = _FORM.fullmatch(text) if text.startswith("00") else _FORM.match(text)
    if found is None or found[1] == _NOBODY[0] or found[2] == _NOBODY[1]:
        return None
    if not text.startswith("00") and text[found.end() : found.end() + 1] not in ("", "-"):
        return None
    return f"00-{found[1]}-{found[2]}-{found[3]}"


def fresh() -> str:
    """The beginning of a trace that nobody else began."""
    ids = secrets.token_hex(24)  # at once: it is a call of the system
    return f"00-{ids[:32]}-{ids[32:]}-01"


def current() -> str | None:
    """What the calls that this thread makes belong to."""
    return _CURRENT.get()


def is_on() -> bool:
    """Whether the environment names a collector."""
    named = os.environ.get(ENDPOINT) or os.environ.get(TRACES_ENDPOINT)
    return bool(named) and os.environ.get(DISABLED, "").lower() != "true"


@contextmanager
def span(name: Name, *, parent: str | None = None, said: Said | None = None) -> Iterator[Span]:
    """Measure a block; spans and calls inside of it belong to it.

    Args:
        name: What it is.
        parent: The `traceparent` of what it belongs to; None: of what is measured around it.
        said: Its attributes.
    """
    above = parent or _CURRENT.get()
    made = _begun(name, above, said or {})
    mark = _CURRENT.set(made.traceparent or above)
    try:
        yield made
    finally:
        _CURRENT.reset(mark)
        made.end()


def past(name: Name, began: datetime, ended: datetime, *, parent: str | None, said: Said) -> None:
    """A span of what is over; both instants are aware."""
    _begun(name, parent, said, _nanoseconds(began)).end(_nanoseconds(ended))


def timed(name: Name, items: Iterator[_Item]) -> Iterator[_Item]:
    """The same items, with a span from the first to the last; `BUSY` is what it took to make them.

    Stages that feed each other run at the same time, so what one took includes those before it.
    """
    return _timed(name, items, _CURRENT.get()) if is_on() else items


def _timed(name: Name, items: Iterator[_Item], parent: str | None) -> Iterator[_Item]:
    made, busy = _begun(name, parent, {}), 0
    try:
        while True:
            began = time.perf_counter_ns()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                busy += time.perf_counter_ns() - began
            yield item
    finally:
        made.say({Attribute.BUSY: busy // 1_000_000})
        made.end()


def preload() -> None:
    """Import what will be needed, in a process that is copied later; starts nothing."""
    if is_on():
        for name in _MODULES:
            importlib.import_module(name)


def close() -> None:
    """Send what waits, for at most five seconds; where nothing was measured there is nothing."""
    if _provider.cache_info().currsize:
        _provider().force_flush(_CLOSE_MILLISECONDS)


def forget() -> None:
    """Close what sends, so that the next span begins with the variables as they are then."""
    if _provider.cache_info().currsize:
        _provider().shutdown()
        _provider.cache_clear()


class _Measured(Span):
    """A span of OpenTelemetry."""

    def __init__(self, made: Any) -> None:
        self._made = made

    @property
    def traceparent(self) -> str | None:
        """Version 00, with the decision on sampling."""
        found = self._made.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"

    def say(self, said: Said) -> None:
        """Add attributes by allow-list."""
        for attribute, value in said.items():
            if isinstance(value, int) or (value is not None and _HARMLESS.fullmatch(value)):
                self._made.set_attribute(str(attribute), value)

    def named(self, name: str) -> None:
        """Give it another name, if it is harmless."""
        if all(_HARMLESS.fullmatch(word) for word in name.split(" ")):
            self._made.update_name(name)

    def failed(self, code: str) -> None:
        """An error has no text and no stack: both quote what they failed on."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self.say({Attribute.CODE: code})
        self._made.set_status(StatusCode.ERROR)

    def end(self, at: int | None = None) -> None:
        """It is over."""
        self._made.end(at)


def _begun(name: Name, parent: str | None, said: Said, at: int | None = None) -> Span:
    """A span where a collector is named; an export never fails because nobody could measure it."""
    if not is_on():
        return _NOTHING
    try:
        return _started(name, parent, said, at)
    except Exception as error:  # noqa: BLE001 - whatever a variable or a library says
        _LOG.warning("no spans: %s", type(error).__name__)
        return _NOTHING


def _started(name: Name, parent: str | None, said: Said, began: int | None) -> _Measured:
    from opentelemetry.context import Context  # noqa: PLC0415 - see the module
    from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

    kind = SpanKind.SERVER if name is Name.REQUEST else SpanKind.INTERNAL
    around = Context() if parent is None else set_span_in_context(_remote(parent), Context())
    tracer = _provider().get_tracer("export-platform")
    made = _Measured(tracer.start_span(str(name), around, kind, start_time=began))
    made.say(said)
    return made


def _remote(parent: str) -> Any:
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags  # noqa: PLC0415

    _, trace_id, span_id, flags = parent.split("-")
    found = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
    return NonRecordingSpan(found)


@cache
def _provider() -> Any:
    """The SDK by the standard variables; made at the first span, after any fork."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    # It quotes what the collector answered, and its own headers are secrets.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    class Quiet(SpanExporter):
        """Says that spans were not taken, and no more."""

        def __init__(self) -> None:
            self._inner = OTLPSpanExporter()

        def export(self, spans: Any) -> SpanExportResult:
            """Send them."""
            result = self._inner.export(spans)
            if result is not SpanExportResult.SUCCESS:
                _LOG.warning("the collector did not take %d spans", len(spans))
            return result

        def shutdown(self) -> None:
            """Close the connections."""
            self._inner.shutdown()

    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(Quiet(), schedule_delay_millis=_EVERY_MILLISECONDS)
    )
    return provider


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1_000_000) * 1_000
