"""From a query to what must be read: tables, the partitions it selects, the SQL for DuckDB.

The rules are Athena's for partition projection: an injected key needs a static equality that
reaches the table (in its own WHERE, through a join on the key, or from a query around it), or the
query fails.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from export_platform.local.athena import statement
from export_platform.local.athena.failures import FailedQueryError, position
from export_platform.local.athena.tables import DATABASES, Table, find

_INJECTED = "campaign_id"
_DAY = "dt"
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_TEXT = {"string"}
_NUMBERS = {"int", "bigint", "double"}
_REMEMBERED = 128  # queries; an export in another form asks the same ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One table in one place of the query.

    Attributes:
        view: The name that stands for it in the DuckDB query.
        table: The table.
        campaign_ids: Values of the injected key; None for a table without one.
        first: No partition before this day is needed.
        last: No partition after this day is needed.
    """

    view: str
    table: Table
    campaign_ids: frozenset[str] | None
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        sql: The query for DuckDB.
        scans: The views it needs.
    """

    sql: str
    scans: tuple[Scan, ...]


@functools.lru_cache(_REMEMBERED)
def plan(query: str, database: str) -> Plan:
    """Plans a bound query, in up to 0.2 s.

    Args:
        query: One SELECT in Athena's SQL.
        database: The database of unqualified names.

    Raises:
        FailedQueryError: A table does not exist, a type does not fit, or an injected key is not
            given.
    """
    tree = statement.tree(query)
    scans: list[Scan] = []
    for scope in list(traverse_scope(tree)):
        for alias, source in scope.sources.items():
            # An outer source is listed again in the scopes of correlated subqueries.
            if isinstance(source, exp.Table) and _is_own(source, scope):
                table = _table(source, database, query)
                _check_types(scope, alias, table)
                view = f"scan_{len(scans) + 1}"
                scans.append(_scan(scope, alias, table, view))
                _rename(source, alias, view)
    _name_columns(tree)
    return Plan(sql=_to_duckdb(tree), scans=tuple(scans))


def _is_own(node: exp.Table, scope: Scope) -> bool:
    return node.find_ancestor(exp.Query) is scope.expression


def _table(node: exp.Table, database: str, query: str) -> Table:
    schema = (node.db or database).lower()
    if schema not in DATABASES:
        raise FailedQueryError(
            f"SCHEMA_NOT_FOUND: {position(query, node.name)}: Schema '{schema}' does not exist"
        )
    table = find(schema, node.name)
    if table is None:
        raise FailedQueryError(
            f"TABLE_NOT_FOUND: {position(query, node.name)}: "
            f"Table 'awsdatacatalog.{schema}.{node.name.lower()}' does not exist"
        )
    return table


def _scan(scope: Scope, alias: str, table: Table, view: str) -> Scan:
    campaign_ids = None
    if table.is_injected:
        campaign_ids = _values(scope, alias, set())
        if not campaign_ids:
            raise FailedQueryError(
                f"CONSTRAINT_VIOLATION: For the injected projected partition column {_INJECTED},"
                " the WHERE clause must contain only static equality conditions, and at least one"
                " such condition must be present."
            )
    first, last = _days(scope, alias)
    return Scan(view=view, table=table, campaign_ids=campaign_ids, first=first, last=last)


def _rename(node: exp.Table, alias: str, view: str) -> None:
    renamed = exp.to_table(view)
    old = node.args.get("alias")
    renamed.set("alias", old.copy() if old else exp.TableAlias(this=exp.to_identifier(alias)))
    node.replace(renamed)


def _conditions(scope: Scope) -> Iterator[exp.Expr]:
    """All that must hold for a row of this SELECT: WHERE and ON, taken apart at AND."""
    if not isinstance(scope.expression, exp.Select):
        return
    roots = [scope.expression.args.get("where")]
    roots += [join.args.get("on") for join in scope.expression.args.get("joins") or []]
    for root in roots:
        if root is None:
            continue
        condition = root.this if isinstance(root, exp.Where) else root
        parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
        yield from (part.unnest() for part in parts)


def _is_column(node: object, alias: str, name: str) -> bool:
    return (
        isinstance(node, exp.Column)
        and node.name.lower() == name
        and node.table.lower() in {"", alias.lower()}
    )


def _values(scope: Scope, alias: str, seen: set[tuple[int, str]]) -> frozenset[str] | None:
    """The values that equality allows for the injected key of one source; None when any is."""
    if (id(scope), alias) in seen:
        return None
    seen.add((id(scope), alias))
    for condition in _conditions(scope):
        if found := _equal_values(condition, alias):
            return found
    for other in _joined_on_key(scope, alias):
        if found := _values(scope, other, seen):
            return found
    return _values_from_outside(scope, seen)


def _equal_values(condition: exp.Expr, alias: str) -> frozenset[str] | None:
    if isinstance(condition, exp.EQ):
        for column, value in ((condition.left, condition.right), (condition.right, condition.left)):
            if _is_column(column, alias, _INJECTED) and value.is_string:
                return frozenset([value.name])
    if isinstance(condition, exp.In) and _is_column(condition.this, alias, _INJECTED):
        values = condition.expressions
        if values and all(value.is_string for value in values):
            return frozenset(value.name for value in values)
    return None


def _joined_on_key(scope: Scope, alias: str) -> Iterator[str]:
    for condition in _conditions(scope):
        if isinstance(condition, exp.EQ):
            names = [
                side.table
                for side in (condition.left, condition.right)
                if isinstance(side, exp.Column) and side.name.lower() == _INJECTED
            ]
            if len(names) == len({"left", "right"}) and alias in names:
                yield from (name for name in names if name and name != alias)
    for join in scope.expression.args.get("joins") or []:
        if any(name.name.lower() == _INJECTED for name in join.args.get("using") or []):
            yield from (name for name in scope.sources if name != alias)


def _values_from_outside(scope: Scope, seen: set[tuple[int, str]]) -> frozenset[str] | None:
    """What the query around this one demands of its key, if it hands the key through."""
    parent = scope.parent
    if parent is None or not _hands_key_through(scope):
        return None
    if isinstance(parent.expression, exp.SetOperation):
        return _values_from_outside(parent, seen)
    for alias, source in parent.sources.items():
        if source is scope:
            return _values(parent, alias, seen)
    return None


def _hands_key_through(scope: Scope) -> bool:
    if not isinstance(scope.expression, exp.Select):
        return True
    return any(
        node.is_star or (isinstance(node, exp.Column) and node.name.lower() == _INJECTED)
        for node in scope.expression.selects
    )


def _days(scope: Scope, alias: str) -> tuple[date, date]:
    first, last = date.min, date.max
    for condition in _conditions(scope):
        if isinstance(condition, exp.Between) and _is_column(condition.this, alias, _DAY):
            bounds = [(exp.GTE, condition.args["low"]), (exp.LTE, condition.args["high"])]
        elif isinstance(condition, _COMPARISONS) and _is_column(condition.left, alias, _DAY):
            bounds = [(type(condition), condition.right)]
        else:
            continue
        for kind, value in bounds:
            day = _day(value)
            if day is not None and kind in {exp.EQ, exp.GT, exp.GTE}:
                first = max(first, day)
            if day is not None and kind in {exp.EQ, exp.LT, exp.LTE}:
                last = min(last, day)
    return first, last


def _day(value: exp.Expr) -> date | None:
    inner = value.this if isinstance(value, exp.Cast | exp.Date | exp.TsOrDsToDate) else None
    if inner is None or not inner.is_string:
        return None
    try:
        return date.fromisoformat(inner.name)
    except ValueError:
        return None


def _check_types(scope: Scope, alias: str, table: Table) -> None:
    """Refuses to compare a column with a literal of another kind, which DuckDB would convert."""
    types = {column.name: column.type for column in (*table.columns, *table.partition_keys)}
    for condition in _conditions(scope):
        for comparison in condition.find_all(*_COMPARISONS, exp.Between, exp.In):
            kind = _type_of(comparison.this, scope, alias, types)
            for value in _others(comparison) if kind else ():
                if isinstance(value, exp.Literal) and kind and not _fits(kind, value):
                    raise FailedQueryError(_mismatch(kind, value))


def _type_of(node: object, scope: Scope, alias: str, types: dict[str, str]) -> str | None:
    """The declared type, if the node is surely a column of this table."""
    if not isinstance(node, exp.Column) or not _is_column(node, alias, node.name.lower()):
        return None
    if not node.table and len(scope.sources) > 1:
        return None
    return types.get(node.name.lower())


def _others(comparison: exp.Expr) -> list[exp.Expr]:
    if isinstance(comparison, exp.Between):
        return [comparison.args["low"], comparison.args["high"]]
    if isinstance(comparison, exp.In):
        return list(comparison.expressions)
    return [comparison.expression]


def _fits(kind: str, value: exp.Literal) -> bool:
    if value.is_string:
        return kind in _TEXT
    return kind in _NUMBERS or kind.startswith("decimal")


def _mismatch(kind: str, value: exp.Literal) -> str:
    left = {"string": "varchar", "int": "integer"}.get(kind, kind)
    right = f"varchar({len(value.name)})" if value.is_string else "integer"
    return f"TYPE_MISMATCH: line 1:1: Cannot apply operator: {left} = {right}"


def _name_columns(tree: exp.Query) -> None:
    """Names columns without a name as Athena does: `_col0`, `_col1` and so on."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return
    for index, node in enumerate(list(select.selects)):
        if not (isinstance(node, exp.Alias | exp.Column) or node.is_star):
            node.replace(exp.alias_(node.copy(), f"_col{index}"))


def _to_duckdb(tree: exp.Query) -> str:
    return tree.transform(_adapt).sql(dialect="duckdb")


def _adapt(node: exp.Expr) -> exp.Expr:
    """Where the two engines mean different things by the same words."""
    if isinstance(node, exp.Anonymous) and node.name.lower() in {"infinity", "nan"}:
        return exp.cast(exp.Literal.string(node.name), exp.DataType.Type.DOUBLE)
    if isinstance(node, exp.AtTimeZone):
        # Athena keeps the instant and shows the zone's wall clock; DuckDB has only the latter.
        instant = exp.cast(node.this, exp.DataType.Type.TIMESTAMPTZ)
        return exp.Anonymous(this="timezone", expressions=[node.args["zone"], instant])
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.DECIMAL):
        if not node.to.expressions:
            node.set("to", exp.DataType.build(_decimal(node.this), dialect="duckdb"))
    elif isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.TIMESTAMP):
        node.set("to", exp.DataType.build("TIMESTAMP", dialect="duckdb"))
    return node


def _decimal(value: exp.Expr) -> str:
    """`DECIMAL '1.50'` has the digits of its text; a cast to a bare `decimal` has 38 and none."""
    if not value.is_string:
        return "DECIMAL(38, 0)"
    whole, _, fraction = value.name.strip().lstrip("+-").partition(".")
    return f"DECIMAL({max(len(whole) + len(fraction), 1)}, {len(fraction)})"
