"""The diagram of the pipeline, drawn from dvc.yaml: `python docs/pipeline.py` writes docs/images/pipeline.svg anew."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from digits.files import write_text

PAGE = Path(__file__).parent / "images" / "pipeline.svg"
_DVC = Path(__file__).parents[1] / "dvc.yaml"
_WIDTH, _HEIGHT = 84, 30
_STORE = 220
_STEP, _ROW = 104, 52
# It follows a light or dark screen.
_STYLE = """
rect { fill: #ffffff; stroke: #5b6b7b; stroke-width: 1.2 } .store { stroke-dasharray: 4 3 }
text { fill: #1c2733; font: 13px system-ui, sans-serif; text-anchor: middle; dominant-baseline: central }
path { fill: none; stroke: #8a99a8; stroke-width: 1.2 } path.record { stroke-dasharray: 4 3 }
marker path { fill: #8a99a8 }
@media (prefers-color-scheme: dark) {
  rect { fill: #1e2731; stroke: #9fb0c0 } text { fill: #e6edf3 }
}
"""
# What writes into MLflow, see digits/tracking and digits/registry.
_RECORDED = ("train", "register")


def needs() -> dict[str, set[str]]:
    """The stages of dvc.yaml: {stage: the stages whose outs it reads}."""
    stages: dict[str, dict[str, Any]] = YAML(typ="safe").load(_DVC)["stages"]
    made = {
        _path(out): name
        for name, stage in stages.items()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, [])
    }
    return {
        name: {made[dep] for dep in stage.get("deps", []) if dep in made} - {name} for name, stage in stages.items()
    }


def svg() -> str:
    """The diagram: a column for each step, an arrow where a stage needs another and no third one between them."""
    graph = needs()

    @cache
    def above(stage: str) -> frozenset[str]:
        return frozenset(graph[stage]).union(*map(above, graph[stage]))

    @cache
    def step(stage: str) -> int:
        return 1 + max(map(step, graph[stage]), default=-1)

    columns = [[name for name in graph if step(name) == at] for at in range(1 + max(map(step, graph)))]
    rows = max(map(len, columns))
    place = {
        name: ((at + 0.5) * _STEP, (row + 0.5 + (rows - len(column)) / 2) * _ROW)
        for at, column in enumerate(columns)
        for row, name in enumerate(column)
    }
    arrows = [
        _arrow(place[need], place[name])
        for name in graph
        for need in sorted(graph[name])
        if not any(need in above(other) for other in graph[name])
    ]
    width, height = len(columns) * _STEP, rows * _ROW + 62
    store = width / 2, rows * _ROW + 40
    arrows += [_record(place[name], store) for name in _RECORDED]
    boxes = [_box(name, *at) for name, at in place.items()]
    boxes += [_box("MLflow: runs and registry", *store, wide=_STORE, kind="store")]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" width="{width}" '
            f'height="{height}">',
            f"<title>The stages of dvc.yaml: {', '.join(graph)}. {' and '.join(_RECORDED)} write into MLflow.</title>",
            f"<style>{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z"/></marker></defs>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _path(out: str | dict[str, Any]) -> str:
    return out if isinstance(out, str) else next(iter(out))


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    x1, x2 = x1 + _WIDTH / 2, x2 - _WIDTH / 2 - 1
    middle = (x1 + x2) / 2
    return f'<path marker-end="url(#tip)" d="M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"/>'


def _record(stage: tuple[float, float], store: tuple[float, float]) -> str:
    (x, y), (middle, level) = stage, store
    head = f'<path class="record" marker-end="url(#tip)" d="M{x:g} {y + _HEIGHT / 2:g}'
    half = _STORE / 2
    if abs(x - middle) < half:
        return f'{head}L{x:g} {level - _HEIGHT / 2 - 1:g}"/>'
    side = middle + (half + 1 if x > middle else -half - 1)
    return f'{head}C{x:g} {level:g} {x:g} {level:g} {side:g} {level:g}"/>'


def _box(name: str, x: float, y: float, wide: int = _WIDTH, kind: str = "stage") -> str:
    rect = (
        f'<rect class="{kind}" x="{x - wide / 2:g}" y="{y - _HEIGHT / 2:g}" width="{wide}" height="{_HEIGHT}" rx="6"/>'
    )
    return f'{rect}<text x="{x:g}" y="{y:g}">{name}</text>'


if __name__ == "__main__":
    write_text(PAGE, svg())
