"""Benchmarks: each against the raw library on the same work, in turn, in the same run. `make bench` runs them; no test asserts a time."""
