"""What a process has used."""

import re
from pathlib import Path


def peak_mb(process: int | str = "self") -> float:
    """Peak resident memory of a process.

    From /proc, because `ru_maxrss` starts at what the parent held when it forked.
    """
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (kilobytes,) = re.findall(r"VmHWM:\s+([0-9]+) kB", status)
    return int(kilobytes) / 1024
