"""The diagram of docs/architecture.md, drawn from the imports: `python docs/rooms.py` writes it anew."""

import sys
from collections import Counter
from pathlib import Path

import grimp

PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- made by docs/rooms.py: begin -->", "<!-- end -->"
# Rooms on one line do not import each other. Each uses the lines above it.
FLOORS = (
    ("workers",),
    ("data", "model"),
    ("pictures", "validation", "tracking"),
    ("evaluation",),
    ("audit",),
    ("report", "registry"),
    ("serving", "review", "experiments", "batch"),
    ("monitoring",),
    ("stages", "cli"),
)


def imports_between_rooms() -> Counter[tuple[str, str]]:
    """(importing room, imported room) → number of imports between their modules. The ground is left out."""
    graph = grimp.build_graph("digits", "stages", cache_dir=None)
    rooms = {room for floor in FLOORS for room in floor}
    found: Counter[tuple[str, str]] = Counter()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            pair = _room(importer), _room(imported)
            if pair[0] != pair[1] and rooms.issuperset(pair):
                found[pair] += 1
    return found


def diagram() -> str:
    """A Mermaid diagram and a table, as Markdown."""
    found = imports_between_rooms()
    lines = ["```mermaid", "flowchart BT"]
    for number, floor in enumerate(FLOORS):
        lines += [f"  subgraph floor{number}[ ]", "    direction LR", *(f"    {room}" for room in floor), "  end"]
    lines += [f"  {importer} --> {imported}" for importer, imported in sorted(_reduced(set(found)))]
    lines += ["```", "", "All imports between rooms (an arrow that another path implies is not drawn above):", ""]
    lines += ["| room | imports from |", "|---|---|"]
    for floor in FLOORS:
        for room in floor:
            uses = [f"{imported} {count}" for (importer, imported), count in sorted(found.items()) if importer == room]
            lines.append(f"| {room} | {', '.join(uses) or 'the ground alone'} |")
    return "\n".join(lines)


def page() -> str:
    """The whole of architecture.md with the present diagram."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}\n\n{diagram()}\n\n{END}{after}"


def _room(module: str) -> str:
    first, _, rest = module.partition(".")
    return "stages" if first == "stages" else rest.partition(".")[0]


def _reduced(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that no path of two or more others implies."""

    def reaches(start: str, goal: str, skip: tuple[str, str]) -> bool:
        nexts = [b for a, b in arrows if a == start and (a, b) != skip]
        return goal in nexts or any(reaches(room, goal, skip) for room in nexts)

    return {arrow for arrow in arrows if not reaches(*arrow, skip=arrow)}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
