"""What is measured: programs and sizes, and the bars each has to pass."""

from dataclasses import dataclass, field
from functools import cached_property

import torch

from examples.cases import CASES, Case

DENSE = ("full", "causal")
VARIANTS = ("alibi", "softcap", "causal", "window", "prefix")
OWN_SIZES = {  # programs that are not [B, H, S, D] attention, at sizes of their papers
    "differential": {"B": 1, "H": 8, "S": 2048, "D": 64},
    "evoformer": {"B": 1, "N": 64, "H": 4, "S": 256, "D": 32},
    "rectified": {"B": 1, "H": 8, "S": 2048, "D": 64},
    "invariant_point": {"B": 1, "H": 8, "S": 512, "D": 16},
}
MAX_ORACLE = 2048  # a longer problem is checked on one head: its fp64 scores would not fit


@dataclass
class Problem:
    name: str
    sizes: dict
    dtype: torch.dtype = torch.float32
    times: dict = field(default_factory=dict)  # system -> [ms]
    errors: dict = field(default_factory=dict)  # system -> (error, whether it counts)

    @property
    def case(self) -> Case:
        return CASES[self.name]

    @cached_property
    def args(self) -> tuple:
        return self.case.make(**self.sizes, dtype=self.dtype)

    @property
    def label(self) -> str:
        sizes = " ".join(f"{key}{value}" for key, value in self.sizes.items())
        return f"{self.name} {sizes} {str(self.dtype).removeprefix('torch.')}"

    @property
    def long(self) -> bool:
        return self.sizes["S"] > MAX_ORACLE

    def checked(self, result) -> tuple:
        """The part of a result that is compared with the oracle."""
        result = result if isinstance(result, tuple) else (result,)
        return tuple(x[:, :1] for x in result) if self.long else result

    def checked_args(self) -> tuple:
        """The inputs of that part: the first head of every tensor that has heads."""
        if not self.long:
            return self.args
        H = self.sizes["H"]
        first = {4: lambda x: x[:, :1], 1: lambda x: x[:1]}
        has_heads = {4: lambda x: x.shape[1] == H, 1: lambda x: x.shape[0] == H}
        return tuple(first[x.dim()](x) if has_heads[x.dim()](x) else x for x in self.args)


def problems(quick: bool, dtype: torch.dtype, only: list[str]) -> list[Problem]:
    """The issue's grid: dense and masked programs at two lengths and head dims, then the others."""
    lengths, dims = ((2048,), (64,)) if quick else ((2048, 8192), (64, 128))
    names = [*DENSE, *[x for x in VARIANTS if x not in DENSE], "document"]
    grid = [
        Problem(name, {"B": 1, "H": 8, "S": S, "D": D}, dtype)
        for S in lengths
        for D in dims
        for name in names
    ]
    grid += [Problem(name, sizes, dtype) for name, sizes in OWN_SIZES.items()]
    known = {p.name for p in grid}
    for name in only:
        if name not in known:
            sizes = {"B": 1, "H": 8, "S": 2048, "D": 64}
            accepted = {k: v for k, v in sizes.items() if CASES[name].accepts(k)}
            grid.append(Problem(name, accepted, dtype))
    return [p for p in grid if not only or p.name in only]
