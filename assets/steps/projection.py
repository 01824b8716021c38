"""Which fields of an entry an export reads, so that the database sends no others.

An export need not see what it does not write (data minimisation), and what is not sent is neither
received nor walked: of today's entries the usual columns read half. What is read is what the
functions of a plan say of themselves (`assets/model/meaning.py`); where one does not, whole
documents are read.

Fields are named whole, never a part of one: a path into a block or a list leaves out a value that
stands there instead of a block, and the row would be silently empty where it is a counted reject.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from assets.model.meaning import Meaning, What, meaning_of
from assets.model.source import EntrySource, Verdict
from assets.steps.plan import Plan
from assets.steps.upcast import OLD_FIELDS

# What a row is looked up for: its shape, and its account.
_LOOKED_UP: Final = ("_id", "schemaVersion", "userId")
# What every row is read for: its order and what is odd about any entry, too.
_ALWAYS: Final = (*_LOOKED_UP, "createdAt", "preferences", "status")
_AT_THEIR_PATH: Final = frozenset(
    (
        What.PATH,
        What.PRESENT,
        What.MARKET,
        What.ELSE,
        What.ABSENT,
        What.NOT_TEXT,
        What.NOT_FALSE,
        What.ONE_OF,
        What.EMAIL,
        What.NOT_STOPPED,
        What.NUMBER_LAST,
    )
)
# What the others read, whatever else they say.
_OWN: Final[Mapping[What, tuple[str, ...]]] = {
    **dict.fromkeys(
        (
            What.WISHES,
            What.WISH,
            What.WISH_MARKET,
            What.WISH_EVENTS,
            What.WISH_QUANTITY,
            What.RANK_OF,
            What.MARKETS,
        ),
        ("preferences",),
    ),
    **dict.fromkeys((What.GRANTED, What.GRANTED_TO), ("consents",)),
    **dict.fromkeys((What.ANSWER, What.ANSWERED_DAY), ("answers",)),
    **dict.fromkeys((What.HAS_CODE, What.LAST_CODE), ("codes",)),
    **dict.fromkeys(
        (What.ACCOUNT, What.USER, What.NO_FLAG, What.NOT_ERASED_USER, What.KNOWN_USER), ("userId",)
    ),
    **dict.fromkeys((What.SINCE, What.BEFORE), ("createdAt",)),
    What.REGISTERED: ("createdAt", "_id"),
    What.BAND: ("_id", "risk"),
    **dict.fromkeys((What.ID, What.LINK), ("_id",)),
    # These read what their parts read.
    **dict.fromkeys((What.SAME, What.ALL, What.KEY, What.FIRST_FAILING), ()),
}


class _Unsaid(Exception):
    """A function does not say what it reads."""


def read_fields(plan: Plan, verdict: Verdict) -> tuple[str, ...] | None:
    """The fields that the rows of a plan are made of; None where they may be any.

    Args:
        plan: What to make.
        verdict: The one of this export.
    """
    source = plan.export_type.rows
    if not isinstance(source, EntrySource) or source.counted is None or source.fold is not None:
        return None
    if plan.export_type.split(plan.facts) is not None:
        return None
    shown = chain(plan.columns, *plan.companions.values())
    functions: list[object] = [verdict, source.order, *(one.column.value for one in shown)]
    if source.arrange is not None:
        functions.append(source.arrange.key)
    try:
        found = set(chain.from_iterable(_read(_said(one)) for one in functions))
    except _Unsaid:
        return None
    found.update(_ALWAYS, ("answers",) if source.counted(plan.facts) else ())
    return _of_any_version(found)


def looked_up(names: Iterable[str]) -> tuple[str, ...]:
    """The fields of an entry of which these are looked at, and its account.

    Args:
        names: As they are called today.
    """
    return _of_any_version({*_LOOKED_UP, *names})


def _of_any_version(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({*names}.union(*(OLD_FIELDS.get(name, ()) for name in names))))


def _said(function: object) -> Meaning:
    meaning = meaning_of(function)
    if meaning is None:
        raise _Unsaid
    return meaning


def _read(meaning: Meaning) -> Iterator[str]:
    """The fields that a function reads which says this of itself."""
    if meaning.what in _AT_THEIR_PATH:
        yield meaning.path.partition(".")[0]
    elif meaning.what in _OWN:
        yield from _OWN[meaning.what]
    else:
        raise _Unsaid
    for part in _parts(meaning):
        yield from _read(part)


def _parts(meaning: Meaning) -> Iterable[Meaning]:
    match meaning.what:
        case What.SAME | What.ALL:
            return meaning.values
        case What.KEY | What.ELSE | What.RANK_OF:
            return map(_said, meaning.values)
        case What.FIRST_FAILING:
            return (_said(stays) for _, stays in meaning.values)
        case _:
            return ()
