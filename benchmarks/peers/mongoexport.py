"""mongoexport, watched: it does not say itself what it used.

    python benchmarks/peers/mongoexport.py FILE

It writes the fields as they are: no zone, no names of markets, no guard against formulas, so its
file is not compared. `MONGODB_URI` names the database. The last line is JSON: rows, bytes, seconds,
cpu_seconds, peak_mb.
"""

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

FIELDS = [
    *("_id", "status", "createdAt", "updatedAt"),
    *("contact.email", "contact.firstName", "contact.lastName"),
    *("contact.phone.e164", "contact.phone.verifiedAt"),
    *("contact.countryCode", "contact.city", "contact.postalCode", "locale"),
    *("preferences.0.marketId", "preferences.0.ticketQuantity", "preferences.1.marketId"),
    *("consents.0.granted", "answers.0.value", "answers.1.value", "boost.points"),
]
POLL_SECONDS = 0.05


def main(path: str) -> None:
    """Export, and say what it took."""
    command = ["mongoexport", "--quiet", f"--uri={os.environ['MONGODB_URI']}", "--db=fanreg"]
    command += ["--collection=entries", "--type=csv", f"--fields={','.join(FIELDS)}"]
    command += ['--sort={"createdAt":1,"_id":1}', f"--out={path}"]
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command) as export:
        while export.poll() is None:
            peak = max(peak, peak_mb(export.pid))
            time.sleep(POLL_SECONDS)
    if export.returncode:
        raise SystemExit(f"mongoexport ended with {export.returncode}")
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Path(path).open("rb") as file:
        rows = sum(1 for _ in file) - 1
    found = {
        "rows": rows,
        "bytes": Path(path).stat().st_size,
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_mb": peak,
    }
    print(json.dumps(found))


def peak_mb(process: int) -> float:
    """Peak resident memory of a process; 0 once it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.findall(r"VmHWM:\s+([0-9]+) kB", status)
    return int(found[0]) / 1024 if found else 0.0


if __name__ == "__main__":
    main(sys.argv[1])
