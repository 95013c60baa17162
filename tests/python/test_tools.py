"""Each checker passes on a good tree and fails on a bad one."""

from pathlib import Path

import pytest

from tools import check_docs, check_layers, check_sizes, embed, lint, tree


@pytest.fixture
def plant(tmp_path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


HEADERS = dict.fromkeys(
    (
        "src/support/error.h",
        "src/ir/node.h",
        "src/ir/builder.h",
        "src/tile/kernel.h",
        "src/transform/online.h",
        "src/runtime/module.h",
        "src/codegen/cpu/emit.h",
        "src/codegen/cpu/device/simd.h",
        "include/flashlight/flashlight.h",
    ),
    "#pragma once\n",
)


@pytest.mark.parametrize(
    ("path", "include"),
    [
        ("src/ir/node.cpp", '"support/error.h"'),
        ("src/ir/node.cpp", '"ir/builder.h"'),
        ("src/codegen/cpu/emit.cpp", '"tile/kernel.h"'),
        ("src/codegen/cpu/emit.cpp", '"ir/node.h"'),
        ("src/codegen/cpu/device/exp.h", '"simd.h"'),
        ("src/codegen/cpu/device/exp.h", "<immintrin.h>"),
        ("src/api/compile.cpp", '"flashlight/flashlight.h"'),
        ("src/api/compile.cpp", '"codegen/cpu/emit.h"'),
        ("src/runtime/cuda/load.cpp", "<cuda.h>"),
        ("python/bind.cpp", '"flashlight/flashlight.h"'),
        ("tests/unit/ir/node_test.cpp", '"transform/online.h"'),
    ],
)
def test_an_include_along_the_table_passes(plant, path, include):
    assert check_layers.check(plant(HEADERS | {path: f"#include {include}\n"})) == []


@pytest.mark.parametrize(
    ("path", "include", "reason"),
    [
        ("src/support/hash.cpp", '"ir/node.h"', "support may not include this"),
        ("src/tile/lower.cpp", '"transform/online.h"', "tile may not include this"),
        ("src/codegen/emit.cpp", '"ir/builder.h"', "codegen may not include this"),
        ("src/codegen/emit.cpp", '"codegen/cpu/emit.h"', "codegen may not include this"),
        ("src/codegen/cuda/emit.cpp", '"codegen/cpu/emit.h"', "codegen/cuda may not"),
        ("src/codegen/cpu/device/exp.h", '"tile/kernel.h"', "only its own folder"),
        ("src/runtime/load.cpp", '"ir/node.h"', "runtime may not include this"),
        ("src/ir/node.cpp", '"../support/error.h"', "never with ../"),
        ("src/ir/node.cpp", '"node.h"', "no such header"),
        ("src/ir/node.cpp", '"flashlight/flashlight.h"', "only api"),
        ("src/ir/node.cpp", "<cuda_runtime.h>", "CUDA headers"),
        ("src/runtime/cpu/load.cpp", "<nvrtc.h>", "CUDA headers"),
        ("src/api/compile.cpp", "<ATen/ATen.h>", "Torch headers"),
        ("tests/unit/ir/node_test.cpp", "<torch/torch.h>", "Torch headers"),
        ("python/bind.cpp", '"tile/kernel.h"', "clients may not"),
        ("include/flashlight/flashlight.h", '"ir/node.h"', "stands alone"),
        ("src/misc/x.cpp", '"ir/node.h"', "not in the table"),
    ],
)
def test_an_include_against_the_table_fails(plant, path, include, reason):
    failures = check_layers.check(plant(HEADERS | {path: f"// first\n#include {include}\n"}))
    assert len(failures) == 1
    assert failures[0].startswith(f"{path}:2: ")
    assert reason in failures[0]


def test_a_link_edge_against_the_table_fails(plant):
    root = plant({"src/CMakeLists.txt": "flashlight_library(ir support)\n"})
    assert check_layers.check(root) == []
    root = plant({"src/CMakeLists.txt": "flashlight_library(tile transform support)\n"})
    assert check_layers.check(root) == ["src/CMakeLists.txt: tile may not link transform"]


def cxx_function(lines: int) -> str:
    body = "  call('{', \"}\");  // }\n" * (lines - 2)
    return f"namespace a {{\nstruct S {{\n  int x;\n}};\nint f(int x) {{\n{body}}}\n}}\n"


def python_function(lines: int) -> str:
    return "def f():\n" + "    call()\n" * (lines - 1)


@pytest.mark.parametrize(
    ("path", "make"), [("src/ir/a.cpp", cxx_function), ("bench/a.py", python_function)]
)
def test_long_functions_warn_then_fail(plant, path, make):
    assert not check_sizes.measure(plant({path: make(40)})).warnings
    assert "f: 41 lines (aim 40)" in check_sizes.measure(plant({path: make(41)})).warnings[0]
    assert check_sizes.measure(plant({path: make(80)})).failures == []
    assert "f: 81 lines (limit 80)" in check_sizes.measure(plant({path: make(81)})).failures[0]


def test_methods_and_constructors_count_as_functions():
    constructor = "  A(int x)\n      : x_{x} {\n    f();\n  }\n"
    text = "class A {\n" + constructor + "  int g() const { return 1; }\n};\n"
    found = set(check_sizes.cxx_functions(text))
    assert {("A", 2, 4), ("g", 6, 1)} <= found


def test_a_raw_string_is_no_code():
    text = 'int f() {\n  return g(R"x(\n}}}\n)x");\n}\n'
    assert list(check_sizes.cxx_functions(text)) == [("f", 1, 5)]


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [("src/ir/a.cpp", 600, 601), ("python/bind.cpp", 300, 301)],
)
def test_long_files_fail(plant, path, good, bad):
    assert check_sizes.measure(plant({path: "\n" * good})).failures == []
    assert len(check_sizes.measure(plant({path: "\n" * bad})).failures) == 1


def test_budgets_are_kept(plant):
    door = {f"python/torch_flashlight/m{i}.py": "\n" * 300 for i in range(7)}
    assert check_sizes.measure(plant(door)).failures == [
        f"python/torch_flashlight: {7 * 300} lines (limit {check_sizes.FRONT_DOOR_BUDGET})"
    ]
    core = {f"src/ir/m{i}.cpp": "\n" * 400 for i in range(70)}
    device = {"src/codegen/cpu/device/a.h": "\n" * 400}
    failures = check_sizes.measure(plant(core | device)).failures
    assert (
        f"src and include without device code: {70 * 400} lines (limit {check_sizes.CORE_BUDGET})"
        in failures
    )


def test_an_exception_must_be_needed(plant, monkeypatch):
    monkeypatch.setattr(check_sizes, "EXCEPTIONS", {"src/ir/a.cpp": "a table"})
    assert check_sizes.check(plant({"src/ir/a.cpp": "\n" * 700})) == []
    assert check_sizes.check(plant({"src/ir/a.cpp": "\n"})) == [
        "src/ir/a.cpp: the exception is no longer needed"
    ]


GOOD_DOCUMENT = """# Title
See `src/ir/node.h`, `ir/node.h`, `src/{ir,tile}/*.h`, `bf16/fp16`, [why](docs/why.md).
```python
x = 1
```
```python
assert x == 1
```
```bash
make demo  # comment
FLASHLIGHT_DEBUG=source python examples/a.py
```
"""
DOCUMENT_TREE = {
    "src/ir/node.h": "",
    "docs/why.md": "",
    "Makefile": "demo:\n\ttrue\n",
}


def test_a_true_document_passes(plant):
    assert check_docs.check(plant(DOCUMENT_TREE | {"README.md": GOOD_DOCUMENT}), run=True) == []


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("`src/ir/gone.h`", "no such path: src/ir/gone.h"),
        ("`ir/gone/`", "no such path: ir/gone/"),
        ("`gone.py`", "no such path: gone.py"),
        ("[x](docs/gone.md)", "dead link: docs/gone.md"),
        ("```bash\nmake gone\n```", "no such make target: gone"),
        ("```sh\nno-such-command-here -x\n```", "no such command: no-such-command-here"),
        ("```python\nx = = 1\n```", "invalid syntax"),
    ],
)
@pytest.mark.parametrize("name", ["README.md", "docs/deep/page.md"])
def test_a_false_document_fails(plant, name, text, failure):
    failures = check_docs.check(plant(DOCUMENT_TREE | {name: f"\n{text}\n"}))
    assert len(failures) == 1
    assert failures[0].startswith(name)
    assert failure in failures[0]


def test_a_python_block_that_raises_fails_only_when_run(plant):
    root = plant({"README.md": "# T\n```python\nx = 1\nassert x == 2\n```\n"})
    assert check_docs.check(root) == []
    failures = check_docs.check(root, run=True)
    assert len(failures) == 1
    assert "line 4" in failures[0]
    assert "AssertionError" in failures[0]


def test_embedded_text_is_the_file(plant):
    text = '#define A "x\\n"  // )"\n' + "// long\n" * 10_000
    root = plant({"a.h": text, "empty.h": ""})
    literal = embed.embed("cpu", [root / "a.h", root / "empty.h"])
    chunks = literal.split('R"flashlight(')[1:-1]
    assert "".join(chunk.rsplit(')flashlight"', 1)[0] for chunk in chunks) == text
    assert len(chunks) > 1
    with pytest.raises(ValueError, match="holds the text"):
        embed.literal(')flashlight"')


def test_generated_folders_are_not_ours(plant):
    root = plant({"src/a.h": "", "build/b.h": "", ".venv/c.h": "", "src/__pycache__/d.h": ""})
    assert tree.files(root, [".h"]) == [Path("src/a.h")]


def test_lint_runs_every_checker():
    commands = [" ".join(step) for step in lint.steps(fix=False)]
    for tool in ("clang-format --dry-run", "ruff check", "ruff format", "layers", "sizes", "docs"):
        assert any(tool in command for command in commands)
