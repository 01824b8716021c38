"""What is measured runs in a process of its own, and says on its last line what it took."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any


def told(name: str, command: Sequence[str], env: Mapping[str, str]) -> Any:
    """Run a program to its end; the JSON of its last line.

    Args:
        name: What it is called where it fails.
        command: The program and its words.
        env: Variables beside those of this process.

    Raises:
        RuntimeError: It failed; the text is the end of what it said.
    """
    ended = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{name} failed: {ended.stderr[-2_000:]}")
    return json.loads(ended.stdout.splitlines()[-1])
