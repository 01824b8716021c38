"""A server that speaks MongoDB's wire protocol and replays entries as fast as a socket takes them.

A benchmark of an exporter against a database measures the database. This server does what costs a
database time beforehand: the entries lie in a file as the very bytes of its answers, and the kernel
sends them from there. What is left is the exporter.
"""
