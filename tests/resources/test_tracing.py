"""Spans: what they hold, what they cost where nobody wants them, and what collectors may do."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from resources import tracing
from resources.tracing import Attribute, Name
from tests.collector import GIVEN, PARENT, TRACE, Collector, told_by_environment

CANARY = "c4nary@fan.example"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names."""
    with told_by_environment(monkeypatch) as found:
        yield found


@pytest.mark.parametrize("text", [GIVEN, GIVEN[:-2] + "00", f"cc-{TRACE}-{PARENT}-01-more"])
def test_a_good_traceparent_is_read_as_version_00(text: str) -> None:
    """A later version says the same in its first four members (W3C Trace Context 3.2)."""
    assert f"00-{TRACE}-{PARENT}-{text[53:55]}" == tracing.parsed(text)


@pytest.mark.parametrize(
    "text",
    ["", "00", CANARY, GIVEN.upper(), GIVEN + "-more", GIVEN + "0", f" {GIVEN}", f"{GIVEN}\n",
     f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01",
     f"00-{TRACE[:-1]}g-{PARENT}-01", f"00-{TRACE}-{PARENT}", f"cc-{TRACE}-{PARENT}-01more",
     f"{GIVEN},{GIVEN}"],
)  # fmt: skip
def test_what_is_no_traceparent_is_none(text: str) -> None:
    """It goes into headers, tags and documents, so nothing else may pass."""
    assert tracing.parsed(text) is None


def test_what_is_measured_inside_belongs_to_what_is_around(collector: Collector) -> None:
    """One trace, the caller's."""
    with tracing.span(Name.REQUEST, parent=GIVEN) as request:
        request.say({Attribute.STATUS: 202, Attribute.ROUTE: "/v1/exports/{export_id}"})
        with tracing.span(Name.ATTEMPT, said={Attribute.EXPORT: "exp_1"}):
            assert [1, 2] == list(tracing.timed(Name.READ, iter([1, 2])))
            inside = tracing.current()
    now = datetime(2026, 3, 1, tzinfo=UTC)
    tracing.past(Name.QUEUED, now - timedelta(seconds=2), now, parent=GIVEN, said={})
    tracing.close()

    spans = {one.name: one for one in collector.spans}
    assert {TRACE} == {one.trace for one in spans.values()}
    assert [PARENT, spans["request"].id, spans["attempt"].id, PARENT] == [
        spans[name].parent for name in ("request", "attempt", "read", "queued")
    ]
    assert f"00-{TRACE}-{spans['attempt'].id}-01" == inside
    assert {"http.response.status_code": 202, "http.route": "/v1/exports/{export_id}"} == (
        spans["request"].said
    )
    assert spans["queued"].nanoseconds == 2_000_000_000
    assert spans["read"].said["export.busy_ms"] == 0
    assert tracing.current() is None


def test_a_caller_who_wants_no_sampling_gets_none(collector: Collector) -> None:
    """The flag is the decision of who began the trace."""
    with tracing.span(Name.REQUEST, parent=f"{GIVEN[:-2]}00"):
        pass
    with tracing.span(Name.REQUEST, parent=GIVEN):
        pass
    tracing.close()

    assert 1 == len(collector.spans)


def test_nothing_of_a_person_or_an_error_is_in_a_span(collector: Collector) -> None:
    """Values are ids, numbers and words of ours; an error is a code without its text and stack."""
    with pytest.raises(RuntimeError):
        _fail()
    tracing.close()

    (made,) = collector.spans
    assert ("attempt", True, {"error.type": "INTERNAL"}) == (made.name, made.failed, made.said)
    assert not [body for body in collector.bodies if b"c4nary" in body]


def _fail() -> None:
    with tracing.span(Name.ATTEMPT, said={Attribute.EXPORT: CANARY}) as span:
        span.say({Attribute.TYPE: f"{CANARY} 1", Attribute.ROUTE: "x" * 101, Attribute.RUN: None})
        span.named(f"GET {CANARY}")
        span.failed("INTERNAL")
        raise RuntimeError(CANARY)


def test_without_a_collector_nothing_is_imported_or_kept() -> None:
    """An import of OpenTelemetry would cost each small export a quarter of its time."""
    code = """
import sys
from resources import tracing
with tracing.span(tracing.Name.ATTEMPT, parent='00-%s-%s-01') as span:
    span.say({tracing.Attribute.ROWS: 1}); span.failed('A'); span.named('b')
    items = iter([1])
    assert tracing.timed(tracing.Name.READ, items) is items
    assert tracing.current() == '00-%s-%s-01'
tracing.preload(); tracing.close()
assert not [name for name in sys.modules if name.startswith('opentelemetry')]
"""
    env = {"PATH": "", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    ended = subprocess.run(
        [sys.executable, "-c", code % (TRACE, PARENT, TRACE, PARENT)],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (0, "") == (ended.returncode, ended.stderr)


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
)
def test_the_standard_variables_turn_it_off(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """As in every program that speaks OpenTelemetry."""
    assert tracing.is_on()
    monkeypatch.setenv(name, value)

    assert not tracing.is_on()
    assert collector.spans == []


def test_a_collector_that_refuses_harms_nobody_and_is_not_quoted(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer and our headers to it, which are a secret, would stand in the log."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization={CANARY}")
    collector.status, collector.answer = 401, CANARY.encode()
    with caplog.at_level(logging.INFO), tracing.span(Name.ATTEMPT):
        pass
    tracing.close()

    assert "the collector did not take 1 spans" in caplog.text
    assert "c4nary" not in caplog.text


def test_a_wrong_variable_harms_nobody(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An export never fails because nobody could measure it."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", CANARY)
    with tracing.span(Name.ATTEMPT, parent=GIVEN) as span:
        span.say({Attribute.ROWS: 1})

    assert "no spans: ValueError" in caplog.text
    assert "c4nary" not in caplog.text
    assert collector.spans == []
