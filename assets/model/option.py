"""Options of a request: declared once, shown as JSON Schema, checked against it.

An option is a name, a JSON Schema fragment and a default. Add a new shape of option here
as a function; which export takes which option stands in the export's own module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

# RFC 3339 in UTC with seconds; API.md 6 wants `Z` so that no two spellings name one instant.
INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
SLUG_PATTERN = r"^[a-z0-9-]{3,80}$"
WORD_PATTERN = r"^[a-z0-9_]{1,60}$"
ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$"
DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a request.

    Attributes:
        name: The member of `params` (snake_case).
        schema: Its JSON Schema (2020-12), without title, description and default.
        description: What it does, for the listing and the form.
        default: The value when the caller says nothing; None means "not limited".
        scope: Needed to use it, because the rows that a filter keeps tell what it filters by.
        after: The option that begins the range which this one ends.
        required: Whether a request must set it.
    """

    name: str
    schema: Mapping[str, object]
    description: str
    default: object = field(default=None)
    scope: str | None = None
    after: str | None = None
    required: bool = False

    def as_schema(self) -> dict[str, object]:
        """The JSON Schema of this option, as the API shows it."""
        shown = {**self.schema, "description": self.description}
        return shown if self.default is None else {**shown, "default": self.default}


def flag(name: str, description: str, *, default: bool = False) -> Option:
    """A yes-or-no option."""
    return Option(name=name, schema={"type": "boolean"}, description=description, default=default)


def whole(
    name: str, description: str, *, least: int, most: int, after: str | None = None
) -> Option:
    """A whole number between two bounds, both included."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Option(name=name, schema=schema, description=description, after=after)


def choice(
    name: str,
    description: str,
    *,
    values: tuple[str, ...],
    default: str | None,
    required: bool = False,
) -> Option:
    """One of a closed set of words."""
    return Option(
        name=name,
        schema={"type": "string", "enum": list(values)},
        description=description,
        default=default,
        required=required,
    )


def words(
    name: str,
    description: str,
    *,
    pattern: str = WORD_PATTERN,
    values: tuple[str, ...] = (),
    default: tuple[str, ...] | None = None,
    scope: str | None = None,
) -> Option:
    """A set of short words, of a closed set or of a pattern; at most 200, each once."""
    item: dict[str, object] = {"type": "string"}
    item |= {"enum": list(values)} if values else {"pattern": pattern}
    schema = {"type": "array", "items": item, "maxItems": 200, "uniqueItems": True}
    return Option(
        name=name,
        schema=schema,
        description=description,
        default=None if default is None else list(default),
        scope=scope,
    )


def instant(name: str, description: str, *, after: str | None = None) -> Option:
    """An instant in UTC, RFC 3339 with seconds and `Z`."""
    schema = {"type": "string", "pattern": INSTANT_PATTERN, "format": "date-time"}
    return Option(name=name, schema=schema, description=description, after=after)


def day(name: str, description: str, *, after: str | None = None) -> Option:
    """A calendar day, `YYYY-MM-DD`."""
    schema = {"type": "string", "pattern": DAY_PATTERN, "format": "date"}
    return Option(name=name, schema=schema, description=description, after=after)


# Read by `Facts.zone`, and refused by the kinds that take it where there is no such zone.
ZONE = Option(
    name="zone",
    schema={"type": "string", "pattern": ZONE_PATTERN, "maxLength": 60},
    description="Show local times in this zone (IANA name), not the campaign's.",
)
