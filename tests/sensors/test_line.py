"""What a line remembers of sizes saves a count, and is bounded."""

from typing import Any

import pytest

import sensors.line
from assets.exports.catalog import CATALOG
from assets.sizing import rows_to_read
from sensors.line import KNOWN_SECONDS, Line
from tests.sensors.scene import Scene


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The campaigns whose rows were counted, one after the other."""
    seen: list[str] = []

    def rows(kind: Any, request: Any, *more: Any) -> int | None:
        seen.append(request.campaign)
        return rows_to_read(kind, request, *more)

    monkeypatch.setattr(sensors.line, "rows_to_read", rows)
    return seen


def placed(line: Line, stage: Scene, *fingerprints: str) -> None:
    """Newcomers with these fingerprints get their places."""
    for fingerprint in fingerprints:
        newcomer = stage.found(stage.asked(fingerprint=fingerprint))
        assert line.place(stage.life, newcomer, stage.mongo, stage.clock) is not None


def test_equal_requests_are_counted_once_a_minute(stage: Scene, counted: list[str]) -> None:
    """A burst of them would count the same index again and again; a minute later it has grown."""
    line = Line(CATALOG)

    placed(line, stage, "a", "a", "a")
    assert len(counted) == 1

    stage.clock.advance(KNOWN_SECONDS)
    placed(line, stage, "a")
    assert len(counted) == 2


def test_what_was_counted_again_is_forgotten_after_what_was_not(
    stage: Scene, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the size that was just paid for would be the first to go."""
    monkeypatch.setattr(sensors.line, "MOST_KNOWN", 2)
    line = Line(CATALOG)
    placed(line, stage, "a", "b")
    stage.clock.advance(KNOWN_SECONDS)
    placed(line, stage, "a", "c")  # the third drives one out, and "a" is younger than "b"
    before = len(counted)

    placed(line, stage, "a")
    assert len(counted) == before

    placed(line, stage, "b")
    assert len(counted) == before + 1
