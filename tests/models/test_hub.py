"""Models from and to a hub: a small server here that speaks as the Hugging Face Hub does."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from musegan.errors import MuseganError
from musegan.models.hub import pull_model

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """One repository of files with size and SHA-256; what is pushed is kept in memory."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body=b"", status=200, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        files, listed = self.server.files, self.server.listed
        if self.path.startswith("/api/models/me/tiny") and self.server.answers is not None:
            return self.answer(self.server.answers, Content_Type="text/html")
        if self.path.startswith("/api/models/me/tiny"):
            siblings = [
                {
                    "rfilename": name,
                    "size": listed.get("size", len(data)),
                    "lfs": {
                        "sha256": listed.get("sha256", hashlib.sha256(data).hexdigest()),
                        "size": len(data),
                        "pointerSize": 130,
                    },
                }
                for name, data in files.items()
            ]
            return self.answer({"id": "me/tiny", "sha": COMMIT, "siblings": siblings, "tags": []})
        found = re.fullmatch(rf"/me/tiny/resolve/{COMMIT}/([^?]*)", self.path)
        if found and found[1] in files:
            data = files[found[1]]
            if self.server.slow and self.command == "GET":
                self.server.asked.set()
                self.server.slow.wait(60)
            tag = f'"{hashlib.sha256(data).hexdigest()}"'
            return self.answer(data, ETag=tag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes")
        return self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.read()
        if self.headers.get("authorization") != "Bearer secret":
            return self.answer({"error": "Invalid username or password."}, 401)
        if self.path == "/api/repos/create":
            return self.answer({"url": f"{self.server.address}/me/tiny"})
        if "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            return self.answer(
                {"files": [{"path": f["path"], "uploadMode": "lfs", "shouldIgnore": False} for f in asked]}
            )
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for item in objects:
                item["actions"] = {"upload": {"href": f"{self.server.address}/put/{item['oid']}", "header": {}}}
            return self.answer({"transfer": "basic", "objects": objects})
        if "/commit/" in self.path:
            for line in map(json.loads, body.decode().splitlines()):
                if line["key"] == "lfsFile":
                    self.server.files[line["value"]["path"]] = self.server.blobs[line["value"]["oid"]]
            return self.answer(
                {"commitUrl": f"{self.server.address}/me/tiny/commit/{COMMIT}", "commitOid": COMMIT}
            )
        return self.answer({"error": self.path}, 404)

    def do_PUT(self):
        self.server.blobs[self.path.rpartition("/")[2]] = self.read()
        self.answer()


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.blobs, server.listed, server.answers = {}, {}, {}, None
    server.slow, server.asked = None, threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def musegan(hub, tmp_path):
    def run(*arguments, code=0, **variables):
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "MUSEGAN_MODELS": str(tmp_path / "models"),
            **variables,
        }
        command = [sys.executable, "-m", "musegan", *map(str, arguments)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    return run


def test_a_model_is_pushed_pulled_and_used_without_the_hub(musegan, hub, model_path, tmp_path):
    pushed = musegan("models", "push", model_path, "me/tiny", HF_TOKEN="secret")
    assert pushed.stdout.strip() == f"{hub.address}/me/tiny"
    assert hub.files == {"model.safetensors": model_path.read_bytes()}
    pulled = musegan("models", "pull", "me/tiny")
    path = tmp_path / "models" / "me" / "tiny.safetensors"
    assert pulled.stdout.strip() == str(path)
    assert path.read_bytes() == model_path.read_bytes()
    assert sorted(tmp_path.glob("models/me/*")) == [path]  # nothing else is left
    off = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    rows = json.loads(musegan("models", "--json", **off).stdout)
    bundled = [("band", "bundled"), ("chorale", "bundled")]
    assert [(row["name"], row["from"]) for row in rows] == [*bundled, ("me/tiny", str(path))]
    musegan("generate", "--bars", 1, "--model", "me/tiny", "--seed", 1, "-o", "a.mid", **off)
    assert "exists already" in musegan("models", "pull", "me/tiny", code=1).stderr


@pytest.mark.parametrize(
    ("listed", "message"), [({"size": 5}, "should have 5"), ({"sha256": "0" * 64}, "SHA-256 .* should have 0")]
)
def test_a_file_that_is_not_what_the_hub_lists_is_not_kept(musegan, hub, model_path, tmp_path, listed, message):
    hub.files["model.safetensors"] = model_path.read_bytes()
    hub.listed |= listed
    assert re.search(message, musegan("models", "pull", "me/tiny", code=1).stderr)
    assert not list((tmp_path / "models").rglob("*.safetensors"))


def test_what_is_no_model_of_ours_is_not_kept(musegan, hub, tmp_path):
    hub.files["config.json"] = b"{}"
    assert "no file model.safetensors" in musegan("models", "pull", "me/tiny", code=1).stderr
    hub.files["model.safetensors"] = b"something else"
    assert "not a musegan file" in musegan("models", "pull", "me/tiny", code=1).stderr
    assert not list((tmp_path / "models").rglob("*.safetensors"))


def test_what_goes_wrong_is_one_sentence(musegan, model_path):
    for arguments, variables, message in (
        (("pull", "you/gone"), {}, "you/gone cannot be pulled"),
        (("pull", "me/tiny"), {"HF_ENDPOINT": "http://127.0.0.1:9"}, "me/tiny cannot be pulled"),
        (("pull", "../tiny"), {}, "OWNER/NAME"),
        (("push", model_path, "me/tiny"), {"HF_TOKEN": "wrong"}, "me/tiny cannot be pushed to"),
    ):
        errors = musegan("models", *arguments, code=1, **variables).stderr
        assert message in errors
        assert "Traceback" not in errors


def listing(**changes):
    """What a hub says of a repository, with changes."""
    file = {
        "rfilename": "model.safetensors",
        "size": 4,
        "lfs": {"sha256": "0" * 64, "size": 4, "pointerSize": 130},
    }
    file |= changes.pop("file", {})
    return json.dumps({"id": "me/tiny", "sha": COMMIT, "siblings": [file], "tags": [], **changes}).encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"<html><body>Welcome</body></html>", b"[]", b"", b"null", b"{}", b"[" * 100_000, b"\xff\xfe", b'"text"',
        listing(siblings=5), listing(siblings=[5]), listing(siblings=[{}]), listing(sha=None), listing(sha=7),
        listing(sha="../../x"), listing(sha="\n"), listing(file={"size": "4"}), listing(file={"lfs": 3}),
        listing(file={"lfs": {"sha256": 5, "size": 4, "pointerSize": 1}}), listing(file={"lfs": {}}),
        listing(file={"rfilename": None}),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_that_of_a_hub_is_one_sentence(hub, tmp_path, monkeypatch, answer):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setenv("MUSEGAN_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    hub.answers = answer
    with pytest.raises(MuseganError) as caught:
        pull_model("me/tiny")
    assert "me/tiny" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "models").rglob("*") if path.is_file()]


def test_a_download_that_is_ended_leaves_nothing(hub, tmp_path, model_path):
    hub.files["model.safetensors"] = model_path.read_bytes()
    hub.slow = threading.Event()
    models = tmp_path / "models"
    variables = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf"), "MUSEGAN_MODELS": str(models)}
    command = [sys.executable, "-m", "musegan", "models", "pull", "me/tiny"]
    process = subprocess.Popen(command, env={**os.environ, **variables, "HF_HUB_DISABLE_XET": "1"})
    assert hub.asked.wait(60)
    process.terminate()
    assert process.wait(30) == 143
    hub.slow.set()
    assert not [path for path in models.rglob("*") if path.is_file()]
