"""How the C library takes memory, and gives it back."""

import ctypes
from typing import Final

_MIB: Final = 1024 * 1024
# mallopt(3): blocks of this size and more for which the heap has no room are the system's, and go
# back to it when they are freed. A batch of documents has 2 to 3 MB.
_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 2 * _MIB
_LARGEST: Final = 32 * _MIB  # as far as glibc lets the bound be set
# So much of the heap is for them. It is not touched before it is used, and stays.
_ROOM: Final = 20 * _MIB
# What is free at the end of the heap beyond that goes back. It would be 128 KiB from now on, as
# glibc adapts neither bound once one is set.
_TRIM_THRESHOLD: Final = -1
# All threads allocate from one heap: what one of them has freed is there for every other.
_ARENAS: Final = -8


def bound_large_blocks() -> None:
    """Give the heap room for a few large blocks, and let no more of them stay when freed.

    To be called when all is there that stays. Batches are not the system's, as each would cost its
    pages anew: 160,000 page faults a million rows, 0.3 of 1.9 CPU seconds. But a heap that grows
    for them never ends to: no two have one size, records of half a megabyte stand between them, and
    the longer an export is the more holes are too small for the next one. It grew by 20 MB in
    100,000 rows, by 30 in a million and by 40 in five. Of those that find no place in the room any
    more each is the system's. A million rows into S3 have 45,000 page faults without a bound; with
    a room of 16 MiB they have 60,000 to 160,000, with 20 it is 30,000 to 70,000, with 24 the same
    as with 28: 30,000 to 40,000, and 4 MB more memory. Nothing happens where the C library has no
    such options.
    """
    library = ctypes.CDLL(None)
    mallopt = getattr(library, "mallopt", None)
    if mallopt is None:
        return
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    mallopt(_ARENAS, 1)
    mallopt(_TRIM_THRESHOLD, 2 * _ROOM)
    mallopt(_MMAP_THRESHOLD, _LARGEST)
    library.free(library.malloc(_ROOM))
    mallopt(_MMAP_THRESHOLD, _LARGE)
