"""A platform of its own for what takes minutes: started by a command, not by a fixture."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from export_platform.commands.seed import credentials, ensure
from export_platform.local.deployment import Deployment
from export_platform.local.seed.catalog import pack_named
from resources.clock import SystemClock


@contextmanager
def deployed(
    entries: int, variables: Mapping[str, str] | None = None, **more: Any
) -> Iterator[Deployment]:
    """A running deployment with the hand-written pack and a campaign of so many entries.

    Its credentials are in the environment as long; `variables` are more of its processes' own, and
    `more` is what else a `Deployment` may be told.
    """
    home = Path(tempfile.mkdtemp(prefix="deployed"))
    deployment = Deployment(home, SystemClock(), variables=variables, **more)
    try:
        with pytest.MonkeyPatch.context() as patch:
            given = deployment.stack.up()
            for name, value in credentials(given).items():
                patch.setenv(name, value)
            ensure(pack_named("tiny"), given)
            ensure(pack_named("small", entries=entries), given)
            deployment.up()
            yield deployment
    finally:
        deployment.down()
        shutil.rmtree(home, ignore_errors=True)
