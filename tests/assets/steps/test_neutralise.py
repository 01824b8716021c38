"""Formulas in untrusted text: DOMAIN.md 6.4 and the payloads of 10.4."""

import unicodedata
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.column import E164, EMAIL, ENUM, JSON, LIST, Format, FormatKind, text
from assets.steps.formats import Rendering, formatter
from assets.steps.guards import neutralise, restore
from tests.assets.steps.hostile import CONTROL_TRIGGERS, CORPUS, HOSTILE, TRIGGERS

INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}  # controls, format characters, separators


def dangerous(cell: str) -> bool:
    """Judge a cell by Unicode's own categories, not by the list that the code under test uses."""
    for character in cell:
        if character in TRIGGERS or character in CONTROL_TRIGGERS:
            return True
        if unicodedata.category(character) not in INVISIBLE:
            return False
    return False


def rendering(*, people: bool) -> Rendering:
    """The rendering of a file for people or for machines."""
    zone = ZoneInfo("America/New_York")
    return Rendering(zone=zone, default_locale="en-US", locales=frozenset(), neutralise=people)


@pytest.mark.parametrize("payload", CORPUS, ids=ascii)
def test_every_payload_is_guarded_in_every_untrusted_column(payload: str) -> None:
    """A fan's name must not run in a colleague's spreadsheet."""
    assert dangerous(payload)
    for kind in (text(80), EMAIL, ENUM, Format(kind=FormatKind.MULTILINE)):
        assert not dangerous(formatter(kind, rendering(people=True))(payload))
    assert not dangerous(formatter(LIST, rendering(people=True))([payload]))
    assert not dangerous(formatter(JSON, rendering(people=True))([payload]))


def test_machines_get_the_text_itself() -> None:
    """Control of the test above: without neutralising the payloads do arrive."""
    write = formatter(text(80), rendering(people=False))

    assert write("=1+1") == "=1+1"
    assert all(dangerous(write(payload)) for payload in CORPUS)


def test_a_telephone_number_is_no_formula() -> None:
    """The one exemption, in the one place: a plus and digits only (rule 4)."""
    assert formatter(E164, rendering(people=True))("+14155550132") == "+14155550132"
    assert formatter(text(80), rendering(people=True))("+14155550132") == "'+14155550132"


@pytest.mark.parametrize(
    "name", ["O\u2019Neil", "D'Angelo", "'t Hooft", "1=1", "a@b.c", "", " ", "\U0001f3b8"]
)
def test_names_that_are_no_formulas_stay_as_they_are(name: str) -> None:
    """An apostrophe too many is a wrong name on a ticket."""
    assert neutralise(name) == name


def test_a_formula_can_hide_behind_no_invisible_character() -> None:
    """All of them that Unicode has, not only those that somebody thought of."""
    every = (chr(point) for point in range(0x110000))
    hiding = [c for c in every if unicodedata.category(c) in INVISIBLE]

    assert len(hiding) > 200
    assert [ascii(c) for c in hiding if neutralise(f"{c}=1") != f"'{c}=1"] == []


@given(st.one_of(HOSTILE, st.text()))
def test_nothing_guarded_starts_with_a_trigger(cell: str) -> None:
    """Invariant 10 of DOMAIN.md 11, after skipping blanks and what cannot be seen."""
    assert not dangerous(neutralise(cell))


@given(st.one_of(HOSTILE, st.text()))
def test_restoring_is_the_exact_inverse(cell: str) -> None:
    """Who must have the original back gets it to the letter, apostrophes of its own included."""
    assert restore(neutralise(cell)) == cell


def test_text_that_looks_guarded_is_guarded_again() -> None:
    """Else `'=1` and `=1` would be one text after restoring."""
    assert neutralise("'=1") == "''=1"
    assert restore("''=1") == "'=1"
    assert restore("'tis") == "'tis"
