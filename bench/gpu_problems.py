"""What is measured on a GPU: the cells of FlashAttention's papers, FlexAttention's variants, and
programs that neither can express."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from bench.problems import MAX_ORACLE, Problem
from examples import invariant_point, prefix, window
from examples.cases import CASES, Case
from examples.tensors import positions

TOKENS, WIDTH = 16384, 2048  # batch times length, heads times head dim
VARIANTS = ("full", "causal", "alibi", "softcap", "window", "prefix", "document")
VARIANT_SIZES = [{"B": 4, "H": 16, "S": 4096, "D": 64}, {"B": 4, "H": 16, "S": 4096, "D": 128}]
GROUPED = {"B": 4, "H": 16, "Hk": 2, "S": 4096, "D": 128}
POINTS = {"B": 1, "H": 8, "S": 2048, "D": 16, "P": 4}
OWN_SIZES = {
    "differential": {"B": 2, "H": 16, "S": 8192, "D": 64},
    "evoformer": {"B": 32, "N": 256, "H": 4, "S": 256, "D": 64},
    "invariant_point_scalars": POINTS,
    "invariant_point": POINTS | {"C": 128},
    "rectified": {"B": 4, "H": 16, "S": 4096, "D": 128},
    "rotary": {"B": 4, "H": 16, "S": 4096, "D": 128},
    "query_key_norm": {"B": 4, "H": 16, "S": 4096, "D": 128},
    "windows": {"B": 1024, "H": 4, "S": 49, "D": 32},
}
MODELS = ("rotary", "query_key_norm", "windows")  # what real models do to queries and keys
WIDE = {"B": 1, "H": 8, "S": 16384, "D": 256}
TYPED = [{"B": 4, "H": 16, "S": 4096, "D": D} for D in (128, 64)]
PARTS = ("dense", "variants", "own", "types")


def without_pair(*args):
    """Invariant point attention without its output over pairs."""
    return invariant_point.attention(*args)[:3]


OWN_CASES = {"invariant_point_scalars": replace(CASES["invariant_point"], fn=without_pair)}


@dataclass
class GpuProblem(Problem):
    tf32: bool = False  # products of float32 may round their operands, as torch's setting has it

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.") + (" tf32" if self.tf32 else "")

    @property
    def label(self) -> str:
        return super().label + (" tf32" if self.tf32 else "")

    @property
    def case(self) -> Case:
        return OWN_CASES.get(self.name) or CASES[self.name]

    @cached_property
    def args(self) -> tuple:
        with torch.device("cuda"):
            return self.case.make(**self.sizes, dtype=self.dtype)

    @property
    def long(self) -> bool:
        return self.sizes["S"] > MAX_ORACLE

    def checked(self, result) -> tuple:
        """The part that is compared with the oracle: of a long problem one head of one sequence."""
        result = result if isinstance(result, tuple) else (result,)
        if self.name == "evoformer":
            return tuple(x[:1] for x in result)
        return tuple(x[:1, :1] for x in result) if self.long else result

    def checked_args(self) -> tuple:
        B, heads = self.sizes["B"], (self.sizes["H"], self.sizes.get("Hk"))
        if self.name == "evoformer":
            return tuple(x[:1] for x in self.args)
        if not self.long:
            return self.args

        def first(x):
            if x.dim() == 4:
                return x[:1, :1] if x.shape[0] == B and x.shape[1] in heads else x
            return x[:1] if x.dim() == 1 and x.shape[0] == heads[0] else x

        return tuple(first(x) for x in self.args)

    def density(self) -> float:
        """Share of the scores that count; causal is a half, as everybody has it."""
        if self.name in ("causal", "gqa_repeat", "rotary"):
            return 0.5
        if self.name not in ("window", "prefix", "document"):
            return 1.0
        q, k, _, *rest = self.args
        i, j = positions(q.shape[-2], k.shape[-2], q.device)
        live = {
            "window": lambda: (j <= i) & (i - j <= window.WINDOW),
            "prefix": lambda: (j <= i) | (j < prefix.PREFIX),
            "document": lambda: rest[0][:, None] == rest[0][None, :],
        }
        return live[self.name]().float().mean().item()

    def flops(self) -> float | None:
        """Of the two products (four with two maps); None where nobody counts alike."""
        B, H, S, D = (self.sizes[key] for key in "BHSD")
        if self.name in (*VARIANTS, "gqa_repeat", "rectified", *MODELS):
            return 4 * B * H * S * S * D * self.density()
        per_score = {"differential": 12 * D, "evoformer": 4 * D * self.sizes.get("N", 1)}
        return B * H * S * S * per_score[self.name] if self.name in per_score else None


def part_of(name: str, dtype: torch.dtype) -> list[GpuProblem]:
    if name == "dense":
        sizes = [
            {"B": TOKENS // S, "H": WIDTH // D, "S": S, "D": D}
            for S in (4096, 1024, 16384)
            for D in (128, 64)
        ]
        found = [GpuProblem(n, s, dtype) for s in sizes for n in ("full", "causal")]
        return [*found, GpuProblem("full", WIDE, dtype)]
    if name == "variants":
        dense = ("full", "causal")  # at D 128 they are cells of that part
        found = [
            GpuProblem(n, s, dtype)
            for s in VARIANT_SIZES
            for n in VARIANTS
            if s["D"] == 64 or n not in dense
        ]
        return [*found, GpuProblem("gqa_repeat", GROUPED, dtype)]
    if name == "own":
        return [GpuProblem(n, s, dtype) for n, s in OWN_SIZES.items()]
    kinds = [(torch.float16, False), (torch.float32, False), (torch.float32, True)]
    return [
        GpuProblem(n, s, t, tf32=tf32)
        for t, tf32 in kinds
        if t != dtype
        for s in TYPED
        for n in ("full", "causal")
    ]


def problems(parts, dtype: torch.dtype, only: list[str], quick: bool = False) -> list[GpuProblem]:
    found = [p for part in parts for p in part_of(part, dtype)]
    if quick:
        found = [p for p in found if p.sizes["S"] == 4096 and p.name in ("full", "causal")]
    return [p for p in found if not only or p.name in only]
