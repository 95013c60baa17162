"""Who may include whom: the architecture as a table. `python -m tools.check_layers`."""

import re
import sys
from pathlib import Path

from tools import tree

# Folder of src -> what it may include beside itself: folders, or single headers.
# Of the IR, what addresses and expressions are printed from: no passes, no programs.
IR_FOR_CODEGEN = (
    "ir/degrees.h",
    "ir/node.h",
    "ir/op_table.h",
    "ir/ops.def",
    "ir/ranges.h",
    "ir/rewrite.h",
    "ir/simplify.h",
    "ir/type.h",
)
LAYERS = {
    "support": (),
    "ir": ("support",),
    "analysis": ("ir", "support"),
    "transform": ("analysis", "ir", "support"),
    "tile": ("analysis", "ir", "support"),
    "codegen": ("tile", *IR_FOR_CODEGEN, "support"),
    "codegen/cpu": ("codegen", "tile", *IR_FOR_CODEGEN, "support"),
    "codegen/cuda": ("codegen", "tile", *IR_FOR_CODEGEN, "support"),
    # What a device folder holds is compiled with a kernel, where nothing of the host tree exists.
    "codegen/cpu/device": (),
    "codegen/cuda/device": (),
    # The runtime sees text and pointers.
    "runtime": ("support",),
    "runtime/cpu": ("runtime", "support"),
    "runtime/cuda": ("runtime", "support"),
}
LAYERS["api"] = (*LAYERS, "flashlight")

# Clients see the public header, and: the binding builds programs and asks for regions, so it sees
# the IR and the entry points; micro-benchmarks time the device headers.
CLIENTS = {
    "python": ("api", "ir", "runtime", "support", "transform"),
    "examples": (),
    "bench": ("codegen/cpu/device",),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CUDA = re.compile(r"^(cuda|nvrtc|cublas|cudnn|cutlass|cute|nvJitLink|cooperative_groups)\b|^cuda_")
CUDA_FOLDERS = ("src/runtime/cuda", "src/codegen/cuda/device")
TORCH = re.compile(r"^(torch|ATen|c10|caffe2)/")
EDGES = re.compile(r"^flashlight_library\(([^)]*)\)", re.MULTILINE)


def layer_of(path: str) -> str | None:
    """The innermost row of the table that holds `path` (relative to src)."""
    rows = [row for row in LAYERS if path.startswith(row + "/")]
    return max(rows, key=len, default=None)


def may_include(layer: str, target: str) -> bool:
    home = layer_of(target)
    return (
        any(allowed in (layer, home, target) for allowed in LAYERS[layer] if allowed != layer)
        or home == layer
    )


def check_include(root: Path, path: Path, quoted: bool, target: str) -> str | None:
    """Why `path` may not include `target`, or None."""
    folder = path.parent.as_posix()
    if ".." in Path(target).parts:
        return "includes are written from the root, never with ../"
    if TORCH.match(target):
        return "Torch headers are used nowhere: tensors cross as pointers and strides"
    if CUDA.match(target) and not folder.startswith(CUDA_FOLDERS):
        return "CUDA headers are for runtime/cuda and codegen/cuda/device alone"
    if folder.endswith("/device"):
        ours = not quoted or (root / path.parent / target).exists()
        return None if ours else "a device header may include only its own folder"
    public = (root / "include" / target).exists()
    internal = (root / "src" / target).exists()
    if path.parts[0] == "include":
        return "the public header stands alone" if internal or (quoted and not public) else None
    if path.parts[0] in CLIENTS:
        own = (root / path.parent / target).exists()
        shown = target.rpartition("/")[0] in CLIENTS[path.parts[0]]
        return None if public or own or shown or not quoted else "clients may not include this"
    if path.parts[0] != "src":
        return None
    if not internal:
        if public and path.parts[1] != "api":
            return "only api may include the public header"
        return "no such header under src or include" if quoted and not public else None
    layer = layer_of(path.relative_to("src").as_posix())
    if layer is None:
        return "this folder is not in the table of layers"
    return None if may_include(layer, target) else f"{layer} may not include this"


def check_edges(root: Path) -> list[str]:
    """The link edges of src/CMakeLists.txt may not go beyond the table."""
    cmake = root / "src/CMakeLists.txt"
    failures = []
    for edge in EDGES.findall(cmake.read_text()) if cmake.exists() else []:
        folder, *dependencies = edge.split()
        allowed = {entry.split("/")[0] for entry in LAYERS.get(folder, ())} | set(LAYERS[folder])
        for dependency in dependencies:
            if dependency not in allowed:
                failures.append(f"src/CMakeLists.txt: {folder} may not link {dependency}")
    return failures


def check(root: Path) -> list[str]:
    failures = check_edges(root)
    for path in tree.files(root, tree.CXX):
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            if match := INCLUDE.match(line):
                reason = check_include(root, path, match[1] == '"', match[2])
                if reason:
                    failures.append(f"{path}:{number}: {match[2]}: {reason}")
    return failures


if __name__ == "__main__":
    sys.exit(tree.report("check_layers", check))
