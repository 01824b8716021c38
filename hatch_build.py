"""Compiles `assets/steps/native/_rows.c` where there is a compiler; without one exports are slower.

Hatchling runs it at an install, `make setup` after a change of the source. As a program it needs
nothing but Python:

    python hatch_build.py
"""

import hashlib
import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # as a program it does without
    BuildHookInterface = object  # type: ignore[assignment, misc]

SOURCE = Path("assets/steps/native/_rows.c")
# The stable API of 3.11 (`Py_LIMITED_API` in the source): one file for every later Python.
EXTENSION = SOURCE.with_name("_rows.abi3.so")
FLAGS = ("-std=c11", "-O2", "-g0", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
SECONDS = 300  # two on an idle machine


def compiled(root: Path, target: Path, *more: str) -> bool:
    """Compile the source; False, with a word about it, where that is not possible."""
    source = root / SOURCE
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    # `kernel.py` refuses an extension of another source than the one beside it.
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [
        *shlex.split(compiler),
        *FLAGS,
        *more,
        "-Wno-missing-field-initializers",
        f'-DROWS_SOURCE="{digest}"',
        f"-I{sysconfig.get_paths()['include']}",
        str(source),
        "-o",
        str(unfinished),
    ]
    try:
        subprocess.run(command, check=True, timeout=SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        unfinished.unlink(missing_ok=True)
        print(f"Exports will be made in Python alone, which is slower: {error}", file=sys.stderr)
        return False
    unfinished.replace(target)
    return True


class CustomBuildHook(BuildHookInterface):
    """What Hatchling runs before it packs a wheel or makes an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and say that the wheel is of this platform if that went well."""
        root = Path(self.root)
        if compiled(root, root / EXTENSION):
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


if __name__ == "__main__":
    HERE = Path(__file__).parent
    compiled(HERE, HERE / EXTENSION)
