"""Every example program in every dtype, lengths that do and do not fill tiles."""

import pytest
import torch

from examples.cases import CASES
from tests.gpu.on_gpu import check, compiled, to_gpu

NAMES = list(CASES)
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
LENGTHS = (1000, 512, 129, 17)
PAYS = 512  # from here on scores are more than operands: every program gets a kernel
HEAD_DIMS = (64, 128, 32, 96, 40, 80, 256, 16)


def sizes(name: str, S: int, D: int) -> dict:
    """Two heads in groups of two where a program groups them; two sequences."""
    grouped = CASES[name].accepts("Hk")
    found = {"B": 2, "H": 4 if grouped else 2, "S": S, "D": D}
    return found | ({"Hk": 2} if grouped else {})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_lengths(name, dtype):
    """One compiled function meets all lengths: the first is a size of the graph, then a symbol,
    which a graph for 512 has. Where a shorter one is compiled anew, the host may do it as well."""
    case, fn = CASES[name], compiled(CASES[name].fn)
    D = HEAD_DIMS[NAMES.index(name) % 2]  # 64 and 128 take turns
    for S in LENGTHS:
        args = to_gpu(case.make(**sizes(name, S, D), dtype=DTYPES[dtype]))
        check(case.fn, args, S, run=fn, ours=S >= PAYS)


@pytest.mark.parametrize("name", NAMES)
def test_a_rarer_head_dim(name):
    case = CASES[name]
    D = HEAD_DIMS[2 + NAMES.index(name) % (len(HEAD_DIMS) - 2)]
    S = max(200, 2 * D)  # else scores are less than operands, and the host has them
    args = to_gpu(case.make(**sizes(name, S, D), dtype=torch.bfloat16))
    check(case.fn, args, S)
