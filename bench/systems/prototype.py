"""The hand-written reference kernel (a folder given by --prototype), built for this machine.

The folder holds attn_f32.cpp with `int run(const Args*, int variant)`; where there is none, this
system is left out.
"""

import ctypes
import math
import subprocess
from pathlib import Path

import torch

NAME = "prototype"
FOLDER: Path | None = None
BUILD = Path(__file__).resolve().parents[2] / "build" / "prototype"
VARIANTS = {"full": 0, "causal": 1, "alibi": 2, "softcap": 3, "window": 4, "document": 5}
POINTERS = ("q", "k", "v", "out", "work")
SIZES = ("B", "H", "groups", "S", "Sk", "D")
TABLES = ("slopes", "bias", "doc", "doc_begin", "doc_end")


class Args(ctypes.Structure):
    """The prototype's own argument block."""

    _fields_ = [
        *[(name, ctypes.c_void_p) for name in POINTERS],
        *[(name, ctypes.c_int) for name in SIZES],
        ("scale", ctypes.c_float),
        *[(name, ctypes.c_void_p) for name in TABLES],
        ("cap", ctypes.c_float),
        ("window", ctypes.c_int),
    ]


def machine_flags() -> list[str]:
    """The prototype's own best flags for this instruction set."""
    flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    if "avx512f" in flags:
        return ["-march=native", "-mprefer-vector-width=512"]
    return ["-mavx2", "-mfma", "-DNV_=2"]


def library() -> ctypes.CDLL:
    """Compiled once a process: two seconds."""
    BUILD.mkdir(parents=True, exist_ok=True)
    target, source = BUILD / "attention.so", FOLDER / "attn_f32.cpp"
    common = "-std=c++20 -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math"
    common += " -fvisibility=hidden -fno-gnu-unique -shared -fPIC -DALLMODS"
    command = ["g++", *common.split(), *machine_flags(), str(source), "-o", str(target)]
    subprocess.run([*command, "-l:libgomp.so.1"], check=True)
    loaded = ctypes.CDLL(str(target))
    loaded.init()
    return loaded


def block(problem, out, work) -> tuple[Args, list[torch.Tensor]]:
    """The argument block, and the tensors that must live as long."""
    q, k, v, *rest = problem.args
    B, H, S, D = q.shape
    slopes = rest[0] if problem.name == "alibi" else torch.zeros(H)
    doc = rest[0].int() if problem.name == "document" else torch.zeros(S, dtype=torch.int32)
    begin = torch.searchsorted(doc, doc).int()
    end = torch.searchsorted(doc, doc, right=True).int()
    tables = [slopes, torch.zeros(1), doc, begin, end]
    pointers = [x.data_ptr() for x in (q, k, v, out)] + [(work.data_ptr() + 63) // 64 * 64]
    sizes = [B, H, H // k.shape[1], S, k.shape[-2], D]
    addresses = [x.data_ptr() for x in tables]
    return Args(*pointers, *sizes, 1 / math.sqrt(D), *addresses, 20.0, 256), [*tables, work]


def prepare(problem):
    dims = problem.args[0].shape
    wanted = problem.dtype == torch.float32 and len(dims) == 4 and dims[-1] in (64, 128)
    if FOLDER is None or problem.name not in VARIANTS or not wanted:
        return None
    B, H, S, D = dims
    out = torch.empty_like(problem.args[0])
    work = torch.empty(2 * B * H * (S + 256) * D + 4096)
    args, alive = block(problem, out, work)
    run, variant = library().run, VARIANTS[problem.name]

    def call():
        assert alive and run(ctypes.byref(args), variant) == 0
        return out

    return call
