"""A real server of the app for browser tests and benchmarks: on a free port, in a home of its own, ended by its process id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path


def find_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch_server(home: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None) -> Server:
    """Start the app on `home` and wait until it is ready."""
    port = port or find_port()
    home.mkdir(parents=True, exist_ok=True)
    log = home / f"web-{port}.log"
    values = os.environ | {"PAIRSMITH_HOME": str(home), "PAIRSMITH_START_WORKER": "false", "HF_HUB_OFFLINE": "1"} | dict(environment or {})
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("ab") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env=values, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)
    server = Server(f"http://127.0.0.1:{port}", process, log)
    wait_ready(server)
    return server


def wait_ready(server: Server, limit_s: float = 120) -> None:
    """Wait until the server answers. Raises with its log when it ends or stays silent."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/ready", timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    stop_server(server)
    raise RuntimeError(f"The server did not start:\n{server.log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def stop_server(server: Server) -> None:
    """End the server by its process id."""
    server.process.terminate()
    try:
        server.process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait(timeout=15)


@contextmanager
def running_server(home: Path, **options: object) -> Iterator[Server]:
    """A server for the length of a block."""
    server = launch_server(home, **options)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        stop_server(server)
