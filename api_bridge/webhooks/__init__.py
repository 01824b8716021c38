"""Telling others what became of exports: the process that sends, and what it shares with routes."""
