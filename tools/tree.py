"""What the checkers share: which files belong to the project."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CXX = (".h", ".cpp", ".cuh", ".cu")
GENERATED = {"build", "dist", "__pycache__"}


def files(root: Path, suffixes: Iterable[str]) -> list[Path]:
    """Relative paths, sorted, without hidden and generated folders."""
    found = []
    for folder, names, leaves in os.walk(root):
        names[:] = [n for n in names if n not in GENERATED and not n.startswith(".")]
        found += [Path(folder, leaf).relative_to(root) for leaf in leaves]
    return sorted(path for path in found if path.suffix in tuple(suffixes))


def report(name: str, check: Callable[[Path], list[str]]) -> int:
    """Runs one checker as a command: prints each failure, and returns the exit status."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--root", type=Path, default=ROOT)
    failures = check(parser.parse_args().root)
    for failure in failures:
        print(failure)
    return 1 if failures else 0
