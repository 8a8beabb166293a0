"""What every request has to show before it is answered: a session, a role, and for a change the page's own word."""

import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request

from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.serving.access import Session, Sessions
from unmissed.inference.serving.accounts import Accounts

CSRF = "x-unmissed-page"


def desk_of(request: Request) -> Desk:
    """The desk that is served."""
    desk: Desk = request.app.state.desk
    return desk


def sessions_of(request: Request) -> Sessions:
    """The sessions of this server."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def accounts_of(request: Request) -> Accounts:
    """The accounts of the desk."""
    accounts: Accounts = request.app.state.accounts
    return accounts


def readers_of(request: Request) -> list[str]:
    """Names of everybody who may read."""
    local = sessions_of(request).local
    return [local.name] if local else [account.name for account in accounts_of(request).all()]


def entered(request: Request, *roles: str) -> Session:
    """The session of a request.

    Raises:
        HTTPException: 401 without a session, 403 for another role, or a change without the word of the page.
    """
    session = sessions_of(request).of(request)
    if session is None:
        raise HTTPException(401, "you are not logged in, or your session has ended")
    if request.method not in ("GET", "HEAD"):
        given = request.headers.get(CSRF, "")
        if not secrets.compare_digest(given.encode(), session.csrf.encode()):
            raise HTTPException(403, "the page is not of this session: load it again")
    if roles and session.account.role not in roles:
        raise HTTPException(403, f"this needs the role {' or '.join(roles)}")
    return session
