"""The suites themselves: no door without one, no suite that runs on the fake alone."""

import dataclasses
import enum
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import get_type_hints, is_typeddict

import pydantic

import resources
from tests import contracts

# Values, errors and shells are not doors; these are no doors either, and say why.
NO_DOORS = {
    "S3Object": "a frozen value that holds a client: reached through ObjectStore only",
    "PartBuffers": "the memory of an upload: reached through ObjectStore only",
    "Body": "a part on its way: reached through ObjectStore only",
    "Clock": "a protocol: what clocks have in common",
    "JsonHttp": "how the doors to partner services speak: each of them has a suite",
    "Batch": "documents as EntryStore gives them: its suite reads every one",
    "LeanBatches": "a cursor of PyMongo, cut otherwise: reached through EntryStore only",
    "ListNames": "which fields of a document are lists: `tests/resources/mongo` decodes with it",
    "GzipLines": "reads what a door hands it: reached through ScoringFiles only",
    "Span": "what tracing gives: tests of it have a real collector, and there is no fake of one",
}


def _classes(package: object) -> Iterator[type]:
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    for found in pkgutil.walk_packages(path, f"{name}."):
        module = importlib.import_module(found.name)
        members: list[tuple[str, type]] = inspect.getmembers(module, inspect.isclass)
        for _, one in members:
            if one.__module__ == module.__name__ and not one.__name__.startswith("_"):
                yield one


def _is_door(one: type) -> bool:
    if is_typeddict(one) or issubclass(one, Exception | enum.Enum | pydantic.BaseModel):
        return False
    reaches_out = not dataclasses.is_dataclass(one) or any(
        not dataclasses.is_dataclass(kind) and callable(kind) and "Callable" in str(kind)
        for kind in get_type_hints(one).values()
    )
    return reaches_out and one.__name__ not in NO_DOORS


def _verbs(one: type) -> list[str]:
    return [name for name in vars(one) if not name.startswith("_") and name != "close"]


def _suites() -> list[type]:
    return [one for one in _classes(contracts) if "doors" in vars(one)]


def test_every_door_has_a_suite() -> None:
    """A door without one has a fake that nobody compares with the real thing."""
    covered: set[type] = set()
    for suite in _suites():
        covered |= set(vars(suite)["doors"])
    doors: set[type] = {one for one in _classes(resources) if _is_door(one)}

    assert sorted(one.__name__ for one in doors - covered) == []
    assert len(doors) >= 12


def test_a_door_without_a_suite_would_be_found() -> None:
    """Negative control: a class as the doors are is taken for one, a value is not."""

    class NewDoor:
        """A door."""

    @dataclasses.dataclass(frozen=True)
    class NewValue:
        """A value."""

        number: int

    assert _is_door(NewDoor)
    assert not _is_door(NewValue)


def test_every_suite_runs_on_a_fake_and_on_a_real_process() -> None:
    """A promise that only the fake keeps is the worst kind of green."""
    for suite in _suites():
        subclasses: list[type] = suite.__subclasses__()
        runs = {one.__name__ for one in subclasses}

        assert "TestFake" in runs, suite
        assert runs & {"TestServer", "TestSystem"}, suite


def test_a_fake_answers_every_question_of_its_door() -> None:
    """An inherited method would look for a server that is not there."""
    lacking = [
        f"{fake.__name__}.{name}"
        for fake in _classes(importlib.import_module("tests.fakes"))
        for door in fake.__bases__
        if door.__module__.startswith("resources.")
        for name, method in vars(door).items()
        if inspect.isfunction(method) and not name.startswith("_")
        if name not in vars(fake) and not dataclasses.is_dataclass(fake)
    ]

    assert lacking == []


def test_no_door_has_more_than_seven_verbs() -> None:
    """A door that can do everything is a second application (``close`` is its owner's business)."""
    doors = [one for one in _classes(resources) if _is_door(one)]

    assert [one.__name__ for one in doors if len(_verbs(one)) > 7] == []
