"""A `Reading` by script, for pure tests of what an export looks up before its rows."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from assets.model.campaign import Campaign, Facts
from assets.model.source import CodeSlice, Document, EntryRow, Filter, Segment, Statement
from tests.fakes.matching import matches


@dataclass(kw_only=True)
class Scripted:
    """What there is to read, written down beforehand; `asked` are the queries, by their name."""

    rows: Sequence[EntryRow] = ()
    people: Sequence[Document] = ()
    results: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    issued: Sequence[Document] = ()
    ended: Sequence[Document] = ()
    damaged: int = 0
    asked: dict[str, Statement] = field(default_factory=dict)

    def entries(
        self,
        facts: Facts,
        strands: Sequence[Sequence[Segment]] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[EntryRow]:
        """Entries of the campaign that a segment matches."""
        segments = [segment for strand in strands or () for segment in strand]
        for row in self.rows:
            if strands is None or any(matches(row.entry, one.filter) for one in segments):
                yield EntryRow(row.entry, row.user, facts)

    def entries_by_ids(self, facts: Facts, ids: Iterable[object]) -> Mapping[str, EntryRow]:
        """Entries by the hex text of their id."""
        wanted = {str(one) for one in ids}
        found = {str(row.entry["_id"]): row for row in self.rows}
        return {
            key: EntryRow(row.entry, row.user, facts) for key, row in found.items() if key in wanted
        }

    def entry_count(self, filter: Filter) -> int:  # noqa: A002 - MongoDB's word
        """Entries that match, and as many as are said to be damaged."""
        return self.damaged + sum(1 for row in self.rows if matches(row.entry, filter))

    def ground(self, facts: Facts, campaign: Campaign) -> Facts:
        """The same ground, of that campaign."""
        return replace(facts, campaign=campaign)

    def users(self, ids: Iterable[object]) -> Mapping[object, Document]:
        """Accounts after one merge."""
        known = {user["_id"]: user for user in self.people}
        wanted = set(ids)
        return {
            one: known.get(user.get("mergedInto"), user)
            for one, user in known.items()
            if one in wanted
        }

    def users_where(self, filter: Filter) -> Iterator[Document]:  # noqa: A002 - MongoDB's word
        """Users that match, in the order of their id."""
        yield from sorted(
            (user for user in self.people if matches(user, filter)), key=lambda user: user["_id"]
        )

    def query(self, statement: Statement, name: str) -> Iterator[Mapping[str, Any]]:
        """The rows of the query with this name."""
        self.asked[name] = statement
        yield from self.results.get(name, ())

    def codes(self, facts: Facts, wanted: CodeSlice) -> Iterator[Document]:
        """Codes of the slice."""
        for code in self.issued:
            in_market = wanted.market in (None, code.get("marketKey"))
            if in_market and (not wanted.states or code.get("state") in wanted.states):
                yield code

    def codes_by_ids(self, ids: Iterable[str], *, reveal: bool) -> Mapping[str, Document]:
        """Codes by their id; their values only where that is asked for."""
        wanted = set(ids)
        return {
            code["codeId"]: {name: v for name, v in code.items() if reveal or name != "value"}
            for code in self.issued
            if code["codeId"] in wanted
        }

    def scores(self, facts: Facts, run: Document) -> Iterator[Any]:
        """No scores."""
        yield from ()

    def scoring_runs(self, facts: Facts) -> Sequence[Document]:
        """No runs."""
        return ()

    def overrides(self, facts: Facts) -> Mapping[object, Document]:
        """No decisions."""
        return {}

    def erased_since(self, facts: Facts, since: datetime) -> frozenset[str]:
        """Nobody."""
        return frozenset()

    def exports(self, day: date) -> Iterator[Document]:
        """The exports of the day."""
        yield from self.ended

    def last_success(self, facts: Facts) -> Document | None:
        """None before."""
        return None

    def signing_key(self, purpose: str) -> bytes:
        """A key that only tests know."""
        return f"the test's key for {purpose}".encode()
