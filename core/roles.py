"""Who may do what: lists of addresses, and who leads a project's curation. Widgets hide; this decides."""

from __future__ import annotations

from core.model import PairsmithError
from core.settings import Settings


def is_allowed(email: str, allowed: str, *, verified: bool = True) -> bool:
    """Whether the list lets the address in. `allowed`: addresses and `@domains` with commas between, in any case; an empty list lets everybody in.

    `verified`: False where the provider says that it has not checked the address; a list lets no such address in, since anybody can claim it.
    """
    entries = {entry.strip().lower() for entry in allowed.split(",")} - {""}
    if not entries:
        return True
    name, at, domain = email.strip().lower().rpartition("@")
    return verified and bool(name and domain) and not entries.isdisjoint({name + at + domain, at + domain})


def is_lead(settings: Settings, author: str) -> bool:
    """Whether this person writes guidelines and takes records over: everybody where no sign-in is asked for, else those of `lead_emails`."""
    return not settings.require_sign_in or is_allowed(author, settings.lead_emails)


def require_lead(settings: Settings, author: str, what: str) -> None:
    """Raise `PairsmithError` for anybody who does not lead; `what` says what leads alone may do."""
    if not is_lead(settings, author):
        raise PairsmithError(f"{author} may not {what}: that is for the project's leads (PAIRSMITH_LEAD_EMAILS). Ask one of them.")
