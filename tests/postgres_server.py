"""A real PostgreSQL server for tests: on a free port, in a folder of its own, ended by its process id. Tests are skipped where it cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER_USER = "postgres"


def _find_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return found[0].parent if found else None


@contextmanager
def run_postgresql(binaries: Path | None = None) -> Iterator[int]:
    """The port of a server for the length of a block; its only user is `tester`, who needs no password. `binaries`: else those of the system."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    binaries = binaries or _find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (no /usr/lib/postgresql/*/bin)")
    as_root = os.geteuid() == 0
    if as_root and shutil.which("runuser") is None:
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    prefix = ["runuser", "-u", SERVER_USER, "--"] if as_root else []
    folder = Path(tempfile.mkdtemp(prefix="pairsmith-pg-", dir="/tmp"))
    if as_root:
        shutil.chown(folder, SERVER_USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    made = subprocess.run(
        [*prefix, binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"initdb failed: {made.stderr.strip()[-300:]}")
    options = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "listen_addresses=127.0.0.1"]
    options += ["-c", f"unix_socket_directories={folder}", "-c", "max_connections=120", "-p", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*prefix, binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder)
    try:
        if not _await_server(port, server):
            pytest.skip(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-300:]}")
        yield port
    finally:
        pid_file = data / "postmaster.pid"
        if pid_file.exists():
            os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)  # a fast shutdown
        elif server.poll() is None:
            server.terminate()
        server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _await_server(port: int, server: subprocess.Popen[bytes]) -> bool:
    import psycopg

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="tester", dbname="postgres", connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    return False
