"""Who gets in, and what every request must carry; no browser needed."""

import http.client
import json
import re
import threading
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("argon2")

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.review.database import Database
from unmissed.inference.cytology.review.desk import Desk
from unmissed.inference.serving import serve as serving
from unmissed.inference.serving.accounts import Accounts

PASSWORD = "four ordinary words here"


@pytest.fixture(scope="module")
def run(reviewed_run):
    return reviewed_run()


@contextmanager
def served(run, tmp_path, accounts=()):
    """The address of a running desk: host, port and the path of its link."""
    desk = Desk(run, tmp_path / "desk", second_share=1.0)
    for name, role in accounts:
        Accounts(desk.database).set(name, role, PASSWORD)
    ready, address, servers = threading.Event(), [], []

    class Kept(serving._Announcing):
        def __init__(self, *words):
            super().__init__(*words)
            servers.append(self)

        def install_signal_handlers(self):
            """Not in a thread."""

    original, serving._Announcing = serving._Announcing, Kept
    thread = threading.Thread(
        target=serving.serve, args=(desk,), kwargs={"on_ready": lambda url: (address.append(url), ready.set())}
    )
    thread.start()
    try:
        assert ready.wait(60)
        host, port, path = re.fullmatch(r"http://([\d.]+):(\d+)(/.*)", address[0]).groups()
        yield host, int(port), path
    finally:
        servers[0].should_exit = True
        thread.join()
        serving._Announcing = original
        desk.close()


def ask(where, method, path, body=None, **headers):
    connection = http.client.HTTPConnection(*where[:2], timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def cookie_of(headers):
    return headers["set-cookie"].split(";")[0]


def test_the_link_works_once_and_only_for_this_host(run, tmp_path):
    with served(run, tmp_path) as where:
        assert ask(where, "GET", "/api/worklist")[0] == 401
        assert ask(where, "GET", where[2], Host="evil.example")[0] == 403
        assert ask(where, "GET", "/?token=wrong")[0] == 403
        status, headers, _ = ask(where, "GET", where[2])
        assert (
            status == 303 and "HttpOnly" in headers["set-cookie"] and "samesite=strict" in headers["set-cookie"].lower()
        )
        assert ask(where, "GET", where[2])[0] == 403  # once
        status, headers, text = ask(where, "GET", "/api/worklist", Cookie=cookie_of(headers))
        assert status == 200 and len(json.loads(text)["slides"]) == 5
        assert headers["content-security-policy"].startswith("default-src 'self'")


def test_a_change_needs_the_origin_and_the_word_of_the_page(run, tmp_path):
    with served(run, tmp_path) as where:
        cookie = cookie_of(ask(where, "GET", where[2])[1])
        page = ask(where, "GET", "/", Cookie=cookie)[2]
        word = re.search(r'name="unmissed-page" content="([^"]+)"', page)[1]
        key = json.loads(ask(where, "GET", "/api/worklist", Cookie=cookie)[2])["slides"][0]["key"]
        body = json.dumps({"id": "from-outside-1", "kind": "sign", "class_id": "NILM"})
        path, own = f"/api/slide/{key}/events", f"http://{where[0]}:{where[1]}"
        good = {"Cookie": cookie, "Origin": own, "x_unmissed_page": word}
        for wrong in ({"Origin": "http://evil.example"}, {"x_unmissed_page": "guess"}, {"Cookie": ""}):
            assert ask(where, "POST", path, body, **(good | wrong))[0] in (401, 403)
        assert ask(where, "POST", path, "{", **good)[0] == 400
        assert ask(where, "POST", path, body, **good)[0] == 200
        assert ask(where, "GET", f"/tile/{key}/0123456789abcdef/0/0/0.jpg", Cookie=cookie)[0] == 404
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/slide/..%2f..%2fetc", f"/layer/{key}/x/../../etc"):
            assert ask(where, "GET", path, Cookie=cookie)[0] in (404, 307)


def test_accounts_roles_and_wrong_passwords(run, tmp_path):
    with served(run, tmp_path, [("ana", "reader"), ("rita", "reviewer")]) as where:
        origin = f"http://{where[0]}:{where[1]}"

        def log_in(name, password):
            return ask(where, "POST", "/login", f"name={name}&password={password.replace(' ', '+')}", Origin=origin)

        assert where[2] == "/"  # no link where there are accounts
        assert log_in("ana", "wrong")[0] == 401
        status, headers, _ = log_in("ana", PASSWORD)
        assert status == 303
        assert ask(where, "GET", "/api/quality", Cookie=cookie_of(headers))[0] == 403
        _, headers, _ = log_in("rita", PASSWORD)
        assert ask(where, "GET", "/api/quality", Cookie=cookie_of(headers))[0] == 200
        assert [log_in("nobody", "guess")[0] for _ in range(7)][-1] == 429


def test_a_network_demands_accounts(run, tmp_path):
    desk = Desk(run, tmp_path / "desk")
    with pytest.raises(ConfigError, match="accounts"):
        serving.serve(desk, host="0.0.0.0")
    desk.close()


def test_short_passwords_and_unknown_roles_are_refused(tmp_path):
    accounts = Accounts(Database(tmp_path))
    with pytest.raises(ConfigError, match="characters"):
        accounts.set("ana", "reader", "short")
    with pytest.raises(ConfigError, match="reviewer"):
        accounts.set("ana", "reviewr", PASSWORD)


def logged_in(where, name):
    """Headers of somebody's changes."""
    origin = f"http://{where[0]}:{where[1]}"
    sent = f"name={name}&password={PASSWORD.replace(' ', '+')}"
    cookie = cookie_of(ask(where, "POST", "/login", sent, Origin=origin)[1])
    word = re.search(r'name="unmissed-page" content="([^"]+)"', ask(where, "GET", "/", Cookie=cookie)[2])[1]
    return {"Cookie": cookie, "Origin": origin, "x_unmissed_page": word}


def test_a_reader_takes_what_is_free_and_a_reviewer_gives_it_away(run, tmp_path):
    with served(run, tmp_path, [("ana", "reader"), ("ben", "reader"), ("rita", "reviewer")]) as where:
        ana, ben, rita = (logged_in(where, name) for name in ("ana", "ben", "rita"))
        listed = json.loads(ask(where, "GET", "/api/worklist", **ana)[2])
        assert listed["readers"] == ["ana", "ben", "rita"]

        def give(who, to, number):
            body = json.dumps({"id": f"giving-{number:04}", "kind": "assign", "to": to})
            return ask(where, "POST", f"/api/slide/{listed['slides'][0]['key']}/events", body, **who)[0]

        assert [give(ana, "ana", 1), give(ben, "ben", 2), give(ben, "", 3)] == [200, 403, 403]
        assert [give(rita, "nobody here", 4), give(rita, "ben", 5), give(ben, "", 6)] == [400, 200, 200]


def test_an_admin_manages_accounts_and_cannot_lock_himself_out(run, tmp_path):
    with served(run, tmp_path, [("ana", "reader"), ("rita", "admin")]) as where:
        ana, rita = (logged_in(where, name) for name in ("ana", "rita"))

        def change(who, **what):
            return ask(where, "POST", "/api/people", json.dumps(what), **who)[0]

        assert ask(where, "GET", "/people", **ana)[0] == 403 and ask(where, "GET", "/people", **rita)[0] == 200
        assert change(ana, what="remove", name="rita") == 403
        assert change(rita, what="remove", name="rita") == 400
        assert change(rita, what="set", name="rita", role="reader", password=PASSWORD) == 400
        assert change(rita, what="set", name="eve", role="reader", password="short") == 409
        assert change(rita, what="other", name="eve") == 400
        assert change(rita, what="set", name="eve", role="reader", password=PASSWORD) == 200
        assert change(rita, what="remove", name="ana") == 200
        assert ask(where, "GET", "/api/worklist", **ana)[0] == 401  # her session ended with her account
        assert ask(where, "POST", "/logout", "", **rita)[0] == 204
        assert ask(where, "GET", "/api/people", **rita)[0] == 401


def test_the_commands_that_keep_a_desk(run, tmp_path):
    from typer.testing import CliRunner

    from unmissed.cli.app import app

    place = ["--database", str(tmp_path / "desk")]

    def command(*words, **more):
        return CliRunner().invoke(app, ["review", words[0], str(run), *words[1:], *place], **more)

    assert command("user", "ana", "--role", "reviewer", input=f"{PASSWORD}\n").exit_code == 0
    assert command("users").output == "ana\treviewer\n"
    assert "0 events" in command("backup", "-o", str(tmp_path / "copy.sqlite")).output
    assert "the chain is whole" in command("verify").output
    assert "0 answers" in command("answers", "-o", str(tmp_path / "answers")).output
    assert command("user", "ana", "--remove").exit_code == 0 and command("users").output == ""
