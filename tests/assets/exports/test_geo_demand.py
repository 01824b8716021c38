"""`geo-demand`: where fans live, in areas that are too large to find anybody in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.geo_demand import Cell, Tally, without_small
from assets.exports.shared.postal import postal_code
from tests.assets.examples import NEW_YORK, VANCOUVER, campaign
from tests.assets.exports.sheets import Sheet, entry, places, sheet

ALL = replace(campaign(), k_anonymity=1)
THREE = replace(campaign(), k_anonymity=3)


def demand(*entries: dict[str, Any], **params: Any) -> Sheet:
    """The file of these entries; every group is large enough unless said."""
    return sheet("geo-demand", entries, its_markets=places(), **{"of": ALL, **params})


def at(number: int, country: object, postal: object = None, *markets: Any, **more: Any) -> Any:
    """An entry of a fan who lives there."""
    lives = {"countryCode": country, "postalCode": postal, **more}
    return entry(number, *markets, contact=lives)


def cells(made: Sheet) -> dict[tuple[str, ...], str]:
    """Country, area and market to the number of fans."""
    names = ("country", "area_code", "market_key")
    return {tuple(row[name] for name in names): row["fans"] for row in made.rows}


@pytest.mark.parametrize(
    ("country", "written", "code", "area"),
    [
        ("US", "01201", "01201", "012"),
        ("US", "01201-4321", "01201", "012"),
        ("US", "012014321", "01201", "012"),
        ("CA", "v6b 1k2", "V6B 1K2", "V6B"),
        ("CA", "V6B1K2", "V6B 1K2", "V6B"),
        ("GB", "sw1a1aa", "SW1A 1AA", "SW1A"),
        ("GB", " m1  1ae ", "M1 1AE", "M1"),
        ("IE", "D02 AF30", "D02 AF30", "D02"),
        ("MX", "06700", "06700", "067"),
        ("NL", "1012AB", "1012 AB", "101"),
        ("NO", "0150", "0150", "015"),
        ("JP", "150-0001", "150-0001", "150"),
        ("ZA", "0001", "0001", "000"),
    ],
)
def test_a_postal_code_is_read_by_the_rules_of_its_country(
    country: str, written: str, code: str, area: str
) -> None:
    """Leading zeros and blanks decide where a fan lives (DOMAIN.md 7.17)."""
    found = postal_code(written, country)

    assert found is not None
    assert (code, area) == (found.code, found.area)


@pytest.mark.parametrize(
    ("country", "written"),
    [
        ("US", "1201"),
        ("US", "V6B 1K2"),
        ("CA", "D6B 1K2"),
        ("CA", "01201"),
        ("GB", "SW1A"),
        ("US", ""),
        ("US", "٠١٢٠١"),
        ("ZA", "OTHER"),
        ("ZA", "=1+1"),
    ],
)
def test_a_postal_code_of_another_form_is_none(country: str, written: str) -> None:
    """A ZIP code that lost its zero is four digits: another place, or none."""
    assert postal_code(written, country) is None


def test_fans_count_in_the_area_where_they_live_for_every_market_that_they_want() -> None:
    """The file is for routing: who comes from where to which city."""
    made = demand(
        at(1, "US", "01201", NEW_YORK, VANCOUVER),
        at(2, "us", "01299", NEW_YORK),
        at(3, "CA", "V6B 1K2", VANCOUVER),
    )

    assert {
        ("CA", "V6B", "vancouver-bc"): "1",
        ("US", "012", "new-york-ny"): "2",
        ("US", "012", "vancouver-bc"): "1",
    } == cells(made)
    assert ["1", "2", "0"] == made.column("first_choice")
    assert ["2", "4", "2"] == made.column("tickets_requested")
    assert {"postal3"} == set(made.column("area_level"))


@pytest.mark.parametrize(
    ("level", "area"),
    [("postal3", "100"), ("postal", "10001"), ("region", "NY"), ("country", "US"), ("dma", "345")],
)
def test_the_level_decides_what_an_area_is(level: str, area: str) -> None:
    """A tour is routed by DMA, a poster campaign by postal code."""
    made = demand(at(1, "US", "10001", city="new york", region="ny"), level=level)

    assert {("US", area, "new-york-ny"): "1"} == cells(made)
    assert ["NY"] == made.column("region")
    assert ["345"] == made.column("dma_id")
    assert [""] == made.column("distance_band")


@pytest.mark.parametrize("level", ["postal3", "postal", "region", "dma"])
@pytest.mark.parametrize(
    ("country", "shown"), [("US", "US"), (None, ""), ("USA", ""), (["US"], ""), ("=1", "")]
)
def test_what_cannot_be_placed_is_unknown_and_not_lost(
    level: str, country: object, shown: str
) -> None:
    """The sums must stay those of `market-demand` (DOMAIN.md 11, point 8)."""
    made = demand(at(1, country, "no code", region=None), level=level)

    assert {(shown, "UNKNOWN", "new-york-ny"): "1"} == cells(made)
    assert [""] == made.column("region")


def test_a_region_is_named_only_by_more_than_half_of_an_areas_fans() -> None:
    """One fan who writes another state must not rename the area of ten."""
    fans = [at(n, "US", "01201", region="MA" if n < 3 else "NY") for n in range(1, 5)]

    assert ["MA"] == demand(*fans[:3]).column("region")
    assert [""] == demand(*fans).column("region")


def test_a_region_called_other_is_no_merged_row() -> None:
    """A fan may write anything; the word would overwrite the row of merged areas."""
    made = demand(at(1, "US", region="Other"), level="region")

    assert {("US", "UNKNOWN", "new-york-ny"): "1"} == cells(made)
    assert ["N"] == made.column("suppressed")


def test_small_cells_are_merged_into_other_of_their_country_and_market() -> None:
    """Two fans of a village and one of the next are three of "other"."""
    fans = [
        *(at(n, "US", "10001") for n in range(1, 6)),
        at(6, "US", "01201"),
        at(7, "US", "01201"),
        at(8, "US", "02134"),
    ]
    made = demand(*fans, of=THREE)

    assert {("US", "100", "new-york-ny"): "5", ("US", "OTHER", "new-york-ny"): "3"} == cells(made)
    assert ["N", "Y"] == made.column("suppressed")


def test_a_single_small_cell_takes_the_smallest_other_with_it() -> None:
    """The total minus the shown cells would be the hidden one (complementary suppression)."""
    fans = [
        *(at(n, "US", "10001") for n in range(1, 6)),
        *(at(n, "US", "90001") for n in range(6, 10)),
        at(10, "US", "01201"),
    ]
    made = demand(*fans, of=THREE)

    assert {("US", "100", "new-york-ny"): "5", ("US", "OTHER", "new-york-ny"): "5"} == cells(made)


def test_a_country_with_too_few_fans_is_merged_with_the_smallest_of_the_market() -> None:
    """One fan from Malta would otherwise be the row of Malta."""
    fans = [
        *(at(n, "US", "10001") for n in range(1, 6)),
        *(at(n, "CA", "V6B 1K2") for n in range(6, 10)),
        at(10, "MT", "VLT 1117"),
    ]
    made = demand(*fans, of=THREE)

    assert {("US", "100", "new-york-ny"): "5", ("", "OTHER", "new-york-ny"): "5"} == cells(made)


def test_a_campaign_with_too_few_fans_shows_none_of_them() -> None:
    """Nothing is left to hide them in."""
    made = demand(at(1, "US", "10001"), at(2, "MT", "VLT 1117"), of=THREE)

    assert {("", "OTHER", "OTHER"): ""} == cells(made)
    assert [("", "", "Y")] == [
        (row["first_choice"], row["tickets_requested"], row["suppressed"]) for row in made.rows
    ]


def test_no_entries_make_a_file_without_rows() -> None:
    """There is no OTHER of nobody."""
    assert [] == demand(of=THREE).rows


def test_k_can_be_raised_and_never_lowered() -> None:
    """The campaign's bound is what its privacy notice says (DOMAIN.md 2.1)."""
    fans = [at(n, "US", "10001") for n in range(1, 5)]

    assert ["4"] == demand(*fans, of=THREE, k=1).column("fans")
    assert [""] == demand(*fans, of=THREE, k=5).column("fans")
    assert [""] == demand(*fans[:2], of=THREE, k=1).column("fans")


CELLS = st.dictionaries(
    st.tuples(
        st.sampled_from(["", "CA", "MT", "US"]),
        st.sampled_from(["1", "2", "3", "UNKNOWN"]),
        st.sampled_from(["a", "b", "UNKNOWN"]),
    ),
    st.integers(1, 12),
)


@settings(max_examples=300, deadline=None)
@given(CELLS, st.integers(1, 10))
def test_whatever_the_cells_no_shown_one_is_small_and_no_fan_is_lost(
    fans: dict[Cell, int], k: int
) -> None:
    """Every step of the merging must keep the sums, and no merged row may stand for one cell."""
    given_cells = {cell: Tally(count, count % 3, 2 * count) for cell, count in fans.items()}

    shown, left = without_small(given_cells, k)

    everything = sum([*shown.values(), *left.values()], Tally())
    assert sum(given_cells.values(), Tally()) == everything
    assert all(tally.fans >= k for tally in shown.values())
    assert sum(tally.fans for tally in left.values()) < k
    kept = {cell for cell in shown if cell in given_cells}
    assert all(shown[cell] == given_cells[cell] for cell in kept)
    if len(given_cells) - len(kept) == 1:
        assert left.keys() == given_cells.keys()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["US", "CA", "MT", None]),
            st.sampled_from(["10001", "01201", "V6B 1K2", None]),
            st.lists(st.sampled_from([NEW_YORK, VANCOUVER]), min_size=1, max_size=3),
        ),
        min_size=3,
        max_size=20,
    )
)
def test_first_choices_add_up_to_those_of_market_demand(
    fans: Sequence[tuple[str | None, str | None, list[Any]]],
) -> None:
    """DOMAIN.md 11, point 8, whatever was merged."""
    entries = [at(n, country, postal, *wish) for n, (country, postal, wish) in enumerate(fans)]
    by_area = demand(*entries, of=THREE)
    by_market = sheet("market-demand", entries, its_markets=places(), of=THREE)

    firsts: Counter[str] = Counter()
    for row in by_area.rows:
        firsts[row["market_key"]] += int(row["first_choice"])
    assert sum(firsts.values()) == int(by_market.column("fans_first_choice")[-1]) == len(entries)
    assert all(int(row["fans"]) >= THREE.k_anonymity for row in by_area.rows)
