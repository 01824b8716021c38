"""A thousand ways to damage an export: it is not published, or `verify` finds it."""

import pytest

from assets import pipeline
from assets.model.manifest import Accounting
from assets.steps import manifest as proof
from tests.faults import corruption
from tests.faults.corruption import missed_at_rest, wrong_before_publishing

CORRUPTIONS = 1_000
SEED = 20_261_129
# `make faults` damages five hundred in the making.
MAKING = 9


def wrong() -> list[str]:
    """What nobody found of exports that were damaged in the making."""
    told = (wrong_before_publishing(SEED, number) for number in range(MAKING))
    return [one for one in told if one is not None]


def test_each_of_a_thousand_corruptions_is_found() -> None:
    """In the bytes of a file or in a claim of its manifest."""
    assert missed_at_rest(SEED, CORRUPTIONS) == []


def test_corruptions_pass_when_no_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the second look at the bytes hundreds are missed."""
    monkeypatch.setattr(proof, "_file", lambda *_, **__: iter(()))

    assert len(missed_at_rest(SEED, CORRUPTIONS)) > CORRUPTIONS // 3


def test_an_export_damaged_in_the_making_is_not_published_and_made_anew() -> None:
    """Where a file is stored otherwise than it was sent, and where an entry is lost or doubled."""
    assert wrong() == []


def test_lost_and_doubled_entries_pass_when_nobody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the independent count is the only thing that knows of them."""
    monkeypatch.setattr(Accounting, "imbalance", lambda _: None)

    assert wrong() != []


def test_files_stored_wrongly_pass_when_nobody_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: neither before publishing nor by `verify`."""
    monkeypatch.setattr(pipeline, "confirm", lambda *_: None)
    monkeypatch.setattr(corruption, "found", lambda _: False)

    assert wrong() != []
