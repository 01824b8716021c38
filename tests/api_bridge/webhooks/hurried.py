"""The process that sends, with a lease of a second: a test need not wait for a minute."""

import sys

from api_bridge.webhooks.__main__ import main

if __name__ == "__main__":
    sys.exit(main(lease_seconds=1.0))
