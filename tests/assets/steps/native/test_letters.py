"""What the kernel leaves as it is, the clean form of a text leaves too."""

from zoneinfo import ZoneInfo

from assets.model.column import text
from assets.steps.formats import Rendering, formatter
from assets.steps.native.letters import is_simple, simple_letters


def _letters() -> list[str]:
    bits = simple_letters()
    return [chr(code) for code in range(0x10000) if bits[code >> 3] >> (code & 7) & 1]


def test_a_simple_letter_is_simple_beside_every_other() -> None:
    """Whole ranges are taken without a look at each: one that is not in this Python would show."""
    assert [letter for letter in _letters() if not is_simple(letter)] == []
    assert len(_letters()) > 33_000


def test_text_of_simple_letters_is_written_as_it_is() -> None:
    """Pairs too: a normal form joins what stands side by side."""
    style = Rendering(
        zone=ZoneInfo("UTC"), default_locale="en", locales=frozenset(), neutralise=True
    )
    write, letters = formatter(text(100_000), style), _letters()
    for apart in (1, 2, 7, 500):
        mixed = "".join(a + b for a, b in zip(letters, letters[apart:], strict=False))
        for start in range(0, len(mixed), 10_000):
            piece = mixed[start : start + 10_000]
            assert write(piece) == piece
