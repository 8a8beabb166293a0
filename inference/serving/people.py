"""The accounts of a desk, for its administrators."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from unmissed.datasets.basis.words import problems
from unmissed.inference.serving.accounts import ROLES
from unmissed.inference.serving.entering import accounts_of, entered, sessions_of


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")

    what: Literal["set", "remove"]
    name: str = Field(max_length=64)
    role: str = Field("", max_length=16)
    password: str = Field("", max_length=1000)


async def people(request: Request) -> Response:
    """The accounts; a POST makes, changes or removes one, and ends the sessions of whom it concerns."""
    session = entered(request, "admin")
    accounts, sessions = accounts_of(request), sessions_of(request)
    if sessions.local is not None:
        raise HTTPException(400, "this desk was opened for one person: start it again after `unmissed review user`")
    if request.method == "POST":
        try:
            change = _Change.model_validate_json(await request.body())
        except ValidationError as error:
            raise HTTPException(400, f"the change is invalid: {problems(error, 1)}") from error
        if change.name == session.account.name and (change.what == "remove" or change.role != session.account.role):
            raise HTTPException(400, "you would lock yourself out: another admin can do this")
        if change.what == "set":
            await run_in_threadpool(accounts.set, change.name, change.role, change.password)
        else:
            await run_in_threadpool(accounts.remove, change.name)
        if change.name != session.account.name:
            sessions.end_of(change.name)
    known = await run_in_threadpool(accounts.all)
    return JSONResponse({"people": [{"name": one.name, "role": one.role} for one in known], "roles": ROLES})
