"""Sources of raw data for the tests of this folder."""

import io

import numpy as np
import pytest
from support.raw_sources import ARRAYS, Web, folder_source, npm_source


@pytest.fixture
def web():
    web = Web()
    yield web
    web.close()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["npz", "npz compressed", "idx", "folder plain", "folder gz", "npm"])
def good_source(request, web, here, monkeypatch):
    match request.param:
        case "npz":
            return {"kind": "npz", "url": f"{web.url}/good.npz"}
        case "npz compressed":
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **ARRAYS)
            web.pages["/good.npz"] = buffer.getvalue()
            return {"kind": "npz", "url": f"{web.url}/good.npz"}
        case "idx":
            return {"kind": "idx", "url": f"{web.url}/gz/"}
        case "npm":
            return npm_source(web, here, monkeypatch)
        case kind:
            return folder_source(here / "local", compress=kind.endswith("gz"))
