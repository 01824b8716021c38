"""The commands of the documents' blocks, pasted one after another into a shell on this platform."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.commands import documented
from tests.docs.pasted import runnable
from tests.e2e.platform import PATIENCE_SECONDS, Platform

Paste = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def paste(platform: Platform, tmp_path: Path) -> Paste:
    """Runs a line in a folder that looks like the repository after `make up`."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / ".local").symlink_to(platform.home)
    # curl calls an answer of 401 a success; here it is none.
    (tmp_path / ".curlrc").write_text("fail-with-body\n", encoding="utf-8")
    variables = {"BRIDGE": platform.base_url, "CURL_HOME": str(tmp_path)}

    def paste(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **platform.env, **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return paste


def test_what_the_documents_say_can_be_pasted_and_works(paste: Paste, tmp_path: Path) -> None:
    """Each needs what the one before it has left, as for the reader: an id, a folder of files."""
    if shutil.which("curl") is None:
        missing = "the README pastes curl: apt-get install it"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    pasted = [one.text for one in documented() if one.pasted]
    lines = [line for line in dict.fromkeys(pasted) if runnable(line)]

    said = {line: paste(line) for line in lines}

    assert {line: one.stderr for line, one in said.items() if one.returncode} == {}
    assert len(said) >= 6
    assert list((tmp_path / ".local" / "exact").glob("*.csv*"))


@pytest.mark.parametrize(
    "line",
    [
        ".venv/bin/export-platform request waitlist nobody-knows-it --wait",
        ".venv/bin/export-platform verify .local/downloads/nothing",
        'curl -s -H "Authorization: Bearer wrong" "$BRIDGE/v1/exports"',
    ],
)
def test_a_line_that_does_not_work_is_seen(paste: Paste, line: str) -> None:
    """The control: a shell that ends well whatever was pasted would prove nothing."""
    assert paste(line).returncode
