"""The examples of the documentation, run as they are printed against the running platform."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conventions.repository import ROOT
from tests.e2e.platform import Platform

EXAMPLES = ROOT / "docs" / "examples"
CAMPAIGN = "aurora-lights-2026"
# Example to the program that runs it, and what it needs beside.
PROGRAMS = {
    "export.sh": ("sh", "curl", "jq"),
    "export.py": (sys.executable,),
    "export.mjs": ("node",),
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(params=PROGRAMS)
def example(request: pytest.FixtureRequest) -> str:
    """An example whose programs are on this machine."""
    name: str = request.param
    missing = [one for one in PROGRAMS[name] if shutil.which(one) is None]
    if missing:
        assert "CI" not in os.environ, missing
        pytest.skip(f"{name} needs {' and '.join(missing)}: apt-get install them")
    return name


@pytest.fixture
def run(platform: Platform, tmp_path: Path, example: str) -> Run:
    """Runs the example in an empty folder, as a reader would, with a token for everything usual."""

    def run(campaign: str, **variables: str) -> subprocess.CompletedProcess[str]:
        usual = {"BRIDGE": platform.base_url, "TOKEN": platform.token()}
        return subprocess.run(
            [
                PROGRAMS[example][0],
                str(EXAMPLES / example),
                "waitlist",
                json.dumps({"campaign_id": campaign}),
            ],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **usual, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_an_example_ends_with_the_file_on_disk(
    run: Run, platform: Platform, tmp_path: Path
) -> None:
    """What a reader pastes must work, from the request to bytes that are proved."""
    ended = run(CAMPAIGN)

    assert ended.returncode == 0, ended.stderr
    (name,) = ended.stdout.split()
    (file,) = platform.latest("waitlist")["result"]["files"]
    assert (tmp_path / name).read_bytes() == platform.body(file["key"])
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("campaign", "variables", "code"),
    [(CAMPAIGN, {"TOKEN": "expired"}, "unauthenticated"), ("nobody-knows-it", {}, "not-found")],
)
def test_an_example_shows_what_was_wrong_and_fails(
    run: Run, tmp_path: Path, campaign: str, variables: dict[str, str], code: str
) -> None:
    """A script goes on after a program that says that all is well; it must not."""
    ended = run(campaign, **variables)

    assert ended.returncode != 0
    assert code in ended.stdout + ended.stderr
    assert list(tmp_path.iterdir()) == []
