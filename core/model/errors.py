"""Errors that a person can act on."""

from __future__ import annotations


class PairsmithError(Exception):
    """An error a person can act on: its text says what happened, with the value, and what to do next."""


class NotFound(PairsmithError):
    """Something was asked for by a name that does not exist."""
