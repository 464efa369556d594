"""The pictures of pages are taken from the running product."""

import pytest
from PIL import Image


@pytest.mark.long
@pytest.mark.slow
def test_each_picture_is_taken(project, tmp_path, browser):
    project.run("python", "docs/screenshots.py", "--to", str(tmp_path / "images"))
    sizes = {}
    for path in (tmp_path / "images").iterdir():
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
            # More than paper: a page that did not load has one colour.
            assert len(picture.convert("RGB").getcolors(2**20)) > 50
    assert sizes == {"report.png": (1180, 1420), "draw.png": (1000, 640), "runs.png": (1500, 620)}
