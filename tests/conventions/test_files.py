"""What is committed: no leak, lock files with hashes only, versions above the known holes."""

import re
from importlib.metadata import requires, version

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conventions.leaks import in_file, leaks
from tests.conventions.repository import ROOT, committed, shown, sources

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bootstrap.lock")
# Known holes (RELIABILITY.md 8): the first version without them.
FLOORS = {
    "pymongo": "4.18.1",
    "pyjwt": "2.13",
    "pyathena": "3.35.4",
    "starlette": "1.3.1",
    "urllib3": "2.7",
    "requests": "2.32.4",
    "fastapi": "0.132",
}


def test_nothing_committed_leaks_a_secret_or_a_machine() -> None:
    """A key in the history is a key to be changed; a path of one machine breaks every other."""
    found = [line for file in committed() for line in in_file(file)]

    assert [] == found


@pytest.mark.parametrize(
    "planted",
    [
        "index = https://" + "pypi" + ".org/simple",
        "see /" + "tmp/notes.txt",
        'HOME = "/' + 'home/somebody/project"',
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "mongodb://admin:" + "hunter2@db.example/fanreg",
        "eyJhbGciOiJub25l" + ".eyJzdWIiOiJ4eHgifQ" + ".c2lnbmF0dXJl",
    ],
)
def test_a_planted_leak_is_found(planted: str) -> None:
    """A scan that finds nothing anywhere would be green for the wrong reason."""
    assert [1] == [number for number, _ in leaks(planted)]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_versions_and_hashes_only(name: str) -> None:
    """An address in a lock file works on one machine and tells the others where we fetch."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    package = re.compile(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==[A-Za-z0-9.!+]+( ; [^\\]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    odd = [
        line
        for line in lines
        if not package.fullmatch(line) and not digest.fullmatch(line) and not line.startswith("#")
    ]

    assert [] == odd
    assert any(package.fullmatch(line) for line in lines)


def test_every_locked_package_is_pinned_to_the_same_version_everywhere() -> None:
    """The tests would prove nothing about a deployment that runs other versions."""

    def pins(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9._-]+)\S*==(\S+)", text, re.MULTILINE))

    runtime, everything = pins("requirements.lock"), pins("requirements-dev.lock")

    assert runtime == {name: everything.get(name) for name in runtime}


@pytest.mark.parametrize(("package", "floor"), sorted(FLOORS.items()))
def test_an_installed_package_is_above_its_known_holes(package: str, floor: str) -> None:
    """RELIABILITY.md 8 names the hole behind each floor."""
    assert Version(version(package)) >= Version(floor)


@pytest.mark.parametrize(("package", "floor"), sorted(FLOORS.items()))
def test_a_declared_requirement_keeps_the_floor(package: str, floor: str) -> None:
    """Somebody who installs without our lock file must not get the version with the hole."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.findall(rf'^ *"({package}[^a-z][^"]*)"', text, re.MULTILINE)

    assert len(declared) == 1
    assert Requirement(declared[0]).specifier.contains(floor)
    assert not Requirement(declared[0]).specifier.contains("0.1")


def test_dagster_comes_as_one_set() -> None:
    """A newer dagster has no webserver yet; mixed versions fail at start, not at install."""
    names = ("dagster", "dagster-webserver", "dagster-graphql", "dagster-shared", "dagster-pipes")
    declared = {Requirement(text).name for text in requires("dagster-webserver") or []}

    assert "dagster" in declared
    assert {version("dagster")} == {version(name) for name in names}


def test_every_dependency_and_every_ignored_rule_has_its_reason() -> None:
    """A pin nobody can explain is a pin nobody dares to move."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    entry = re.compile(r'    "[^"]+"(, "[^"]+")*,( *#.*)?$')
    bare = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(lines, start=1)
        if entry.match(line)
        and "#" not in line
        and not lines[number - 2].lstrip().startswith("#")
        and _section(lines, number) in {"project", "project.optional-dependencies"}
    ]
    rules = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(lines, start=1)
        if re.match(r' +"[A-Z]+[0-9]+"', line) and "#" not in line
    ]

    assert [] == bare
    assert [] == rules


def _section(lines: list[str], number: int) -> str:
    headers = [line.strip("[] ") for line in lines[:number] if re.fullmatch(r"\[[\w.-]+\]", line)]
    return headers[-1] if headers else ""


def test_the_mongodb_stand_in_is_never_imported() -> None:
    """SecantusDB is GPL-2.0: a program beside ours, never a part of it."""
    found = [
        shown(file)
        for file in sources()
        if re.search(r"^\s*(from|import) secantus", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert [] == found
