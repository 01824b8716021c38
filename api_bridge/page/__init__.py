"""The page for people: a client of the API like any other, as files that need no build step.

It has no rights of its own: whoever signs in sends the bearer token of a program.
"""
