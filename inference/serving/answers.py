"""What the scripts of the pages ask for, as JSON."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from unmissed.datasets.basis.words import problems
from unmissed.inference.cytology.review import quality as comparing
from unmissed.inference.cytology.review.events import NewEvent
from unmissed.inference.cytology.review.worklist import ListedSlide
from unmissed.inference.serving.entering import desk_of, entered, readers_of

_READINGS = ("first", "second")
Form = TypeVar("Form", bound=BaseModel)


class _Looked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cells: str = Field(pattern=r"^[0-9a-f]{0,4096}$")


def worklist(request: Request) -> Response:
    """All slides with how far they are."""
    session = entered(request)
    slides = desk_of(request).worklist(session.account.name)
    return JSONResponse({"slides": slides, "readers": readers_of(request)})


def slide(request: Request) -> Response:
    """What a slide's page shows."""
    session = entered(request)
    desk, round_ = desk_of(request), _round(request)
    listed = desk.slide(request.path_params["key"])
    shown = desk.view(listed, round_)
    looked = desk.store.look(listed.sha256, round_, session.account.name, "")
    return JSONResponse(
        shown | {"looked": looked, "pyramid": desk.pyramid(listed)} | desk.around(listed, round_, session.account.name)
    )


def state(request: Request) -> Response:
    """What has been decided; the revision alone where nothing is newer than ``since``."""
    entered(request)
    desk, round_ = desk_of(request), _round(request)
    listed = desk.slide(request.path_params["key"])
    revision = desk.store.revision(listed.sha256, round_)
    if request.query_params.get("since") == str(revision):
        return JSONResponse({"revision": revision})
    return JSONResponse(desk.store.state(listed.sha256, round_))


def check(request: Request) -> Response:
    """Open a slide ahead of its turn, so that its hash is known when it comes."""
    entered(request)
    desk = desk_of(request)
    desk.shelf.slide(desk.slide(request.path_params["key"]))
    return JSONResponse({})


async def record(request: Request) -> Response:
    """Keep a decision; 409 with the difference when it is not taken."""
    session = entered(request)
    desk, round_ = desk_of(request), _round(request)
    listed = desk.slide(request.path_params["key"])
    new = await _told(request, NewEvent, "the decision is invalid")
    if new.kind == "assign":
        await run_in_threadpool(_check_giving, request, listed, round_, new.to)
    outcome = await run_in_threadpool(desk.record, listed, new, round_, session.account.name)
    words = {"seq": outcome.seq, "revision": outcome.revision}
    if not outcome.refused:
        return JSONResponse(words)
    return JSONResponse(words | {"refused": outcome.refused, "difference": outcome.difference}, 409)


async def looked(request: Request) -> Response:
    """Remember what of the overview was looked at."""
    session = entered(request)
    desk, round_ = desk_of(request), _round(request)
    listed = desk.slide(request.path_params["key"])
    new = await _told(request, _Looked, "invalid")
    await run_in_threadpool(desk.store.look, listed.sha256, round_, session.account.name, new.cells)
    return JSONResponse({})


def quality(request: Request) -> Response:
    """The disagreements, and how well people and machine agree."""
    entered(request, "reviewer", "admin")
    return JSONResponse(comparing.compare(desk_of(request)))


def teaching(request: Request) -> Response:
    """The next case of the person who asks, and the contests that there are."""
    session = entered(request)
    desk = desk_of(request)
    return JSONResponse(desk.course.next_for(session.account.name) | {"contests": desk.contests.all()})


async def answer(request: Request) -> Response:
    """Keep an answer, and tell the truth."""
    session = entered(request)
    desk = desk_of(request)
    new = await _told(request, NewEvent, "the answer is invalid")
    listed = desk.slide(request.path_params["key"])
    return JSONResponse(await run_in_threadpool(desk.course.answer, listed, new, session.account.name))


async def contest(request: Request) -> Response:
    """The next case of a contest for the person who asks; a POST keeps an answer."""
    session = entered(request)
    desk, name = desk_of(request), request.path_params["name"]
    if request.method == "GET":
        return JSONResponse(await run_in_threadpool(desk.contests.next_for, name, session.account.name))
    new = await _told(request, NewEvent, "the answer is invalid")
    listed = desk.slide(request.query_params.get("slide", ""))
    return JSONResponse(await run_in_threadpool(desk.contests.answer, name, listed, new, session.account.name))


async def _told(request: Request, form: type[Form], otherwise: str) -> Form:
    """What a page sends; 400 with the first fault when it has another form."""
    try:
        return form.model_validate_json(await request.body())
    except ValidationError as error:
        raise HTTPException(400, f"{otherwise}: {problems(error, 1)}") from error


def _check_giving(request: Request, listed: ListedSlide, round_: str, to: str) -> None:
    """A reader takes what is free and gives back what is his; a reviewer gives to everybody who has an account."""
    account = entered(request).account
    holder = desk_of(request).store.state(listed.sha256, round_)["holder"]
    if account.role == "reader" and not {holder, to} <= {"", account.name}:
        raise HTTPException(403, f"{holder or to} has this slide: a reviewer can give it to somebody else")
    if to and to not in readers_of(request):
        raise HTTPException(400, "there is no such reader")


def _round(request: Request) -> str:
    round_ = request.query_params.get("round", "first")
    if round_ not in _READINGS:
        raise HTTPException(400, "there is no such reading")
    return round_
