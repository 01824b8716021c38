"""A thousand ways to damage a finished export: `verify` finds each, from the files alone."""

import random

import pytest

from assets.model.manifest import Manifest
from assets.steps import manifest as proof
from tests.assets.workbench import workbench
from tests.faults.corruption import Bodies, damaged, found

CORRUPTIONS = 1_000
SEED = 20_261_129


def exports() -> list[tuple[Manifest, Bodies]]:
    """Finished exports: one file, many, JSON lines, uncompressed."""
    bench = workbench()
    asked = (
        ("waitlist", {"dialect": "rfc4180"}),
        ("waitlist", {"dialect": "excel", "split_by_market": True}),
        ("entries", {"format": "jsonl"}),
        ("survey-answers", {"dialect": "rfc4180", "compression": "none"}),
    )
    made = [bench.run(name, **params).manifest for name, params in asked]
    return [(one, {file.key: bench.body(file.key) for file in one.files}) for one in made]


def missed() -> list[int]:
    """Numbers of the corruptions that are not found."""
    whole = exports()
    assert not any(found(one) for one in whole)
    draws = [random.Random(SEED + number) for number in range(CORRUPTIONS)]  # noqa: S311
    cases = ((n, damaged(*draw.choice(whole), draw)) for n, draw in enumerate(draws))
    return [number for number, case in cases if case not in whole and not found(case)]


def test_each_of_a_thousand_corruptions_is_found() -> None:
    """In the bytes of a file or in a claim of its manifest."""
    assert missed() == []


def test_corruptions_pass_when_no_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without the second look at the bytes hundreds are missed."""
    monkeypatch.setattr(proof, "_file", lambda *_: iter(()))

    assert len(missed()) > CORRUPTIONS // 3
