"""Large blocks go back to the system, seen from outside: by the memory of a process of its own."""

import subprocess
import sys

PROGRAM = """
import ctypes, sys
from pathlib import Path
from resources.memory import return_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
if sys.argv[1:]:
    return_large_blocks()
before = resident()
libc.free(libc.malloc(32 * 2**20 - 2**13))  # without the option the bound is that from now on
blocks = [libc.malloc(8 * 2**20) for _ in range(4)]
for block in blocks:
    ctypes.memset(block, 1, 8 * 2**20)
for block in blocks[:3]:  # the last one is above them, so they cannot be cut off a heap
    libc.free(block)
print(resident() - before)
"""


def kept(*arguments: str) -> int:
    """MB that a process keeps of what it has freed, with 8 MB that it has not."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_freed_part_of_an_upload_is_given_back() -> None:
    """And without the option it is kept, or the test would see nothing."""
    assert kept("with") < 12
    assert kept() > 28
