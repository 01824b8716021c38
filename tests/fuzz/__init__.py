"""Attacks on the bridge over HTTP, judged by four counts; `python -m tests.fuzz`."""
