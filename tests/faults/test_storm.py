"""A short storm: calls of doors fail, and exports end right all the same.

`make faults` does it with a thousand exports.
"""

import random
from collections import Counter
from itertools import islice

import pytest

from assets.model.manifest import Accounting
from resources.errors import Unavailable
from tests.assets.workbench import workbench
from tests.faults import doors
from tests.faults.__main__ import need_a_person
from tests.faults.doors import Faulty, Way, Weather
from tests.faults.slot import Tally
from tests.faults.storm import Storm, judged, ready

SEED = 7
# Of the control: two readings of the entries of an export end early.
SOME_END_EARLY = 3
EXPORTS = 3


def storm(weather: Weather) -> Tally:
    """A few exports of the first kinds."""
    there = Storm(ready(), weather, random.Random(SEED))  # noqa: S311 - to be replayed
    kinds = range(EXPORTS)
    return judged(there, kinds, there.ended([there.asked(kind) for kind in kinds]))


def test_exports_end_right_though_calls_fail() -> None:
    """Refused, done and not heard of, cut: more often here than in the long rounds.

    So often that one round in five has an export whose four attempts all fail; threads draw apart
    from the main one, so that the seed does not say which round that is.
    """
    weather = Weather(SEED, 0.03)

    total = storm(weather)

    assert total.faults == 0, total.notes
    assert total.counts["ended"] > 0, total.notes
    assert total.counts["attempts"] > EXPORTS
    assert weather.struck.total() > 0


def test_an_answer_that_ends_early_is_taken_for_all_when_nobody_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: with readings that end in silence, and without the independent count."""
    monkeypatch.setattr(doors, "_cut", lambda pieces, most, _: islice(pieces, most))
    monkeypatch.setattr(Accounting, "imbalance", lambda _: None)

    total = storm(Weather(SOME_END_EARLY, 0.3, only=("scan",)))

    assert total.counts["unlike"] > 0


def test_exports_whose_every_attempt_fails_are_counted_and_more_than_a_few_are_a_fault() -> None:
    """Each is named, with its error; two of sixty are chance, three are not, of 1,000 ten are."""
    total = storm(Weather(SEED, 1.0, only=("scan",)))

    assert total.counts["unended"] == EXPORTS
    assert all("DOOR_" in note for note in total.notes)
    judgements = [
        need_a_person(Tally(Counter(exports=exports, unended=unended)))
        for exports, unended in ((60, 2), (60, 3), (1_000, 10), (1_000, 11))
    ]
    assert judgements == [False, True, False, True]


@pytest.mark.parametrize("way", Way)
def test_a_faulty_door_fails_in_the_way_that_is_drawn(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused, nothing was done; else it was, and the caller hears the same."""
    objects = workbench().objects
    monkeypatch.setattr(Weather, "next", lambda *_: (way, 1))

    with pytest.raises(Unavailable):
        Faulty(objects, Weather(0, 1.0)).put("a", b"b", media_type="text/plain")

    assert ("a" in objects.objects) == (way is not Way.REFUSED)


def test_an_answer_in_pieces_is_cut_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads cannot take what came for all."""
    objects = workbench().objects
    objects.put("a", b"0" * 64, media_type="text/plain")
    monkeypatch.setattr(Weather, "next", lambda *_: (Way.CUT, 1))
    pieces = Faulty(objects, Weather(0, 1.0)).read("a")

    assert next(pieces) == b"0" * 16
    with pytest.raises(Unavailable):
        next(pieces)
