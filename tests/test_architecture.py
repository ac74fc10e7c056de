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
files text random_streams schema
music
config options midi metrics
networks render corpus
models
composing
evaluation training live synthesis assistants
studio
cli
"""
"""From the ground up: a room may import itself and what is on the lines above."""
LEVEL = {name: number for number, names in enumerate(ROOMS.strip().splitlines()) for name in names.split()}


def name_of(path):
    """The full name of the module in a file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    return module.split(".")[1]


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem[0] != "_"}
"""All but ``musegan`` itself and ``__main__``, which stand above the rooms."""


def modules_named_by(path):
    """Full names of what a file imports, in its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            yield from (f"{node.module}.{item.name}" for item in node.names)


def modules_imported_by(path):
    """Modules of the house that a file imports, in its functions too; of what a module has, the module."""
    for name in modules_named_by(path):
        if name.startswith("musegan."):
            yield name if name in MODULES else name.rpartition(".")[0]


def test_every_room_has_a_place():
    assert {room_of(module) for module in MODULES} == set(LEVEL)
    assert len(MODULES) > 100


def test_imports_point_down_only():
    upward = [
        (module, target)
        for module, path in MODULES.items()
        for target in modules_imported_by(path)
        if target != "musegan"
        and room_of(target) != room_of(module)
        and LEVEL[room_of(target)] >= LEVEL[room_of(module)]
    ]
    assert upward == []


def test_nothing_in_a_room_imports_the_whole_house():
    """``import musegan`` there would reach every room; the command line asks it for the version."""
    users = [module for module, path in MODULES.items() if "musegan" in modules_imported_by(path)]
    assert {room_of(module) for module in users} <= {"cli"}


def test_there_are_no_circles():
    """Inside the rooms too. The ``__init__`` of a room that stands for its modules counts as those who import it
    see it."""
    targets = {
        module: {t for t in modules_imported_by(path) if t in MODULES} - {module}
        for module, path in MODULES.items()
    }
    assert sum(map(len, targets.values())) > 300
    left = dict(targets)
    while leaves := [module for module, found in left.items() if not found & left.keys()]:
        for module in leaves:
            del left[module]
    assert sorted(left) == []


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
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    declared = {item.name: node.module for node in block.body for item in node.names}
    assert declared == musegan._HOMES
    assert sorted([*declared, "__version__"]) == sorted(musegan.__all__)
    assert all(getattr(musegan, name).__module__ == home for name, home in declared.items())
