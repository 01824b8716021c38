"""What a person can type next: commands and paths as they work in the shell that asked."""

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "export-platform"
_CHECKOUT = Path(__file__).resolve().parents[2]


def program() -> str:
    """This program as it can be typed here: its name if that is found, or else its path."""
    script = _script()
    if script is None:
        return _NAME
    found = shutil.which(_NAME)
    if found is not None and Path(found).samefile(script):
        return _NAME
    path = typed(script)
    return path if "/" in path else f"./{path}"  # a bare word is looked up on the PATH only


def starter() -> str:
    """What starts the platform and leaves it running; the checkout has a shorter word for it."""
    return "make up" if Path.cwd() == _CHECKOUT else f"{program()} up"


def typed(path: Path) -> str:
    """A path as a shell takes it: from the current folder where it is inside, and quoted."""
    return shlex.quote(shown(path))


def shown(path: Path) -> str:
    """A path for the eye: from the current folder where it is inside."""
    here = Path.cwd()
    # Not resolved: the python of a virtualenv is a link out of it.
    whole = here / path
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def _script() -> Path | None:
    """The file that was started, or the one beside the interpreter."""
    started = Path(sys.argv[0])
    beside = Path(sys.executable).with_name(_NAME)
    fitting = (each for each in (started, beside) if each.name == _NAME and each.is_file())
    return next(fitting, None)
