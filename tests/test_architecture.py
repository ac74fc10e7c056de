"""The house: imports point down only, and what needs no torch starts without it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import musegan

PACKAGE = Path(__file__).parents[1] / "musegan"

ROOMS = """
errors
files text
music
config midi metrics
networks render corpus
composing
evaluation training live synthesis
studio
cli
"""
"""From the ground up: a room may import itself and what is on the lines above."""

EXCEPTION = ("music/piece.py", "render")  # Piece.write and its view in a notebook


def imports_of(path):
    """Rooms that a file imports, in its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            names = [node.module] if node.module != "musegan" else [f"musegan.{item.name}" for item in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("musegan."))


def test_imports_point_down_only():
    level = {name: number for number, names in enumerate(ROOMS.strip().splitlines()) for name in names.split()}
    files = [path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    files += PACKAGE.glob("*/__init__.py")
    assert len(files) > 20
    upward = []
    for path in files:
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        assert room in level, f"{room} has no place: add it to ROOMS"
        for target in imports_of(path):
            if target != room and level[target] >= level[room]:
                upward.append((path.relative_to(PACKAGE).as_posix(), target))
    assert upward == [EXCEPTION]


def modules_named_by(path):
    """Full names of what a file imports, in its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{item.name}" for item in node.names)


def test_only_evaluation_reads_the_independent_features():
    sealed = "musegan.metrics.independent"
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(f"{name}.".startswith(f"{sealed}.") for name in modules_named_by(path))
    }
    assert "metrics/independent/__init__.py" in readers  # the search finds imports
    assert [name for name in sorted(readers) if not name.startswith(("metrics/independent/", "evaluation/"))] == []


def test_errors_outside_the_command_line_name_fields_and_no_options():
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "cli"]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error"):
                found = re.findall(r"(?<!pip install )--[a-z]+", ast.unparse(node))
                assert not found, f"{path.name} says {found}: name the field instead"


@pytest.mark.parametrize(
    "code",
    [
        "import musegan",
        "import musegan.cli",
        "import musegan.corpus, musegan.corpus.dataset, musegan.midi, musegan.render",
        "import musegan.metrics, musegan.metrics.distance, musegan.music.piece",
        "import musegan.metrics.independent, musegan.metrics.structure, musegan.metrics.two_sample",
    ],
)
def test_torch_stays_unloaded(code):
    check = "import sys; print([m for m in ('torch', 'matplotlib', 'music21', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_where_they_say_and_known_to_type_checkers():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    declared = {item.name: node.module for node in block.body for item in node.names}
    assert declared == musegan._HOMES
    assert sorted([*declared, "__version__"]) == sorted(musegan.__all__)
    assert all(getattr(musegan, name).__module__ == home for name, home in declared.items())
