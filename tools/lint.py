"""What pre-commit, `make lint` and CI run: formats, ruff and our own checkers, on all files."""

import argparse
import subprocess
import sys

from tools import tree


def steps(fix: bool) -> list[list[str]]:
    sources = [str(path) for path in tree.files(tree.ROOT, tree.CXX)]
    style = ["clang-format", "-i"] if fix else ["clang-format", "--dry-run", "-Werror"]
    formatting = [
        [*style, *sources],
        ["ruff", "check", "-q", *(["--fix"] if fix else []), "."],
        ["ruff", "format", "-q", *([] if fix else ["--check"]), "."],
    ]
    checkers = ["check_layers", "check_sizes", "check_docs"]
    return formatting + [[sys.executable, "-m", f"tools.{name}"] for name in checkers]


def main() -> int:
    parser = argparse.ArgumentParser(prog="lint")
    parser.add_argument("--fix", action="store_true", help="rewrite what can be rewritten")
    failed = []
    for step in steps(parser.parse_args().fix):
        # Each step runs even if an earlier one failed: one run shows all there is to mend.
        if subprocess.run(step, cwd=tree.ROOT).returncode:
            failed.append(" ".join(step[:3]))
    for step in failed:
        print(f"lint: failed: {step}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
