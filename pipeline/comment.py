"""The one comment of a pull or merge request: found by the file's first line, written anew, else created."""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from dbserver.errors import DbServerError, UsageError

PAGE = 100
TIMEOUT_SECONDS = 30
# What GitHub takes in characters; GitLab takes more.
LONGEST = 65_000
CUT = "\n\n(cut: the whole of it is in the job's log)"
MARK = re.compile(r"<!-- .+ -->")


class _Staying(urllib.request.HTTPRedirectHandler):
    # urllib would send the token along, to whatever host is named.
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: a redirection becomes an error."""


OPENER = urllib.request.build_opener(_Staying)


@dataclass(frozen=True)
class Forge:
    """Where a request's comments are. `comments` lists and creates, `one` + id is one of them; `mine` knows our own.

    Whoever else writes a comment with the mark could change it afterwards: such a one is never taken.
    """

    comments: str
    one: str
    change: str
    headers: Mapping[str, str]
    mine: Callable[[Mapping[str, Any]], bool]


def github(environment: Mapping[str, str]) -> Forge:
    """Return the place of a pull request's comments. Raises UsageError where a variable is not set."""
    api, repository, number, token = _given(
        environment, "GITHUB_API_URL", "GITHUB_REPOSITORY", "PULL_REQUEST", "GITHUB_TOKEN"
    )
    issues = f"{api}/repos/{repository}/issues"
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    return Forge(
        f"{issues}/{number}/comments", f"{issues}/comments", "PATCH", headers,
        lambda comment: comment["user"]["login"] == "github-actions[bot]",
    )  # fmt: skip


def gitlab(environment: Mapping[str, str]) -> Forge:
    """Return the place of a merge request's notes. Raises UsageError where a variable is not set."""
    api, project, number, token = _given(
        environment, "CI_API_V4_URL", "CI_PROJECT_ID", "CI_MERGE_REQUEST_IID", "GITLAB_TOKEN"
    )
    headers = {"PRIVATE-TOKEN": token}
    notes = f"{api}/projects/{project}/merge_requests/{number}/notes"
    me = _ask("GET", f"{api}/user", headers)["id"]
    return Forge(notes, notes, "PUT", headers, lambda note: note["author"]["id"] == me)


def publish(forge: Forge, text: str) -> str:
    """Make the text the request's one comment; return what was done. Raises DbServerError."""
    mark = text.partition("\n")[0]
    if not MARK.fullmatch(mark):
        raise UsageError("the file's first line is no mark, <!-- ... -->", "give the file that pipeline/preview wrote")
    body = {"body": text if len(text) <= LONGEST else text[:LONGEST] + CUT}
    for comment in _all(forge):
        if comment["body"].startswith(mark) and forge.mine(comment):
            _ask(forge.change, f"{forge.one}/{comment['id']}", forge.headers, body)
            return "updated"
    _ask("POST", forge.comments, forge.headers, body)
    return "created"


def _all(forge: Forge) -> Iterator[Mapping[str, Any]]:
    """Yield every comment; a page that is not full is the last one."""
    for page in count(1):
        found = _ask("GET", f"{forge.comments}?per_page={PAGE}&page={page}", forge.headers)
        yield from found
        if len(found) < PAGE:
            return


def _ask(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, str] | None = None) -> Any:
    if not url.startswith(("https://", "http://")):
        raise UsageError(f"{url} is no address of an API", "set the API's variable as the CI system does")
    content = {"Content-Type": "application/json", "User-Agent": "database-server", **headers}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, content, method=method)  # noqa: S310  its scheme was looked at
    try:
        with OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as fault:
        hint = "the token may not write comments; docs/how-to/deploy-pipeline.md" if fault.code in (401, 403) else ""
        raise DbServerError(f"{method} {url}: {fault.code} {fault.reason}", hint or "run the job again") from None
    except (OSError, ValueError) as fault:
        raise DbServerError(f"{method} {url}: {fault}", "run the job again") from None


def _given(environment: Mapping[str, str], *names: str) -> list[str]:
    if lacking := [name for name in names if not environment.get(name)]:
        raise UsageError(f"not set: {', '.join(lacking)}", "docs/how-to/deploy-pipeline.md says what a step needs")
    return [environment[name] for name in names]


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Publish the file that is named; return the exit code."""
    try:
        if len(arguments) != 1:
            raise UsageError("one file is needed", "pipeline/comment FILE")
        forge = gitlab if environment.get("GITLAB_CI") else github
        done = publish(forge(environment), Path(arguments[0]).read_text(encoding="utf-8"))
    except (DbServerError, OSError) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return int(fault.exit_code) if isinstance(fault, DbServerError) else 1
    sys.stdout.write(f"comment {done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
