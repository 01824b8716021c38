"""Warm run workers: processes that hold the code already and take one run after another.

Spawning an interpreter and importing the definitions cost each run 1 to 3 s (DAGSTER.md). Here a
parent imports once and forks; `dagster.yaml` names the launcher, Dagster's own extension point.

    launcher.py   what Dagster calls, in the daemon and in the webserver
    server.py     the parent: answers the launcher over HTTP on loopback
    pool.py       which worker gets which run, and when one is replaced
    execution.py  what a worker does with a run
    worker.py     one forked process: takes a run, says when it is over
"""
