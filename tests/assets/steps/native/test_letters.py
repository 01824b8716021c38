"""What the kernel leaves as it is, the clean form of a text leaves too."""

from unicodedata import decomposition
from zoneinfo import ZoneInfo

from assets.model.column import text
from assets.steps.formats import Rendering, formatter
from assets.steps.native.letters import (
    LETTERS,
    is_mark,
    is_simple,
    pairs,
    simple_letters,
    simple_marks,
)


def _in(bits: bytes) -> list[str]:
    return [chr(code) for code in range(LETTERS) if bits[code >> 3] >> (code & 7) & 1]


def _letters() -> list[str]:
    return _in(simple_letters())


def _style() -> Rendering:
    return Rendering(
        zone=ZoneInfo("UTC"), default_locale="en", locales=frozenset(), neutralise=True
    )


def test_a_simple_letter_is_simple_beside_every_other() -> None:
    """Whole ranges are taken without a look at each: one that is not in this Python would show."""
    assert [letter for letter in _letters() if not is_simple(letter)] == []
    assert len(_letters()) > 33_000


def test_text_of_simple_letters_is_written_as_it_is() -> None:
    """Pairs too: a normal form joins what stands side by side."""
    write, letters = formatter(text(100_000), _style()), _letters()
    for apart in (1, 2, 7, 500):
        mixed = "".join(a + b for a, b in zip(letters, letters[apart:], strict=False))
        for start in range(0, len(mixed), 10_000):
            piece = mixed[start : start + 10_000]
            assert write(piece) == piece


def test_a_mark_behind_any_letter_is_written_as_it_is() -> None:
    """Names in Hindi hold them; each behind every letter of its script, and letters behind it."""
    write, marks = formatter(text(100_000), _style()), _in(simple_marks())
    assert "\u094d" in marks
    assert "\u093c" not in marks  # joins the letter before it
    assert all(is_mark(mark) for mark in marks)
    letters = ["a", *(letter for letter in _letters() if ord(letter) < 0x3100)]
    for mark in marks:
        mixed = "".join(letter + mark for letter in letters)
        assert write(mixed) == mixed, hex(ord(mark))


def test_a_pair_is_written_as_its_letter() -> None:
    """Each pair, and behind each another one, which nothing joins to it."""
    write, known = formatter(text(100_000), _style()), pairs()
    apart = "".join(chr(first) + chr(second) for first, second, _ in known)

    assert write(apart) == "".join(chr(both) for _, _, both in known)
    assert len(known) > 800


def test_nothing_that_may_be_joined_to_a_letter_is_taken() -> None:
    """Asked of every code point: a composed one far away would make a mark of another form."""
    pairs = (decomposition(chr(code)).split() for code in range(0x110000))
    joining = {chr(int(p[1], 16)) for p in pairs if p[1:] and not p[0].startswith("<")}
    assert len(joining) > 60
    assert joining.isdisjoint([*_letters(), *_in(simple_marks())])
