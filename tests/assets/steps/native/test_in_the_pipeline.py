"""The whole flow writes one file with the extension and without, and says which way it went."""

import logging
import sys

import pytest

from assets.steps.native.kernel import NOT_INSTALLED
from tests.assets.steps.native.both import Both
from tests.assets.workbench import workbench

EXTENSION = "assets.steps.native._rows"


def exported(caplog: pytest.LogCaptureFixture) -> tuple[bytes, object, str]:
    """The stored bytes of an export of the pack, its accounting, and what was logged of it."""
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="assets.pipeline"):
        bench = workbench()
        done = bench.run("entries")
    (file,) = done.manifest.files
    return bench.body(file.key), done.manifest.accounting, caplog.text


def test_an_install_without_a_compiler_writes_the_same_file(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot compile waits longer, and gets nothing else."""
    Both()  # skips where there is no extension to compare with
    with_it = exported(caplog)
    monkeypatch.setitem(sys.modules, EXTENSION, None)
    without = exported(caplog)

    assert with_it[:2] == without[:2]
    assert with_it[2] == ""
    assert NOT_INSTALLED in without[2]
    assert len(with_it[0]) > 1_000


def test_an_extension_of_another_source_is_not_used(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a pull nobody has compiled yet: what is stale must neither run nor fail an export."""
    Both()
    monkeypatch.setattr(sys.modules[EXTENSION], "SOURCE", "0" * 64)

    assert NOT_INSTALLED in exported(caplog)[2]
