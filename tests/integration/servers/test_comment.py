"""pipeline/comment against a server on loopback that answers as GitHub's and GitLab's APIs do."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.commands import Ran, run
from tests.support.project import ROOT

TOKEN = "hidden-4f1c"
MARK = "<!-- db-server preview of prod -->"
OTHERS = {"login": "somebody", "id": 1}
OURS = {"login": "github-actions[bot]", "id": 2}
KINDS = {
    "github": ("/repos/shop/server/issues/7/comments", "/repos/shop/server/issues/comments/", "PATCH"),
    "gitlab": ("/projects/12/merge_requests/7/notes", "/projects/12/merge_requests/7/notes/", "PUT"),
}


@dataclass
class Forge:
    """The comments of one request. `fails` answers everything with that status; `sent` is each request's headers."""

    kind: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    fails: int = 0
    sent: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def add(self, body: str, who: dict[str, Any] = OTHERS) -> dict[str, Any]:
        comment = {"id": 100 + len(self.comments), "body": body, "user": who, "author": who}
        self.comments.append(comment)
        return comment

    def answer(self, method: str, address: str, body: dict[str, str]) -> tuple[int, Any]:
        listing, one, change = KINDS[self.kind]
        path, query = urlsplit(address).path, parse_qs(urlsplit(address).query)
        if self.fails:
            return self.fails, {"message": "no"}
        if method == "GET" and path == "/user" and self.kind == "gitlab":
            return 200, OURS
        if method == "GET" and path == listing:
            size, page = min(int(query.get("per_page", ["30"])[0]), 100), int(query.get("page", ["1"])[0])
            return 200, self.comments[(page - 1) * size : page * size]
        if method == "POST" and path == listing:
            return 201, self.add(body["body"], OURS)
        found = [c for c in self.comments if path == f"{one}{c['id']}"]
        if method != change or not found:
            return 404, {"message": "Not Found"}
        found[0]["body"] = body["body"]
        return 200, found[0]

    def publish(self, file: Path) -> Ran:
        api = f"http://127.0.0.1:{self.port}"
        github = {"GITHUB_API_URL": api, "GITHUB_REPOSITORY": "shop/server", "PULL_REQUEST": "7", "GITHUB_TOKEN": TOKEN}
        gitlab = {
            "GITLAB_CI": "true", "CI_API_V4_URL": api, "CI_PROJECT_ID": "12", "CI_MERGE_REQUEST_IID": "7",
            "GITLAB_TOKEN": TOKEN,
        }  # fmt: skip
        path = {"PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin"}
        variables = {**path, **(github if self.kind == "github" else gitlab)}
        done = run(str(ROOT / "pipeline" / "comment"), str(file), env=variables, cwd="/")
        assert TOKEN not in done.text
        return done


@pytest.fixture(params=KINDS)
def forge(request: pytest.FixtureRequest) -> Iterator[Forge]:
    made = Forge(request.param)

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.sent.append(dict(self.headers))
            status, answer = made.answer(self.command, self.path, json.loads(content or b"{}"))
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", f"http://localhost:{made.port}/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815  the names that the server calls

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "preview.md"
    path.write_text(f"{MARK}\n### It costs: nothing ▫️\n")
    return path


def test_a_request_gets_one_comment_that_each_run_replaces(forge: Forge, file: Path) -> None:
    forge.add("looks good")
    assert forge.publish(file).ok().out == "comment created\n"
    file.write_text(f"{MARK}\n### Data at risk\n")
    assert forge.publish(file).ok().out == "comment updated\n"
    assert [comment["body"] for comment in forge.comments] == ["looks good", f"{MARK}\n### Data at risk\n"]


def test_the_comment_is_found_behind_hundreds_of_others(forge: Forge, file: Path) -> None:
    for number in range(200):
        forge.add(f"comment {number}")
    forge.add(f"{MARK}\nold", OURS)
    assert forge.publish(file).ok().out == "comment updated\n"
    assert len(forge.comments) == 201
    assert forge.comments[200]["body"] == file.read_text()


def test_the_last_page_may_be_full(forge: Forge, file: Path) -> None:
    for number in range(100):
        forge.add(f"comment {number}")
    assert forge.publish(file).ok().out == "comment created\n"
    assert len(forge.comments) == 101


def test_somebody_else_s_comment_is_never_taken(forge: Forge, file: Path) -> None:
    """Who wrote it could change it afterwards; a quotation of the mark is no mark."""
    forge.add(f"{MARK}\nnothing to see here")
    forge.add(f"what does {MARK} mean?", OURS)
    forge.add("<!-- db-server preview of dev -->\nanother stack's", OURS)
    before = [comment["body"] for comment in forge.comments]
    assert forge.publish(file).ok().out == "comment created\n"
    assert [comment["body"] for comment in forge.comments] == [*before, file.read_text()]


def test_a_text_that_is_too_long_is_cut_and_says_so(forge: Forge, file: Path) -> None:
    file.write_text(MARK + "\n" + "x" * 100_000)
    forge.publish(file).ok()
    body = forge.comments[0]["body"]
    assert len(body) < 65_536
    assert body.endswith("(cut: the whole of it is in the job's log)")


@pytest.mark.parametrize(("status", "hint"), [(403, "may not write comments"), (500, "run the job again")])
def test_what_the_api_refuses_is_an_error(forge: Forge, file: Path, status: int, hint: str) -> None:
    forge.fails = status
    done = forge.publish(file)
    assert done.code == 1
    assert re.search(rf"error: GET http\S+: {status} .*\nHINT: .*{hint}", done.err)
    assert "Traceback" not in done.err


def test_a_redirection_is_not_followed_with_the_token(forge: Forge, file: Path) -> None:
    forge.fails = 302
    assert forge.publish(file).code == 1
    assert len(forge.sent) == 1


def test_an_api_that_does_not_answer_is_an_error(forge: Forge, file: Path) -> None:
    forge.port = 1
    done = forge.publish(file)
    assert done.code == 1
    assert "Connection refused\nHINT: run the job again" in done.err.replace("]>", "").replace(">", "")


def test_each_kind_is_asked_in_its_own_way(forge: Forge, file: Path) -> None:
    forge.publish(file).ok()
    wanted = {"github": ("Authorization", f"Bearer {TOKEN}"), "gitlab": ("PRIVATE-TOKEN", TOKEN)}
    name, value = wanted[forge.kind]
    assert [{k.lower(): v for k, v in sent.items()}.get(name.lower()) for sent in forge.sent] == [value] * len(
        forge.sent
    )
