"""Who asks: the sign-in, who is let in, and the words in the sidebar that say so.

Refuses: visitors who are not signed in where a sign-in is asked for, accounts without a name of their own, accounts that are not on the list.
"""

from __future__ import annotations

from ipaddress import ip_address

import streamlit as st

from core.roles import is_allowed, is_lead
from core.settings import load_settings

__all__ = ["LOCAL_AUTHOR", "draw_identity", "is_allowed", "is_lead_here", "is_loopback", "require_author"]
LOCAL_AUTHOR = "local"


def require_author() -> str:
    """Who works here: `LOCAL_AUTHOR` where no sign-in is asked for, else the account's address or id. Stops the script for everybody else."""
    settings = load_settings()
    if not settings.require_sign_in:
        return LOCAL_AUTHOR
    if not st.user.get("is_logged_in", False):
        st.title("Sign in", icon=":material/lock:")
        st.caption("This Pairsmith asks who you are before it shows anything.")
        st.button("Sign in", on_click=_sign_in, type="primary")
        st.stop()
    email = str(st.user.get("email") or "").strip()
    author = email or str(st.user.get("sub") or "").strip()
    if not author:
        _refuse("The account you signed in with has neither an e-mail address nor an id, so your judgements could not be kept apart from other people's.")
    if not is_allowed(email, settings.allowed_emails, verified=str(st.user.get("email_verified", True)).lower() != "false"):
        _refuse("The account you signed in with is not among those that this Pairsmith lets in.", author)
    return author


def is_lead_here(author: str) -> bool:
    """Whether who works here leads: no unchecked address does. What only leads may do is refused by `core.roles` too."""
    return is_lead(load_settings(), author) and (not load_settings().require_sign_in or str(st.user.get("email_verified", True)).lower() != "false")


def is_loopback(address: str | None) -> bool:
    """Whether a server on this address is reached from its own machine alone; without an address it listens on all of them."""
    if address == "localhost":
        return True
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False


def draw_identity(author: str) -> None:
    """Who is signed in, with the way out; or who may come in without a sign-in."""
    if load_settings().require_sign_in:
        st.text(f"Signed in as {author}")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign_out")
    elif is_loopback(st.get_option("server.address")):
        st.caption(":material/lock_open: One person on this machine, no sign-in.")
    else:
        st.warning("No sign-in: everyone who reaches this address can see and change everything.", icon=":material/lock_open:")


def _refuse(why: str, author: str = "") -> None:
    st.title("No entry", icon=":material/lock:")
    if author:
        st.text(f"Signed in as {author}")
    st.error(f"{why} Sign in with another account, or ask whoever runs this Pairsmith.", icon=":material/block:")
    st.button("Sign out", icon=":material/logout:", type="primary", on_click=st.logout, key="sign_out")
    st.stop()


def _sign_in() -> None:
    try:
        st.login()
    except Exception:  # every misconfiguration ends here, and nothing may be shown
        st.error("Sign-in is required but not set up: fill in [auth] of .streamlit/secrets.toml, see docs/operating.md.")
