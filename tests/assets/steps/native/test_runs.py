"""Runs of rows are merged, cut and written as the same rows would be one by one."""

import random
from array import array
from collections.abc import Iterator

from assets.steps.encode.run import KEY, Run, count_rows, encoded, single
from assets.steps.read import merged_runs

Strand = Iterator[tuple[bytes, object]]


def key(number: int) -> bytes:
    """A key that sorts as the number does."""
    return number.to_bytes(KEY, "big")


def run(numbers: list[int]) -> Run:
    """Rows whose records are their numbers, of different lengths."""
    records = [b"%d;" % number for number in numbers]
    ends = [sum(map(len, records[: place + 1])) for place in range(len(records))]
    keys = b"".join(map(key, numbers))
    return Run(b"".join(records), keys, array("I", ends), 0, len(numbers))


def strand(numbers: list[int], draw: random.Random) -> Strand:
    """The same rows as runs of any length, here and there one that is none."""
    while numbers:
        many = draw.randrange(1, 9)
        taken, numbers = numbers[:many], numbers[many:]
        if draw.random() < 0.3:
            yield from ((key(one), b"%d;" % one) for one in taken)
        else:
            yield key(taken[0]), run(taken)


def test_runs_of_several_strands_come_out_in_the_order_of_their_rows() -> None:
    """Old instants are text in another strand: a run that passed whole would be out of order."""
    draw, cut = random.Random(6), 0  # noqa: S311 - the same rows each time
    for _ in range(200):
        parts: list[list[int]] = [[] for _ in range(draw.randrange(1, 6))]
        for number in range(120):
            draw.choice(parts).append(number)
        if draw.random() < 0.5:  # mostly one strand, as in a campaign
            parts = [sorted(sum(parts[1:], parts[0][3:])), parts[0][:3]]
        rows = list(merged_runs([strand(part, draw) for part in parts]))
        cut += any(isinstance(row, Run) and row.start for row in rows)
        assert encoded(rows, b"".join) == b"".join(b"%d;" % number for number in range(120))
        assert count_rows(rows) == 120
    assert cut > 20


def test_rows_with_one_key_come_in_the_order_of_their_strands() -> None:
    """As the merge of rows one by one has it, so that both paths write one file."""
    first, second = run([1, 1, 2]), run([1, 2])
    rows = list(merged_runs([iter([(key(1), first)]), iter([(key(1), second)])]))

    assert [(row.records is first.records, len(row)) for row in rows] == [
        (True, 2),
        (False, 1),
        (True, 1),
        (False, 1),
    ]


def test_a_run_falls_apart_into_its_rows() -> None:
    """A file that is full in the middle of a run takes only the rows that fit."""
    whole = run([7, 70, 700])
    rows = single([b"6;", whole.part(1, 3)])

    assert encoded(rows, b"".join) == b"6;70;700;"
    assert [count_rows([row]) for row in rows] == [1, 1, 1]
