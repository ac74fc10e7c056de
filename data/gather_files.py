"""The corpus of the bundled model, laid out as it was prepared: files that are known by their hash.

    python data/gather_files.py SOURCE... -o data/corpus [--list data/FILES.csv]

SOURCE are folders and archives with the files of `data/FILES.csv`, under whatever names. Each one is copied to the
name that the list gives it, so that the dataset which is prepared from the folder is that of the bundled model.
What is not found is counted by folder.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections import Counter
from pathlib import Path

from musegan.corpus.sources import find_files, read_items
from musegan.files import atomic_write


def gather(sources: list[str], names: dict[str, str], folder: Path) -> set[str]:
    """Copy the files whose SHA-256 is in ``names`` to the names there, below `folder`; returns these hashes."""
    found = set()
    for item in read_items(find_files(sources)):
        if item.content is None:
            print(f"{item.name}: {item.problem}")
            continue
        data = item.content if isinstance(item.content, bytes) else Path(item.content).read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest in names and digest not in found:
            with atomic_write(folder / names[digest]) as temporary:
                temporary.write_bytes(data)
            found.add(digest)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--list", type=Path, default=Path(__file__).with_name("FILES.csv"))
    options = parser.parse_args()
    with open(options.list, newline="", encoding="utf-8") as file:
        names = {row["sha256"]: row["file"] for row in csv.DictReader(file)}
    found = gather(options.sources, names, options.output)
    print(f"{len(found)} of {len(names)} files are in {options.output}")
    missing = Counter(name.split("/")[0] for digest, name in names.items() if digest not in found)
    for folder, count in sorted(missing.items()):
        print(f"{count} of {folder} are missing")


if __name__ == "__main__":
    main()
