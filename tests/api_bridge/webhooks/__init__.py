"""Webhooks: who may register what, what is sent, and what happens when it is not taken."""
