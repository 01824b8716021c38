"""Every formatter against the rules of DOMAIN.md 6.1 to 6.5, and against every type of BSON."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from bson import (
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
)
from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from assets.model.column import (
    COUNTRY,
    DATE,
    E164,
    EMAIL,
    ENUM,
    HASH,
    ID,
    INTEGER,
    JSON,
    LIST,
    LOCAL_TIME,
    LOCALE,
    MSISDN,
    NUMBER,
    RAW,
    TRUE_FALSE,
    UTC_TIME,
    YES_NO,
    Format,
    FormatKind,
    Unfit,
    decimal,
    text,
)
from assets.steps.formats import Rendering, formatter, transformed
from assets.steps.guards import EXCEL_CELL
from assets.steps.masks import (
    h256_email,
    h256_phone,
    mask_email,
    mask_name,
    mask_phone,
    postal_prefix,
)

NEW_YORK = ZoneInfo("America/New_York")
OFFSET = Format(kind=FormatKind.OFFSET)
MULTILINE = Format(kind=FormatKind.MULTILINE)
SORTED_LIST = Format(kind=FormatKind.LIST, ordered=False)
ACCOUNT = UUID("0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10")


def percent(digits: int) -> Format:
    """`pct(digits)`."""
    return Format(kind=FormatKind.PERCENT, digits=digits)


def rendering(
    *,
    zone: ZoneInfo = NEW_YORK,
    neutralise: bool = True,
    warn: Callable[[str], None] = lambda _code: None,
) -> Rendering:
    """The rendering of the campaign of DOMAIN.md 2.1."""
    return Rendering(
        zone=zone,
        default_locale="en-US",
        locales=frozenset({"en-US", "es-US", "fr-CA"}),
        neutralise=neutralise,
        warn=warn,
    )


def written(form: Format, value: object) -> str:
    """The text of a value in a file for people."""
    return formatter(form, rendering())(value)


def utc(*parts: int) -> datetime:
    """An instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        (ID, ObjectId("66510000000000000000E001"), "66510000000000000000e001"),
        (ID, ACCOUNT, str(ACCOUNT)),
        (ID, Binary.from_uuid(ACCOUNT), str(ACCOUNT)),
        (ID, str(ACCOUNT).upper(), str(ACCOUNT)),
        (ID, "new-york-ny", "new-york-ny"),
        (ID, "ZOE40", "ZOE40"),
        (text(80), "  New York, NY ", "New York, NY"),
        (text(80), "Two\r\nLines", "Two Lines"),
        (text(80), "One\nFeed\rReturn\tTab", "One Feed Return Tab"),
        (text(80), "N\x00u\x1bl\x85 L\u2028S", "Nul L S"),
        (text(80), "\ufeffJose\u0301", "Jos\u00e9"),
        (text(80), "\u202eabc\u202c \u2067def\u2069", "abc def"),
        (text(80), "half \ud83d pair", "half \ufffd pair"),
        (text(80), "e\x00\u0301", "\u00e9"),
        (text(80), "\U0001f469\u200d\U0001f467 Mia", "\U0001f469\u200d\U0001f467 Mia"),
        (text(3), "abcdef", "abc"),
        (text(3), "=abcdef", "'=ab"),
        (text(12), "01201", "01201"),
        (MULTILINE, "a\r\nb\rc\td\u2028e", "a\nb c d\ne"),
        (MULTILINE, "=" + "x" * 40_000, "'=" + "x" * (EXCEL_CELL - 3)),
        (MULTILINE, "\U0001f3b8" * 20_000, "\U0001f3b8" * 16_382),
        (MULTILINE, "a\n" * 300, "a\n" * 253 + "a " * 46 + "a"),
        (MSISDN, "+14155550132", "14155550132"),
        (HASH, " Zoe@Example.com ", h256_email("zoe@example.com")),
        (HASH, "+14155550132", h256_phone("+14155550132")),
        (HASH, h256_email("zoe@example.com").upper(), h256_email("zoe@example.com")),
        (RAW, " 007 ", " 007 "),
        (RAW, "'tis", "'tis"),
        (TRUE_FALSE, True, "true"),
        (TRUE_FALSE, False, "false"),
        (ENUM, "not_selected", "not_selected"),
        (ENUM, "A", "A"),
        (ENUM, "=standby", "'=standby"),
        (EMAIL, " Zoe.Muller+Tour@Example.COM ", "Zoe.Muller+Tour@example.com"),
        (EMAIL, '"ann b@c"@EXAMPLE.com', '"ann b@c"@example.com'),
        (EMAIL, "fan@BÜCHER.test", "fan@bücher.test"),
        (EMAIL, "Not-An-Address", "Not-An-Address"),
        (EMAIL, "=1+1@example.com", "'=1+1@example.com"),
        (E164, "+14155550132", "+14155550132"),
        (YES_NO, True, "Y"),
        (YES_NO, False, "N"),
        (INTEGER, 18233, "18233"),
        (INTEGER, -5, "-5"),
        (INTEGER, Int64(2**53 + 1), "9007199254740993"),
        (INTEGER, 73.0, "73"),
        (INTEGER, -0.0, "0"),
        (INTEGER, 1e18, "1000000000000000000"),
        (INTEGER, -(2**63), "-9223372036854775808"),
        (INTEGER, Decimal128("1E+3"), "1000"),
        (decimal(2), 5, "5.00"),
        (decimal(2), 2.675, "2.68"),
        (decimal(2), 2.665, "2.66"),
        (decimal(2), -0.001, "0.00"),
        (decimal(0), 2.5, "2"),
        (decimal(2), Decimal("1234567.125"), "1234567.12"),
        (decimal(2), Decimal128("123456789012345678901.5"), "123456789012345678901.50"),
        (decimal(4), 0.9312, "0.9312"),
        (NUMBER, 1999.5, "1999.5"),
        (NUMBER, 43.0, "43"),
        (NUMBER, 1e21, "1000000000000000000000"),
        (NUMBER, 1e-7, "0.0000001"),
        (NUMBER, Decimal128("1.50"), "1.5"),
        (percent(1), 0.4285, "42.8"),
        (percent(0), 1, "100"),
        (LIST, ["sat", "fri", "a|b"], "sat|fri|a/b"),
        (SORTED_LIST, ["sat", "fri"], "fri|sat"),
        (SORTED_LIST, frozenset({"b", "a"}), "a|b"),
        (LIST, [], ""),
        (LIST, ["=1+1", "x"], "'=1+1|x"),
        (LOCALE, "en_us", "en-US"),
        (LOCALE, "FR-ca", "fr-CA"),
        (LOCALE, "de-DE", "en-US"),
        (LOCALE, "nonsense!", "en-US"),
        (COUNTRY, "us", "US"),
        (JSON, {"b": [1, True, None], "a": "é"}, '{"a":"é","b":[1,true,null]}'),
        (JSON, [utc(2026, 3, 3, 15), Decimal128("1.50")], '["2026-03-03T15:00:00Z","1.50"]'),
        (JSON, {"id": ObjectId("6" * 24)}, '{"id":"666666666666666666666666"}'),
        (JSON, "half \ud83d", '"half \ufffd"'),
        (JSON, -5, "'-5"),
    ],
)  # fmt: skip
def test_a_value_is_written_as_the_rules_say(form: Format, value: object, expected: str) -> None:
    """Marketing tools read these texts literally; each row is a rule of DOMAIN.md 6.1."""
    assert written(form, value) == expected


@pytest.mark.parametrize(
    ("instant", "local", "offset", "day"),
    [
        (utc(2026, 11, 1, 5, 30), "2026-11-01 01:30:00", "-04:00", "2026-11-01"),
        (utc(2026, 11, 1, 6, 30), "2026-11-01 01:30:00", "-05:00", "2026-11-01"),
        (utc(2026, 3, 8, 6, 59, 59), "2026-03-08 01:59:59", "-05:00", "2026-03-08"),
        (utc(2026, 3, 8, 7), "2026-03-08 03:00:00", "-04:00", "2026-03-08"),
        (utc(1969, 12, 31, 23, 59, 58, 999_000), "1969-12-31 18:59:58", "-05:00", "1969-12-31"),
        (utc(2024, 3, 1, 4, 30), "2024-02-29 23:30:00", "-05:00", "2024-02-29"),
        (datetime(2026, 3, 3, 15), "2026-03-03 10:00:00", "-05:00", "2026-03-03"),  # noqa: DTZ001
        (DatetimeMS(0), "1969-12-31 19:00:00", "-05:00", "1969-12-31"),
        (utc(900, 1, 2), "0900-01-01 19:03:58", "-04:56", "0900-01-01"),
    ],
)
def test_an_instant_is_shown_in_the_campaigns_zone(
    instant: object, local: str, offset: str, day: str
) -> None:
    """People plan by local time; the fold prints one local time twice, told apart by `off`."""
    assert written(LOCAL_TIME, instant) == local
    assert written(OFFSET, instant) == offset
    assert written(DATE, instant) == day


def test_utc_times_are_cut_to_the_second_and_any_zone_becomes_utc() -> None:
    """Rounding would move an instant; a twin column must name the same second."""
    east = datetime(2026, 3, 3, 1, 0, 9, 999_999, tzinfo=timezone(timedelta(hours=2)))

    assert written(UTC_TIME, east) == "2026-03-02T23:00:09Z"


def test_a_zone_with_half_hours_is_exact() -> None:
    """Lord Howe Island changes its clocks by 30 minutes, at half past an hour of UTC."""
    write = formatter(LOCAL_TIME, rendering(zone=ZoneInfo("Australia/Lord_Howe")))

    assert write(utc(2026, 4, 4, 14, 59, 59)) == "2026-04-05 01:59:59"
    assert write(utc(2026, 4, 4, 15, 0, 0)) == "2026-04-05 01:30:00"


def test_a_calendar_day_is_not_moved_by_a_zone() -> None:
    """A DATE of Athena is somebody's day already."""
    assert written(DATE, date(2026, 3, 3)) == "2026-03-03"


@pytest.mark.parametrize(
    ("form", "value", "reason"),
    [
        (LOCAL_TIME, DatetimeMS(253_402_300_800_000), "date_out_of_range"),
        (UTC_TIME, DatetimeMS(-(2**63)), "date_out_of_range"),
        (LOCAL_TIME, datetime.min.replace(tzinfo=UTC), "date_out_of_range"),
        (UTC_TIME, "2026-03-03T15:00:00Z", "wrong_type"),
        (INTEGER, 73.9, "not_integral"),
        (INTEGER, "73", "wrong_type"),
        (INTEGER, 2**63, "out_of_range"),
        (INTEGER, 1e22, "out_of_range"),
        (INTEGER, Decimal128("1E+6144"), "out_of_range"),
        (decimal(2), 10**36, "out_of_range"),
        (HASH, "Zoe", "not_hashable"),
        (MSISDN, "14155550132", "not_e164"),
        (RAW, "a\r", "not_one_line"),
        (RAW, "a\x00", "not_one_line"),
        (RAW, "\ud83d", "lone_surrogate"),
        (RAW, "=1+1", "formula"),
        (RAW, "x" * (EXCEL_CELL + 1), "too_long"),
        (TRUE_FALSE, "true", "wrong_type"),
        (INTEGER, True, "wrong_type"),
        (decimal(2), False, "wrong_type"),
        (YES_NO, 1, "wrong_type"),
        (text(80), 5, "wrong_type"),
        (text(80), Code("=1"), "wrong_type"),
        (LIST, "sat", "wrong_type"),
        (LIST, {"a", "b"}, "wrong_type"),
        (LIST, [1], "wrong_type"),
        (ID, "=1+1", "not_id"),
        (ID, Binary(b"12345", 4), "wrong_type"),
        (E164, "4155550132", "not_e164"),
        (E164, "+1415555013\uff12", "not_e164"),
        (COUNTRY, "USA", "not_country"),
        (JSON, {"a": float("nan")}, "not_finite"),
        (JSON, {"a": b"x"}, "wrong_type"),
        (JSON, ["x" * EXCEL_CELL], "too_long"),
        (EMAIL, "x" * (EXCEL_CELL + 1), "too_long"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_a_bounded_reason(
    form: Format, value: object, reason: str
) -> None:
    """A wrong value must become a counted reject, never a quiet blank."""
    with pytest.raises(Unfit) as refused:
        written(form, value)

    assert refused.value.reason == reason


def test_nesting_beyond_pythons_stack_is_refused() -> None:
    """5,000 levels must cost one row, not the run."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(Unfit, match="too_deep"):
        written(JSON, deep)


@pytest.mark.parametrize(
    ("form", "value", "expected", "code"),
    [
        (INTEGER, float("nan"), "", "not_finite"),
        (decimal(2), Decimal128("-Infinity"), "", "not_finite"),
        (NUMBER, float("inf"), "", "not_finite"),
        (percent(1), Decimal128("sNaN"), "", "not_finite"),
        (LOCALE, "xx-YY", "en-US", "unknown_locale"),
        (ENUM, "on hold", "on hold", "unknown_value"),
        (text(9), "\udc00", "\ufffd", "lone_surrogate"),
    ],
)
def test_each_leniency_is_told(form: Format, value: object, expected: str, code: str) -> None:
    """DOMAIN.md allows these, with a warning: the manifest counts them."""
    heard: list[str] = []
    write = formatter(form, rendering(warn=heard.append))

    assert [write(value), write(value)] == [expected, expected]
    assert heard == [code, code]


ALL_FORMATS = [
    Format(kind=kind, length=None if kind is not FormatKind.TEXT else 80, digits=2)
    for kind in FormatKind
]
# The 14 types of DOMAIN.md's documents and the rest of BSON, none of them empty or blank.
BSON_VALUES: list[object] = [
    1.5, "text", {"a": 1}, ["a"], Binary(b"x"), Binary.from_uuid(ACCOUNT), ObjectId("6" * 24), True,
    utc(2026, 3, 3), DatetimeMS(2**62), Regex("a"), Code("a"), 7, Timestamp(1, 1), Int64(7),
    Decimal128("1.5"), MinKey(), MaxKey(), DBRef("a", 1), b"bytes",
]  # fmt: skip


def outcome(form: Format, value: object) -> str:
    """The text, or the reason of the refusal."""
    try:
        return written(form, value)
    except Unfit as unfit:
        return f"refused: {unfit.reason}"


@pytest.mark.parametrize("form", ALL_FORMATS, ids=lambda form: str(form.kind))
@pytest.mark.parametrize("value", BSON_VALUES, ids=lambda value: type(value).__name__)
def test_no_type_of_bson_becomes_a_silent_blank(form: Format, value: object) -> None:
    """The one thing that an exporter must never do (RELIABILITY.md 5: mixed types)."""
    first, second = outcome(form, value), outcome(form, value)

    assert first
    assert first == second


@pytest.mark.parametrize("form", ALL_FORMATS, ids=lambda form: str(form.kind))
def test_null_is_empty(form: Format) -> None:
    """Never `null`, `None` or `N/A` (DOMAIN.md 6.3)."""
    assert written(form, None) == ""


@given(st.text(st.characters()))
def test_any_text_is_one_line_that_utf8_can_hold(name: str) -> None:
    """A cell that breaks the line, or cannot be encoded, breaks the file."""
    cell = formatter(text(80), rendering(neutralise=False))(name)

    cell.encode()
    assert len(cell.splitlines()) <= 1
    assert len(cell) <= 80


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_are_exact(number: int) -> None:
    """No number passes through a float."""
    assert int(written(INTEGER, number)) == number
    assert Decimal(written(decimal(2), number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_plain_numbers_read_back_as_they_were(number: float) -> None:
    """An answer is not rounded."""
    assert float(written(NUMBER, number)) == number


@given(
    st.datetimes(
        datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis wants naive bounds
        datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.just(UTC),
    )
)
def test_utc_times_read_back_as_they_were(instant: datetime) -> None:
    """To the second, which is what the column promises."""
    read = datetime.fromisoformat(written(UTC_TIME, instant))

    assert read == instant.replace(microsecond=0)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (mask_email("Zoe.Muller+tour@example.com"), "z***@example.com"),
        (mask_email("@example.com"), "***@example.com"),
        (mask_email("nonsense"), "n***"),
        (mask_phone("+14155550132"), "+1******0132"),
        (mask_name("Zoë"), "Z***"),
        (postal_prefix("01201"), "012"),
        (mask_email("") + mask_phone("") + mask_name("") + postal_prefix(""), ""),
        (h256_email("") + h256_phone(""), ""),
        (
            h256_email(" Zoe@Example.com "),
            "3e693cf7e5b67880bff33b2d2626dadb7bf1d4bc737192e47cf8baa89acf2250",
        ),
    ],
)
def test_masks_and_hashes_follow_the_examples(made: str, expected: str) -> None:
    """DOMAIN.md 6.1 prints these; ad platforms compare the digests byte by byte."""
    assert made == expected


def test_a_mask_or_hash_sees_the_text_and_not_the_guard() -> None:
    """The digest of a guarded address would match nobody; an unguarded mask could be a formula."""
    assert transformed(EMAIL, rendering(), h256_email)("=a@x.test") == h256_email("=a@x.test")
    assert transformed(text(80), rendering(), mask_name)("=cmd") == "'=***"
    assert transformed(E164, rendering(), mask_phone)("+14155550132") == "'+1******0132"
    assert transformed(E164, rendering(neutralise=False), mask_phone)("+14155550132")[0] == "+"
