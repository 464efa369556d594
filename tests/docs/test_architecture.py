"""The diagram of docs/architecture.md is the one that docs/rooms.py draws from the imports."""

import pytest
from support.project import ROOT
from support.scripts import docs_script


@pytest.fixture(scope="module")
def rooms():
    return docs_script("rooms")


def test_the_page_is_current(rooms):
    assert rooms.PAGE.read_text(encoding="utf-8") == rooms.page(), "run `python docs/rooms.py`"


def test_every_room_is_on_a_floor(rooms):
    folders = {path.parent.name for path in (ROOT / "digits").glob("*/__init__.py")}
    # The schema of the parameters is ground.
    assert {room for floor in rooms.FLOORS for room in floor} == folders - {"params"} | {"stages"}


def test_no_import_goes_up(rooms):
    floor_of = {room: number for number, floor in enumerate(rooms.FLOORS) for room in floor}
    found = rooms.imports_between_rooms()
    assert len(found) > 20
    assert [(a, b) for a, b in found if floor_of[a] <= floor_of[b]] == []


def test_an_arrow_that_a_path_implies_is_not_drawn(rooms):
    arrows = {("c", "b"), ("b", "a"), ("c", "a"), ("d", "a")}
    assert rooms._reduced(arrows) == {("c", "b"), ("b", "a"), ("d", "a")}
