"""The documents say what is true: paths exist, code runs, commands exist.

`python -m tools.check_docs` reads; with --run it also runs every Python block."""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import tree

DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "HACKING.md", "docs/**/*.md")
# A document names a header as an include does, and a module as an import does.
PATH_ROOTS = ("", "src", "include", "python", "python/torch_flashlight", "docs")

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
FILE_NAME = re.compile(r".+\.(py|pyi|cpp|h|cu|cuh|def|md|toml|txt|yaml|json|cmake)")
ASSIGNMENT = re.compile(r"^\w+=\S*$")
BUILTINS = {"cd", "export", "source", "."}
RUN_TIMEOUT_S = 900


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int


def documents(root: Path) -> list[Path]:
    return sorted(path for pattern in DOCUMENTS for path in root.glob(pattern))


def blocks(text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 2)


def is_path(root: Path, word: str) -> bool:
    """Whether a word of inline code claims to be a path of this tree."""
    if not PATH.fullmatch(word):
        return False
    if FILE_NAME.fullmatch(word) and not word.startswith("."):
        return True
    first = word.split("/")[0]
    return "/" in word and any((root / base / first).is_dir() for base in PATH_ROOTS)


def exists(root: Path, document: Path, word: str) -> bool:
    bases = [root / base for base in PATH_ROOTS] + [document.parent]
    if "/" not in word:
        bases += [folder for folder in (root / "src").rglob("*") if folder.is_dir()]
        bases += [root / "tools", root / "examples", root / "bench", root / "tests/python"]
    return any(any(base.glob(word.rstrip("/"))) for base in bases if base.is_dir())


def check_paths(root: Path, document: Path, text: str) -> Iterator[str]:
    prose = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(prose.splitlines(), 1):
        words = [word for word in INLINE.findall(line) if is_path(root, word)]
        links = [link.split("#")[0] for link in LINK.findall(line) if "://" not in link]
        for word in words:
            if not exists(root, document, word):
                yield f"{number}: no such path: {word}"
        for link in links:
            if link and not (document.parent / link).exists():
                yield f"{number}: dead link: {link}"


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command line, without prompts, comments and leading assignments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = line.split("#")[0].removeprefix("$ ").split()
        while words and ASSIGNMENT.match(words[0]):
            words.pop(0)
        if words:
            yield words


def command_failure(root: Path, words: list[str]) -> str | None:
    command = words[0]
    if command == "make":
        makefile = root / "Makefile"
        rules = makefile.read_text() if makefile.exists() else ""
        for target in words[1:]:
            if target.isalpha() and not re.search(rf"^{target}:", rules, re.MULTILINE):
                return f"no such make target: {target}"
        return None
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    known = command in BUILTINS or shutil.which(command, path=search) or (root / command).exists()
    return None if known else f"no such command: {command}"


def check_blocks(root: Path, text: str) -> Iterator[str]:
    for block in blocks(text):
        if block.language == "python":
            try:
                ast.parse(block.text)
            except SyntaxError as error:
                yield f"{block.line}: {error.msg}"
        if block.language in ("bash", "sh", "console"):
            for words in commands(block):
                if failure := command_failure(root, words):
                    yield f"{block.line}: {failure}"


def check_runs(root: Path, text: str) -> Iterator[str]:
    """Runs the Python blocks of one document in order, in one interpreter, as a reader would."""
    code = [block for block in blocks(text) if block.language == "python"]
    if not code:
        return
    # Blank lines put each block at its own line, so that a traceback names the document's line.
    script = ""
    for block in code:
        script += "\n" * (block.line - 1 - script.count("\n")) + block.text
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
    )
    if run.returncode:
        yield f"{code[0].line}: the Python blocks fail:\n{run.stderr}"


def check(root: Path, run: bool = False) -> list[str]:
    failures = []
    for document in documents(root):
        text = document.read_text()
        found = [*check_paths(root, document, text), *check_blocks(root, text)]
        if run:
            found += check_runs(root, text)
        failures += [f"{document.relative_to(root)}:{failure}" for failure in found]
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(prog="check_docs")
    parser.add_argument("--root", type=Path, default=tree.ROOT)
    parser.add_argument("--run", action="store_true", help="run the Python blocks")
    arguments = parser.parse_args()
    failures = check(arguments.root, arguments.run)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
