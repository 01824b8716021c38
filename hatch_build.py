"""Compiles the native parts where there is a compiler; without one exports are slower.

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

SOURCES = (Path("assets/steps/native/_rows.c"), Path("resources/mongo/_places.c"))
# Of -O2 the rows are made a quarter slower.
FLAGS = ("-std=c11", "-O3", "-g0", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
SECONDS = 300  # two on an idle machine


def extension(source: Path) -> Path:
    """What a source is compiled to: the stable API of 3.11, one file for every later Python."""
    return source.with_suffix(".abi3.so")


def compiled(source: Path, target: Path, *more: str) -> bool:
    """Compile a source; False, with a word about it, where that is not possible."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    # `resources/native.py` refuses an extension of another source than the one beside it.
    headers = sorted(source.parent.glob(f"{source.stem}_*.h"))
    digest = hashlib.sha256(b"".join(one.read_bytes() for one in (source, *headers))).hexdigest()
    unfinished = target.with_suffix(f".{os.getpid()}")
    command = [
        *shlex.split(compiler),
        *FLAGS,
        *more,
        "-Wno-missing-field-initializers",
        f'-DSOURCE_DIGEST="{digest}"',
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


def all_compiled(root: Path) -> bool:
    """Compile every source, as far as possible; whether any could be."""
    done = [compiled(root / source, root / extension(source)) for source in SOURCES]
    return any(done)


class CustomBuildHook(BuildHookInterface):
    """What Hatchling runs before it packs a wheel or makes an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and say that the wheel is of this platform if that went well."""
        if all_compiled(Path(self.root)):
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


if __name__ == "__main__":
    all_compiled(Path(__file__).parent)
