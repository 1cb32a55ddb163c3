"""Bringing data in and out: readers that validate everything before anything is stored, and exports that go back in."""
