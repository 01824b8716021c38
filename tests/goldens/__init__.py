"""The expected bytes of every kind of export over the hand-written pack; a file each.

A golden changes only on purpose: `make goldens` writes them anew, and the diff is read.
"""
