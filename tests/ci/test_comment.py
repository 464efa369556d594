"""`ci/comment` with a stub for `gh`, and against a server that answers as GitLab does."""

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from support.project import ROOT, environment

from digits.review.verdict import MARKER

GH = """#!/usr/bin/env python3
import json, pathlib, sys
place = pathlib.Path(__file__).parent
with (place / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
address = next(word for word in sys.argv if word.startswith("repos/"))
if "/pulls/" in address:
    print("c0ffee")
elif address.endswith("/comments") and "--method" not in sys.argv:
    print((place / "comments").read_text(), end="")
"""

SILENTLY = ["api", "--silent", "--method"]


@pytest.fixture
def verdict(tmp_path):
    file = tmp_path / "verdict.md"
    # A text that a shell would run.
    file.write_text(f"{MARKER}\n## digits: $(touch pwned) `touch pwned` @file\n")
    return file


@pytest.fixture
def github(tmp_path, verdict):
    """Runs `ci/comment` where `gh` finds the given comments; gives the process and the calls of `gh`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)

    def run(number, *sha, comments="", file=verdict):
        (folder / "comments").write_text(comments)
        (folder / "calls").write_text("")
        variables = environment(GITHUB_REPOSITORY="a/b", GH_TOKEN="t")
        variables["PATH"] = f"{folder}:{variables['PATH']}"
        done = subprocess.run(
            [ROOT / "ci" / "comment", file, number, *sha], env=variables, cwd=tmp_path, capture_output=True, text=True
        )
        return done, [json.loads(line) for line in (folder / "calls").read_text().splitlines()]

    return run


def test_the_first_verdict_is_a_new_comment(github, verdict, tmp_path):
    done, (looked, wrote) = github("7")
    assert done.returncode == 0 and not (tmp_path / "pwned").exists()
    assert "repos/a/b/issues/7/comments" in looked and MARKER in looked[-1] and "github-actions[bot]" in looked[-1]
    assert wrote == [
        "api",
        "--silent",
        "--method",
        "POST",
        "repos/a/b/issues/7/comments",
        "--field",
        f"body=@{verdict}",
    ]


def test_a_later_one_replaces_it(github, verdict):
    done, (_, wrote) = github("7", comments="41\n42\n")
    assert done.returncode == 0
    assert wrote == [
        "api",
        "--silent",
        "--method",
        "PATCH",
        "repos/a/b/issues/comments/41",
        "--field",
        f"body=@{verdict}",
    ]


def test_what_a_fork_left_cannot_reach_another_pull_request(github, tmp_path):
    done, calls = github("7", "beef")
    assert done.returncode == 0 and len(calls) == 1 and "has another head by now" in done.stdout
    assert len(github("7", "c0ffee")[1]) == 3
    for number in ("", "7; touch pwned", "-1", "7/../8", "$(touch pwned)"):
        done, calls = github(number)
        assert done.returncode == 1 and calls == [] and not (tmp_path / "pwned").exists()


def test_another_file_is_no_verdict(github, tmp_path):
    (tmp_path / "other").write_text("hello")
    done, calls = github("7", file=tmp_path / "other")
    assert done.returncode == 1 and calls == [] and "is no verdict: ci/verdict writes one" in done.stderr


# --- GitLab -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def gitlab():
    """A server with notes; what it was sent is in `sent`."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            server.sent.append((self.command, self.path, self.headers["PRIVATE-TOKEN"], parse_qs(body)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(server.notes).encode())

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.sent, server.notes = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def on_gitlab(verdict, **variables):
    return subprocess.run(
        [ROOT / "ci" / "comment", verdict, "7"], env=environment(**variables), capture_output=True, text=True
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_note_on_a_merge_request_is_made_once(gitlab, verdict):
    variables = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}",
        "CI_PROJECT_ID": "3",
        "GITLAB_TOKEN": "secret",
    }
    notes = "/projects/3/merge_requests/7/notes"
    assert on_gitlab(verdict, **variables).returncode == 0
    (looked, wrote) = gitlab.sent
    assert looked[:3] == ("GET", f"{notes}?per_page=100&sort=asc", "secret")
    assert wrote == ("POST", notes, "secret", {"body": [verdict.read_text()]})
    gitlab.notes = [{"id": 5, "system": False, "body": "hi"}, {"id": 6, "system": False, "body": f"{MARKER}\nold"}]
    assert on_gitlab(verdict, **variables).returncode == 0
    assert gitlab.sent[-1] == ("PUT", f"{notes}/6", "secret", {"body": [verdict.read_text()]})


def test_without_a_token_the_verdict_stays_a_file(verdict):
    done = on_gitlab(verdict)
    assert done.returncode == 0 and "no GITLAB_TOKEN" in done.stdout
