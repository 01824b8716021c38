"""Tests of the bridge, over real HTTP."""
