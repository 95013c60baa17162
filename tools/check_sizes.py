"""Limits of files, functions and the whole. `python -m tools.check_sizes`."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import tree

FILE_WARN, FILE_FAIL = 400, 600
FUNCTION_WARN, FUNCTION_FAIL = 40, 80
BINDING_FAIL = 300
PASS_HEADER_WARN = 40
LONG_FILE_SHARE_WARN = 0.25

# Budgets of physical lines. Raising one takes a commit that edits the number and says why.
# 800 -> 1550: the first guess had no room for the table of ATen ops (600 lines), for evaluating a
# program by torch ops when no kernel can be made (150), and for explain's text (150).
# 1550 -> 1700: which devices get kernels, and what a call on a GPU is told (90).
# 1700 -> 1780: short products as sums that the host compiler fuses (60).
# 1780 -> 1820: calls that name their tensors one by one (35).
FRONT_DOOR_BUDGET = 1820
# 10000 -> 17000: IR with proofs of ranges 3700, transforms with the solver 3700, tile with its own
# interpreter and verifier 2600, emitter 2700, the rest 3100 (counted when the CPU slice landed).
# 17000 -> 25000: the CUDA back end 5700 (the general path 1500, fragments with the tensor-core and
# Hopper paths 3200, plans and text the rest), its runtime on the driver and NVRTC 1200, schedules
# and their choice 500.
# 25000 -> 25400: rings of values that change with the row (110), operands that are made once (80),
# rows that come in pieces of eight bytes (130).
# 25400 -> 25800: indices from memory are checked, in both interpreters and on both back ends (170).
# 25800 -> 26600: tiles that data leave out (what may be asked 100, the test in a kernel, its
# interpreter and verifier 270, CPU text 170), and room for what comes beside it.
# 26600 -> 27400: what becomes of a score of -inf and what follows a reference are derived where
# they were tried on random numbers (ranges 230, degrees 180); masks after a softmax (90).
CORE_BUDGET = 27_400

# Path or path:function -> why it may be longer. The list may only shrink: an entry that is no
# longer needed fails.
EXCEPTIONS: dict[str, str] = {}

# Texts whose braces mean nothing: raw strings, comments, strings, characters, directives, and
# macros that stand alone in a line.
OPAQUE = re.compile(
    r'R"(?P<tag>[^()\s]*)\(.*?\)(?P=tag)"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*|^[A-Z][A-Z0-9_]*\([^\n]*\)$",
    re.DOTALL | re.MULTILINE,
)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b(?!.*\))", re.DOTALL)
NAME = re.compile(r"([\w~:]+)\s*\(")


def blank(match: re.Match) -> str:
    return "\n" * match[0].count("\n")


def cxx_functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, first line, lines) of each body whose enclosing braces are all namespaces or types.
    A heuristic over braces: good enough to find long functions, not a parser."""
    code = OPAQUE.sub(blank, text)
    open_braces: list[tuple[str, str, int]] = []  # kind, name, first line
    head, line, head_line = "", 1, 1
    closed = ("", 0)  # the function that ended last: its name and first line
    for char in code:
        if char == "{":
            kind, name = "block", ""
            if all(outer == "scope" for outer, _, _ in open_braces):
                if SCOPE.search(head):
                    kind = "scope"
                elif head.strip()[:1] in ("", ","):  # what ended was a member initializer: x_{x} {
                    kind, (name, head_line) = "function", closed
                elif found := NAME.search(head):
                    kind, name = "function", found[1]
            open_braces.append((kind, name, head_line))
        elif char == "}" and open_braces:
            kind, name, first = open_braces.pop()
            if kind == "function":
                closed = (name, first)
                yield name, first, line - first + 1
        if char in "{};":
            head = ""
        else:
            if not head.strip():
                head_line = line + (char == "\n")
            head += char
        line += char == "\n"


def python_functions(text: str) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def file_limit(path: Path) -> int:
    binding = path.parent == Path("python") and path.suffix == ".cpp"
    return BINDING_FAIL if binding else FILE_FAIL


class Sizes:
    """Collects what is over a limit, and which exceptions were needed."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.warnings: list[str] = []
        self.used: set[str] = set()

    def limit(self, key: str, what: str, lines: int, warn: int, fail: int) -> None:
        text = f"{what}: {lines} lines"
        if lines > fail and key in EXCEPTIONS:
            self.used.add(key)
        elif lines > fail:
            self.failures.append(f"{text} (limit {fail})")
        elif lines > warn:
            self.warnings.append(f"{text} (aim {warn})")

    def add_file(self, path: Path, text: str) -> None:
        warn = PASS_HEADER_WARN if path.match("src/transform/*.h") else FILE_WARN
        self.limit(str(path), str(path), text.count("\n"), warn, file_limit(path))
        functions = python_functions if path.suffix == ".py" else cxx_functions
        for name, first, lines in functions(text):
            where = f"{path}:{first}: {name}"
            self.limit(f"{path}:{name}", where, lines, FUNCTION_WARN, FUNCTION_FAIL)


def check_totals(sizes: Sizes, lengths: dict[Path, int]) -> None:
    door = sum(n for p, n in lengths.items() if p.is_relative_to("python/torch_flashlight"))
    core = {
        path: lines
        for path, lines in lengths.items()
        if path.parts[0] in ("src", "include") and "device" not in path.parts
    }
    total = sum(core.values())
    sizes.limit("front door", "python/torch_flashlight", door, FRONT_DOOR_BUDGET, FRONT_DOOR_BUDGET)
    sizes.limit("core", "src and include without device code", total, CORE_BUDGET, CORE_BUDGET)
    long = sum(lines for lines in core.values() if lines > FILE_WARN)
    if long > LONG_FILE_SHARE_WARN * total:
        sizes.warnings.append(f"{long} of {total} core lines live in files over {FILE_WARN} lines")


def measure(root: Path) -> Sizes:
    sizes = Sizes()
    lengths = {}
    for path in tree.files(root, (*tree.CXX, ".py")):
        text = (root / path).read_text()
        lengths[path] = text.count("\n")
        sizes.add_file(path, text)
    check_totals(sizes, lengths)
    for key in EXCEPTIONS.keys() - sizes.used:
        sizes.failures.append(f"{key}: the exception is no longer needed")
    return sizes


def check(root: Path) -> list[str]:
    sizes = measure(root)
    for warning in sizes.warnings:
        print(f"warning: {warning}")
    return sizes.failures


if __name__ == "__main__":
    sys.exit(tree.report("check_sizes", check))
