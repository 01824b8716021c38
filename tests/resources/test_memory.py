"""What stays of large blocks, seen from outside: by the memory of a process of its own."""

import subprocess
import sys

PROGRAM = """
import ctypes, random, sys
from collections import deque
from pathlib import Path
from resources.memory import bound_large_blocks

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 // 2**20

libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def block(size):
    made = libc.malloc(size)
    ctypes.memset(made, 1, size)
    return made

if sys.argv[2:]:
    bound_large_blocks()
else:  # as glibc does by itself, once it has seen a large one freed
    libc.free(libc.malloc(32 * 2**20 - 2**13))
before = resident()
if sys.argv[1] == "freed":
    blocks = [block(8 * 2**20) for _ in range(8)]
    for one in blocks[:7]:  # the last one is above them, so they cannot be cut off a heap
        libc.free(one)
else:  # an export: five batches, each of another size, and what was made of eight before them
    chance = random.Random(1)
    batches, records = deque(), deque()
    for _ in range(int(sys.argv[1])):
        batches.append(block(2_745_000 + chance.randrange(4_000)))
        if len(batches) == 5:
            libc.free(batches.popleft())
            records.append(block(502_000 + chance.randrange(1_000)))
        if len(records) > chance.randrange(2, 9):
            libc.free(records.popleft())
print(resident() - before)
"""


def kept(*arguments: str) -> int:
    """MB that a process has more than before, of blocks that it has taken and freed."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_freed_blocks_beyond_the_room_are_given_back() -> None:
    """Seven of 8 MB are freed and one is not; without the bound all stay, or nothing would be seen.

    Two fit into the room.
    """
    assert kept("freed", "with") < 8 + 16 + 4
    assert kept("freed") > 56


def test_memory_does_not_know_how_many_batches_there_were() -> None:
    """Fifty times as many hold no more; a heap that is not bounded grows by two batches meanwhile.

    That was what set an export of millions apart from one of a hundred thousand.
    """
    assert kept("2500", "with") - kept("50", "with") <= 2
    assert kept("2500") - kept("50") >= 4
