"""Values that fit a JSON Schema, and the same values spoiled in one place."""

import json
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

# Stands in every text that is made up here; in answers it would be an echo.
MARKER = "c4nary"
ITEMS = 4
HUGE = 2**63

TEXT = st.text(max_size=30)
MARKED = st.builds(lambda before, after: f"{before}{MARKER}{after}", TEXT, TEXT)
NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, -1, 2**31, 2**53, HUGE, -HUGE, 10**40, 1e308])
)
OPERATORS = st.sampled_from(["$ne", "$gt", "$where", "$regex", "$expr", "$in", "a.b", "__proto__"])
WILD: SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | MARKED,
    lambda inner: (
        st.lists(inner, max_size=ITEMS)
        | st.dictionaries(MARKED | OPERATORS, inner, min_size=1, max_size=ITEMS)
    ),
    max_leaves=8,
)
Schema = Mapping[str, Any]
Place = tuple[str | int, ...]


def fitting(schema: Schema) -> SearchStrategy[Any]:
    """Values that satisfy a schema, as far as its keywords are known here."""
    for keyword in ("oneOf", "anyOf"):
        if keyword in schema:
            return st.one_of([fitting(one) for one in schema[keyword]])
    if "enum" in schema:
        return st.sampled_from(list(schema["enum"]))
    if "const" in schema:
        return st.just(schema["const"])
    kinds = schema.get("type", "string")
    names = kinds if isinstance(kinds, list) else [kinds]
    return st.one_of([_BY_TYPE[name](schema) for name in names])


def _text(schema: Schema) -> SearchStrategy[str]:
    if schema.get("format") == "date":
        return st.dates().map(str)
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda at: f"{at.isoformat(timespec='seconds')}Z")
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True, alphabet=string.printable[:95])
    least, most = schema.get("minLength", 0), schema.get("maxLength", 60)
    return st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=least, max_size=most)


def _integer(schema: Schema) -> SearchStrategy[int]:
    return st.integers(schema.get("minimum", -(2**53) + 1), schema.get("maximum", 2**53 - 1))


def _list(schema: Schema) -> SearchStrategy[list[Any]]:
    most = min(schema.get("maxItems", ITEMS), ITEMS)
    unique = json.dumps if schema.get("uniqueItems") else None
    return st.lists(
        fitting(schema.get("items", {})),
        min_size=schema.get("minItems", 0),
        max_size=most,
        unique_by=unique,
    )


def _object(schema: Schema) -> SearchStrategy[dict[str, Any]]:
    members = {name: fitting(one) for name, one in schema.get("properties", {}).items()}
    required = {name: members[name] for name in schema.get("required", ()) if name in members}
    optional = {name: one for name, one in members.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional)


_BY_TYPE: Mapping[str, Callable[[Schema], SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": lambda schema: st.floats(schema.get("minimum"), schema.get("maximum")),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
    "array": _list,
    "object": _object,
}


@st.composite
def spoiled(draw: DrawFn, good: SearchStrategy[Any]) -> Any:
    """A fitting value with one or two places replaced, dropped, or added."""
    value = draw(good)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from([(), *_places(value)]))
        change = draw(st.sampled_from([_replaced, _dropped, _extended]))
        value = change(value, place, draw(MARKED | OPERATORS), draw(WILD))
    return value


def _places(value: Any, here: Place = ()) -> Iterator[Place]:
    inside = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        inside = dict(enumerate(value))
    for name, child in inside.items():
        yield (*here, name)
        yield from _places(child, (*here, name))


def _replaced(value: Any, place: Place, name: str, wild: Any) -> Any:
    """The same with `wild` at the place."""
    if not place:
        return wild
    changed = value.copy()
    changed[place[0]] = _replaced(value[place[0]], place[1:], name, wild)
    return changed


def _dropped(value: Any, place: Place, name: str, wild: Any) -> Any:
    """The same without what stands at the place."""
    if not place:
        return {}
    changed = value.copy()
    if place[1:]:
        changed[place[0]] = _dropped(value[place[0]], place[1:], name, wild)
    else:
        del changed[place[0]]
    return changed


def _extended(value: Any, place: Place, name: str, wild: Any) -> Any:
    """The same with a member that nobody knows, where there is an object."""
    if place:
        changed = value.copy()
        changed[place[0]] = _extended(value[place[0]], place[1:], name, wild)
        return changed
    return {**value, name: wild} if isinstance(value, dict) else wild
