"""The launcher: serves the pages and starts a worker. Nothing is decided here.

`pages/` beside an ordinary entry script would be served without it on a cold deep link, so the script handed to `st.App` is the router inside it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from core import __version__
from core.jobs.engine import ensure_worker, has_worker
from core.workspace import open_workspace


def ready(_: Request) -> JSONResponse:
    """Readiness: the database answers. Not a coroutine, so a slow database holds up nobody else."""
    return JSONResponse({"ready": True, "version": __version__, "worker": has_worker(app.state["workspace"])})


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    """Open the home once, and start a worker where none is alive."""
    workspace = open_workspace()
    if workspace.settings.start_worker:
        ensure_worker(workspace)
    yield {"workspace": workspace}
    workspace.store.close()


app = st.App(Path(__file__).parent / "pages" / "_router.py", routes=[Route("/ready", ready)], lifespan=lifespan)

if __name__ == "__main__":
    app.run()
