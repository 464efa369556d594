"""The notebooks: no outputs are stored, both languages have the same code, and it reaches the pipeline's result."""

import base64
import io
import json
import re

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image
from support.long import long_after
from support.project import ROOT, copy_code, environment

from digits.data.raw import read_raw
from digits.evaluation.scores import ACCURACY

ENGLISH, INDONESIAN = "tour", "tur"
BOTH = pytest.mark.parametrize("name", [ENGLISH, INDONESIAN])


def read(name, folder=ROOT):
    return nbformat.read(folder / "notebooks" / f"{name}.ipynb", as_version=4)


def prose(notebook):
    """The text of the Markdown cells by their ids, without code, addresses of links and names that have a number."""
    cells = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "markdown"}
    return {id_: re.sub(r"`[^`]*`|\]\([^)]*\)|SHA-256", "", text) for id_, text in cells.items()}


def printed(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


def pictures(outputs):
    found = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(png))) for png in found]


@pytest.fixture
def own_jupyter(tmp_path, monkeypatch):
    """Jupyter without what the user's variables and home folder say: other kernels, start-up files, a history."""
    for name in (
        "JUPYTER_PATH",
        "JUPYTER_CONFIG_PATH",
        "MPLBACKEND",
        "MATPLOTLIBRC",
        "PYTHONWARNINGS",
        "PYTHONSTARTUP",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")


def execute(notebook, folder):
    """Run all cells in a kernel of its own that starts in a folder."""
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment(PYTHONDONTWRITEBYTECODE="1"))


def first_five(folder):
    labelled = read_raw(folder / "data" / "raw")["train"]
    return labelled.images[int(np.flatnonzero(labelled.labels == 5)[0])]


def snapshot(folder):
    """Every file of a folder, with its size and the time of its last change."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@BOTH
def test_it_is_stored_without_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.metadata == {}, cell.id
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), cell.id


@BOTH
def test_the_file_is_as_an_editor_saves_it(name):
    """Opening and saving a notebook changes nothing that git shows."""
    text = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def test_both_have_the_same_code_and_the_same_places_for_text():
    english, indonesian = read(ENGLISH).cells, read(INDONESIAN).cells
    assert [(cell.id, cell.cell_type) for cell in english] == [(cell.id, cell.cell_type) for cell in indonesian]
    for one, other in zip(english, indonesian, strict=True):
        same = one.source == other.source
        assert same == (one.cell_type == "code"), f"{one.id} {'differs' if not same else 'is not translated'}"


def test_both_link_to_each_other_and_to_the_same_files():
    links = {}
    for name in (ENGLISH, INDONESIAN):
        found = re.findall(r"\]\(([^)]*)\)", "".join(cell.source for cell in read(name).cells))
        assert [link for link in found if not (ROOT / "notebooks" / link).is_file()] == []
        links[name] = set(found)
    assert links[ENGLISH] ^ links[INDONESIAN] == {f"{INDONESIAN}.ipynb", f"{ENGLISH}.ipynb"}


@BOTH
def test_no_number_is_typed_that_the_code_computes(name):
    """A digit alone is the name of a class. Anything longer would be a size, a share or a score."""
    for id_, text in prose(read(name)).items():
        assert re.findall(r"\d+[.,×\d]+|\d+\s?(?:%|persen|percent)", text) == [], id_


@pytest.mark.slow
# Both have the same code.
@pytest.mark.parametrize("name", long_after(1, [ENGLISH, INDONESIAN]))
def test_on_the_sample_it_reaches_the_result_of_the_pipeline_and_writes_nothing(name, project, own_jupyter):
    notebook, before = read(name, project.folder), snapshot(project.folder)
    execute(notebook, project.folder / "notebooks")
    assert snapshot(project.folder) == before
    assert project.run("git", "status", "--porcelain").stdout == ""

    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}
    assert [output.text for cell in outputs.values() for output in cell if output.get("name") == "stderr"] == []
    assert "has the same" in printed(outputs["weights"])
    scores = json.loads(project.read("reports/metrics.json"))["test"]
    for key in ACCURACY.keys:
        assert ACCURACY.text(scores[key]) in printed(outputs["score"])
    drawn = {id_: pictures(cell) for id_, cell in outputs.items()}
    assert {id_ for id_, found in drawn.items() if found} == {"samples", "curves", "confusion-matrix", "worst", "own"}
    for id_, found in drawn.items():
        for picture in found:
            grey = np.asarray(picture.convert("L"))
            assert min(grey.shape) > 100 and len(np.unique(grey)) > 20, id_
    matrix = outputs["five"][0].data["text/html"]
    assert re.findall(r"<td [^>]*>(\d+)</td>", matrix) == [str(value) for value in first_five(project.folder).flat]
    lines = printed(outputs["own"]).splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["drawing: 4", "drawing: 7"]


@pytest.mark.slow
def test_without_the_data_it_says_in_one_line_what_to_do(tmp_path, own_jupyter):
    folder = copy_code(tmp_path).folder
    notebook = read(ENGLISH)
    with pytest.raises(CellExecutionError):
        execute(notebook, folder)
    (error,) = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert error.traceback == ["digits: there is no data/raw yet: run `dvc repro fetch` or `make repro` first"]
    assert error.ename == "DigitsError"
