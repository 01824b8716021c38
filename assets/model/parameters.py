"""The parameters of a request: their JSON Schema, and the one parser of what callers send.

The HTTP bridge and a materialisation from the Dagster UI go through the same function. An
error names the place and the remedy and never repeats what was sent: it may be personal.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from assets.model.column import Column, Pii
from assets.model.export_type import FIRST_DAY, ExportType, Scope
from assets.model.option import SLUG_PATTERN, Option, choice, day, flag, whole, words
from assets.model.output import (
    Compression,
    Dialect,
    Kind,
    OutputFormat,
    PhoneStyle,
    TextGuard,
    compressions,
)
from assets.model.policy import PiiMode, Policy, denied, grants
from assets.model.request import ExportRequest

_SCOPE_OPTIONS: Mapping[Scope, Option] = {
    Scope.CAMPAIGN: Option(
        name="campaign_id",
        schema={"type": "string", "pattern": SLUG_PATTERN},
        description="The campaign's key: 3 to 80 lower-case letters, digits and hyphens.",
    ),
    Scope.DAY: day("day", f"The day in UTC, as YYYY-MM-DD: from {FIRST_DAY} to today."),
    Scope.PRIVACY_CASE: Option(
        name="case_id",
        schema={"type": "string", "pattern": SLUG_PATTERN},
        description="The privacy case's id.",
    ),
}
_REASON = Option(
    name="reason",
    schema={"type": "string", "minLength": 3, "maxLength": 200},
    description="Why the data is needed; required with pii=full, kept in the audit trail.",
)
_DELIVER = "deliver"
# More kinds than there are; only tests make others.
MOST_TYPES = 64
_FORM: tuple[Option, ...] = (
    choice("format", "Kind of file.", values=tuple(Kind), default=Kind.CSV),
    choice(
        "dialect",
        "How CSV is written; excel and excel-eu guard against formulas.",
        values=tuple(Dialect),
        default=Dialect.EXCEL,
    ),
    choice("compression", "Compression.", values=tuple(Compression), default=Compression.GZIP),
    choice("pii", "How much personal data.", values=tuple(PiiMode), default=PiiMode.MASKED),
    _REASON,
    whole("rows_per_file", "Rows before a new file begins.", least=1_000, most=1_000_000),
    whole(
        "max_file_bytes",
        "Uncompressed bytes before a new file begins.",
        least=1_000_000,
        most=10_000_000_000,
    ),
    choice(
        "text_guard",
        "For excel and excel-eu: what keeps a spreadsheet from taking text for a number.",
        values=tuple(TextGuard),
        default=TextGuard.NONE,
    ),
    choice(
        "phone_style",
        "Telephone numbers with their plus, or digits only.",
        values=tuple(PhoneStyle),
        default=PhoneStyle.PLUS,
    ),
    whole("max_rejects", "Rejected rows that are still a success.", least=0, most=100_000),
    flag("allow_partial", "More rejected rows than that are a success too, which says `partial`."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one place of a request: an RFC 6901 pointer and the remedy."""

    pointer: str
    detail: str


class InvalidRequest(Exception):
    """The parameters do not fit the type's schema; `problems` says where and what to change."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problem(s)")
        self.problems = tuple(problems)


class Forbidden(Exception):
    """The scopes do not allow a column or a filter; `columns` maps each to the scope it needs."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        super().__init__(f"{len(columns)} column(s) denied")
        self.columns = dict(columns)


def scope_parameter(scope: Scope) -> str:
    """The parameter that names what an export is about; its value is the partition key."""
    return _SCOPE_OPTIONS[scope].name


def schema(export_type: ExportType) -> dict[str, Any]:
    """The JSON Schema (2020-12) of `params` for one kind of export."""
    scope = _SCOPE_OPTIONS[export_type.scope]
    options = (scope, *export_type.options, _columns(export_type), *_form(export_type))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": export_type.versioned,
        "description": export_type.summary,
        "type": "object",
        "properties": {option.name: option.as_schema() for option in options},
        "required": [scope.name, *(o.name for o in export_type.options if o.required)],
        "additionalProperties": False,
    }


def _columns(export_type: ExportType) -> Option:
    """The choice of columns: those that every campaign has, and the form of the others' names."""
    names = [*(column.name for column in export_type.static_columns), *export_type.other_columns]
    return Option(
        name="columns",
        schema={
            "type": "array",
            "items": {"type": "string", "pattern": f"^({'|'.join(names)})$"},
            "minItems": 1,
            "maxItems": 400,
            "uniqueItems": True,
        },
        description="Only these columns, in the order of the catalogue.",
    )


def _form(export_type: ExportType) -> Iterator[Option]:
    """The options of every export, with the defaults of this one."""
    fixed = export_type.fixed({option.name: option.default for option in export_type.options})
    for option in _FORM:
        yield replace(option, default=fixed.get(option.name, option.default))
    if export_type.deliveries:
        yield _deliveries(export_type)


def _deliveries(export_type: ExportType) -> Option:
    """The choice of deliveries; a default that depends on other options is not one to be shown."""
    named = tuple(str(delivery.destination) for delivery in export_type.deliveries)
    said = "Where the files go beside the exports bucket; an empty list for nowhere."
    if any(callable(delivery.by_default) for delivery in export_type.deliveries):
        return words(_DELIVER, f"{said} By default it follows from the options.", values=named)
    return words(_DELIVER, said, values=named, default=tuple(map(str, export_type.usual({}))))


def _deliver(
    export_type: ExportType, options: Mapping[str, Any], params: Mapping[str, Any]
) -> tuple[str, ...]:
    return tuple(sorted(params.get(_DELIVER, map(str, export_type.usual(options)))))


def _output(given: Mapping[str, Any], params: Mapping[str, Any], pointer: str) -> OutputFormat:
    """The form of the files; a compression that the kind cannot have is an error if it was said."""
    kind, compression = Kind(given["format"]), Compression(given["compression"])
    allowed = compressions(kind)
    if compression not in allowed and "compression" in params:
        detail = f"must be {' or '.join(allowed)} for {kind}, which is compressed inside"
        raise InvalidRequest([Problem(pointer=f"{pointer}/compression", detail=detail)])
    return OutputFormat(
        kind=kind,
        dialect=Dialect(given["dialect"]),
        compression=compression if compression in allowed else allowed[0],
        rows_per_file=_canonical(given["rows_per_file"]) or 1_000_000,
        bytes_per_file=_canonical(given["max_file_bytes"]),
        text_guard=TextGuard(given["text_guard"]),
        phone_style=PhoneStyle(given["phone_style"]),
    )


def _fixed(
    export_type: ExportType, options: Mapping[str, Any], params: Mapping[str, Any], pointer: str
) -> Mapping[str, str]:
    """The members that this kind insists on; saying another value is an error, not overruled."""
    fixed = export_type.fixed(options)
    problems = [
        Problem(pointer=f"{pointer}/{name}", detail=f"must be {value} for this export")
        for name, value in sorted(fixed.items())
        if params.get(name, value) != value
    ]
    if problems:
        raise InvalidRequest(problems)
    return fixed


def parse(
    export_type: ExportType,
    params: Mapping[str, Any],
    *,
    scopes: Iterable[str],
    pointer: str = "",
    lenient: bool = False,
) -> ExportRequest:
    """Turn what a caller sent into the canonical request.

    Args:
        export_type: The kind of export asked for.
        params: The `params` object as parsed from JSON.
        scopes: The caller's scopes; only those that bear on columns are kept.
        pointer: Where `params` stands in the request body, for error pointers.
        lenient: Withhold the columns that the scopes do not allow, rather than refuse (RFC 7240,
            `handling=lenient`); a filter that they do not allow is refused all the same.

    Raises:
        InvalidRequest: The parameters do not fit the schema.
        Forbidden: The scopes do not allow a column that the mode shows, or a filter.
    """
    _check(export_type, params, pointer)
    _check_ranges(export_type, params, pointer)
    given = {option.name: params.get(option.name, option.default) for option in _FORM}
    options = {o.name: _canonical(params.get(o.name, o.default)) for o in export_type.options}
    given |= _fixed(export_type, options, params, pointer)
    policy = Policy(mode=PiiMode(given["pii"]), grants=grants(scopes))
    chosen = params.get("columns") or [column.name for column in export_type.static_columns]
    shown = [column for column in export_type.static_columns if column.name in chosen]
    used = [o for o in export_type.options if params.get(o.name) not in (None, False)]
    _allow([] if lenient else shown, used, policy)
    _explain(shown, policy, given["reason"], pointer)
    partition = params[scope_parameter(export_type.scope)]
    return ExportRequest(
        type=export_type.name,
        version=export_type.version,
        partition=partition,
        campaign=partition if export_type.scope is Scope.CAMPAIGN else None,
        options=options,
        columns=tuple(sorted(params.get("columns", ()))),
        output=_output(given, params, pointer),
        deliver=_deliver(export_type, options, params),
        policy=policy,
        reason=given["reason"],
        max_rejects=_canonical(given["max_rejects"]),
        allow_partial=given["allow_partial"],
    )


def _check(export_type: ExportType, params: object, pointer: str) -> None:
    problems = [
        Problem(pointer=pointer + _pointer(error.absolute_path), detail=_remedy(error))
        for error in _judge(export_type).iter_errors(params)
    ]
    if problems:
        raise InvalidRequest(sorted(problems, key=lambda problem: problem.pointer))


def _check_ranges(export_type: ExportType, params: Mapping[str, Any], pointer: str) -> None:
    """A range that ends before it begins would be a file without rows that looks like an answer."""
    problems = [
        Problem(pointer=f"{pointer}/{option.name}", detail=f"must not be before {option.after}")
        for option in export_type.options
        if option.after is not None
        and {option.after, option.name} <= params.keys()
        and params[option.name] < params[option.after]
    ]
    if problems:
        raise InvalidRequest(problems)


@lru_cache(maxsize=MOST_TYPES)
def _judge(export_type: ExportType) -> Any:
    """Knows whether parameters fit; to make its schema anew took half of what a request took."""
    return _strict()(schema(export_type))


@cache
def _strict() -> Callable[[Mapping[str, Any]], Any]:
    """Makes validators of JSON Schema 2020-12 that read patterns and dates as strictly as we do.

    Made once: `extend` builds a class, two thirds of what a request took to be judged.
    """
    # Imported here: a run worker reads canonical requests only and starts faster without it.
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415
    from jsonschema.validators import extend  # noqa: PLC0415

    formats = FormatChecker(formats=())
    formats.checks("date", raises=ValueError)(_reads(date.fromisoformat))
    formats.checks("date-time", raises=ValueError)(_reads(datetime.fromisoformat))
    extended: Any = extend  # its stubs leave it untyped
    strict = extended(Draft202012Validator, {"pattern": _whole_pattern})
    return lambda rules: strict(rules, format_checker=formats)


def _reads(parsed: Callable[[str], object]) -> Callable[[object], bool]:
    """A format check: other types than text are the business of `type`."""
    return lambda value: not isinstance(value, str) or parsed(value) is not None


def _whole_pattern(_: Any, pattern: str, value: object, __: object) -> Iterator[Any]:
    """Like `pattern`, but a `$` is the end of the text and never a line feed before it.

    Every pattern here is anchored, but Python's `$` also fits before a last line feed, and a
    campaign's key becomes part of an S3 key.
    """
    from jsonschema import ValidationError  # noqa: PLC0415

    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError("does not fit the pattern")


def _pointer(path: Iterable[object]) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _remedy(error: Any) -> str:
    """Say what to write instead, from the schema alone: the value itself is not repeated."""
    keyword, wanted = error.validator, error.validator_value
    match keyword:
        case "type":
            return f"must be of type {wanted}"
        case "enum":
            return f"must be one of: {', '.join(map(str, wanted))}"
        case "additionalProperties":
            allowed = ", ".join(sorted(error.schema["properties"]))
            return f"has a member that is not known; allowed are: {allowed}"
        case "required":
            missing = [name for name in wanted if name not in error.instance]
            return f"lacks the member {missing[0]}" if missing else "lacks a member"
        case "uniqueItems":
            return "must not name anything twice"
        case _:
            return f"must satisfy {keyword} {wanted}"


def _allow(columns: Sequence[Column], options: Sequence[Option], policy: Policy) -> None:
    refused = denied(columns, policy)
    refused |= {o.name: o.scope for o in options if o.scope and o.scope not in policy.grants}
    if refused:
        raise Forbidden(refused)


def _explain(columns: Sequence[Column], policy: Policy, reason: str | None, pointer: str) -> None:
    personal = any(column.pii in (Pii.DIRECT, Pii.SECRET) for column in columns)
    if policy.mode is PiiMode.FULL and personal and not reason:
        detail = "is required with pii=full: say why the personal data is needed"
        raise InvalidRequest([Problem(pointer=f"{pointer}/reason", detail=detail)])


def _canonical(value: Any) -> Any:
    """One spelling of each value, so that equal requests share one fingerprint.

    Sets are sorted, and a whole number is an `int`: to JSON Schema 5.0 is an integer as well.
    """
    if isinstance(value, list):
        return sorted(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
