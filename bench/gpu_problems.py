"""What is measured on a GPU: the cells of FlashAttention's papers, FlexAttention's variants, and
programs that neither can express."""

from dataclasses import dataclass
from functools import cached_property

import torch

from bench.problems import MAX_ORACLE, Problem
from examples import prefix, window
from examples.tensors import positions

TOKENS, WIDTH = 16384, 2048  # batch times length, heads times head dim
VARIANT_SIZES = {"B": 4, "H": 16, "S": 4096, "D": 64}
OWN_SIZES = {
    "differential": {"B": 2, "H": 16, "S": 8192, "D": 64},
    "evoformer": {"B": 8, "N": 256, "H": 4, "S": 256, "D": 64},
    "invariant_point": {"B": 1, "H": 8, "S": 2048, "D": 16},
}
VARIANTS = ("full", "causal", "alibi", "softcap", "window", "prefix", "document")


@dataclass
class GpuProblem(Problem):
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
        return tuple(x[:1, :1] for x in result) if self.long else result

    def checked_args(self) -> tuple:
        if not self.long:
            return self.args
        B, H = self.sizes["B"], self.sizes["H"]

        def first(x):
            if x.dim() == 4:
                return x[:1, :1] if x.shape[:2] == (B, H) else x
            return x[:1] if x.dim() == 1 and x.shape[0] == H else x

        return tuple(first(x) for x in self.args)

    def density(self) -> float:
        """Share of the scores that count; causal is a half, as everybody has it."""
        q, k, _, *rest = self.args
        if self.name == "causal":
            return 0.5
        i, j = positions(q.shape[-2], k.shape[-2], q.device)
        live = {
            "window": lambda: (j <= i) & (i - j <= window.WINDOW),
            "prefix": lambda: (j <= i) | (j < prefix.PREFIX),
            "document": lambda: rest[0][:, None] == rest[0][None, :],
        }
        return live[self.name]().float().mean().item() if self.name in live else 1.0

    def flops(self) -> float | None:
        """Of the two products (four with two maps); None where nobody counts alike."""
        B, H, S, D = (self.sizes[key] for key in "BHSD")
        if self.name in VARIANTS:
            return 4 * B * H * S * S * D * self.density()
        per_score = {"differential": 12 * D, "evoformer": 4 * D * self.sizes.get("N", 1)}
        return B * H * S * S * per_score[self.name] if self.name in per_score else None


def problems(quick: bool, dtype: torch.dtype, only: list[str]) -> list[GpuProblem]:
    lengths = (4096,) if quick else (4096, 1024, 16384)
    dense = [
        {"B": TOKENS // S, "H": WIDTH // D, "S": S, "D": D} for S in lengths for D in (128, 64)
    ]
    found = [GpuProblem(name, sizes, dtype) for sizes in dense for name in ("full", "causal")]
    found += [GpuProblem(name, VARIANT_SIZES, dtype) for name in VARIANTS[2:]]
    found += [GpuProblem(name, sizes, dtype) for name, sizes in OWN_SIZES.items()]
    return [p for p in found if not only or p.name in only]
