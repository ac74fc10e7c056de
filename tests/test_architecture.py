"""The house: imports point down only, and what needs no torch starts without it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "musegan"

LEVELS = [
    "errors",
    "spec",
    "files pianoroll harmony config chords soundfont",
    "piece dataset packing note_table metrics masks controls midi features",
    "distance originality corpus phrases render playback networks processes describe",
    "losses ema augmentation checkpoint monitor",
    "generation",
    "wishes calibration",
    "model sampling trainer",
    "training evaluation",
    "cli",
]


def imports_of(path):
    """Modules of the package that a file imports when it is loaded: names below ``musegan.``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nested = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.If))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in nested and node.module:
            names = [node.module] if node.module != "musegan" else [f"musegan.{item.name}" for item in node.names]
            yield from (name.split(".")[1] for name in names if name.startswith("musegan."))


def test_imports_point_down_only():
    level = {name: number for number, names in enumerate(LEVELS) for name in names.split()}
    files = [path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert len(files) > 20
    for path in files:
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        assert room in level, f"{room} has no level: add it to LEVELS"
        for target in imports_of(path):
            allowed = level[target] <= level[room]
            assert allowed, f"{path.name} (level {level[room]}) imports {target} (level {level[target]})"


@pytest.mark.parametrize(
    "code",
    [
        "import musegan",
        "import musegan.cli",
        "import musegan.corpus, musegan.dataset, musegan.midi, musegan.render",
        "import musegan.metrics, musegan.distance, musegan.piece",
    ],
)
def test_torch_stays_unloaded(code):
    check = "import sys; print([m for m in ('torch', 'matplotlib', 'music21') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
