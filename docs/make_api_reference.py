"""Make the API reference of the package from its docstrings: a folder of web pages.

python docs/make_api_reference.py [FOLDER]

Needs pdoc: pip install -e '.[docs]'. FOLDER is build/api when left out; open its index.html.
"""

from __future__ import annotations

import argparse
import pkgutil
from pathlib import Path

from pdoc import doc, render

import musegan


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the API reference of the package.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/api"))
    folder = parser.parse_args().folder
    for name in musegan.__all__:  # resolved when they are first used, so that pdoc finds no trace of them
        vars(musegan)[name] = getattr(musegan, name)
    names = [module.name for module in pkgutil.walk_packages(musegan.__path__, "musegan.")]
    modules = {name: doc.Module.from_name(name) for name in ("musegan", *names) if not name.endswith("__main__")}
    render.configure(docformat="numpy", search=False)
    for name, module in modules.items():
        page = folder / f"{name.replace('.', '/')}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render.html_module(module, modules), encoding="utf-8")
    (folder / "index.html").write_text(render.html_index(modules), encoding="utf-8")
    print(folder / "index.html")


if __name__ == "__main__":
    main()
