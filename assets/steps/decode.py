"""The exact values of a file: what guards a spreadsheet is taken off again (DOMAIN.md 6.4).

A manifest names the form of its files, the type of each column and what the policy did to it, which
is all that decides a guard. So nothing is guessed from a text, and a text that only looks guarded
stays as it is. What a policy masked, hashed or withheld is not in a file, and comes back by no way.
"""

from collections.abc import Iterable, Iterator, Sequence

from assets.model.column import FormatKind
from assets.model.manifest import ColumnEntry
from assets.model.output import OutputFormat
from assets.model.policy import Transform
from assets.steps.encode.fields import Row, stored_fields
from assets.steps.encode.kinds import read_cells
from assets.steps.guards import Guard, guard, taken


def exact_rows(
    chunks: Iterable[bytes], output: OutputFormat, columns: Sequence[ColumnEntry]
) -> Iterator[Row]:
    """The names of the columns, then the texts of each row as a file for machines has them.

    `exact_rows` of a file for people gives the rows of the file for machines, whatever the dialect
    and the text guard. Telephone numbers without their plus stay so: that was asked for.

    Args:
        chunks: The stored bytes in order, cut anywhere.
        output: The form in which the file was written.
        columns: Its columns, from its manifest.

    Raises:
        Malformed: The bytes are none that this project can have written.
        ValueError: A type or a transform of a column is not known.
    """
    guards = [_guard(column, output) for column in columns]
    rows = read_cells(chunks, output, stored_fields(columns))
    yield next(rows)
    for cells in rows:
        yield taken(cells, guards)


def _guard(column: ColumnEntry, output: OutputFormat) -> Guard:
    return guard(
        FormatKind(column.type),
        Transform(column.transform),
        neutralises=output.neutralises,
        text_guard=output.text_guard,
    )
