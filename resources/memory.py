"""How the C library gives memory back."""

import ctypes
from typing import Final

# mallopt(3): blocks of this size and more are the system's, and go back to it when they are freed.
_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 4 * 1024 * 1024


def return_large_blocks() -> None:
    """Keep no block of 4 MiB or more that was freed, such as the parts of an upload.

    glibc raises the bound by itself to the size of what was freed last, up to 32 MiB, and keeps
    such blocks in an arena of each thread: 15 MB of an export of a million rows. Batches of
    documents stay below the bound, as each costs its pages anew. Nothing happens where the C
    library has no such option.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
