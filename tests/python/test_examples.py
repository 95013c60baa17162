"""Every example program: right values in every dtype and length, one kernel, no scores stored.

The sizes are a covering set, not a product: head dims rotate over the programs; lengths run through
one compiled function; the graph is inspected where it is compiled anyway.
"""

import pytest
import torch

from examples.cases import CASES
from tests.support import backend, oracle

NAMES = list(CASES)
LENGTHS = (129, 521, 17, 127, 1)
HEAD_DIMS = (64, 40, 80, 96, 16, 128, 32, 256)
RARE_DTYPES = (torch.float16, torch.float64)


def sizes(name: str, S: int) -> dict:
    """Two heads in groups of two where a program groups them; one sequence."""
    grouped = CASES[name].accepts("Hk")
    found = {"H": 4 if grouped else 2, "S": S, "D": HEAD_DIMS[NAMES.index(name) % len(HEAD_DIMS)]}
    return found | ({"Hk": 2} if grouped else {})


@pytest.mark.parametrize("name", NAMES)
def test_all_lengths_in_fp32(name):
    case = CASES[name]
    fn = backend.compiled(case.fn, dynamic=True)
    for S in LENGTHS:
        args = case.make(**sizes(name, S))
        oracle.check(fn(*args), case.fn, args, length=S)


@pytest.mark.parametrize("name", NAMES)
def test_bf16(name):
    case = CASES[name]
    args = case.make(**sizes(name, 129), dtype=torch.bfloat16)
    oracle.check(backend.compiled(case.fn)(*args), case.fn, args, length=129)


@pytest.mark.parametrize("name", NAMES)
def test_a_rarer_dtype(name):
    """fp16 and fp64 take turns over the programs; the batch has two sequences."""
    case = CASES[name]
    dtype = RARE_DTYPES[NAMES.index(name) % len(RARE_DTYPES)]
    args = case.make(**sizes(name, 65), B=2, dtype=dtype)
    oracle.check(backend.compiled(case.fn)(*args), case.fn, args, length=65)


@pytest.mark.parametrize("name", NAMES)
def test_one_kernel_and_no_scores(name):
    """At a length where anything of the size of the scores is larger than inputs and outputs."""
    case, S = CASES[name], 257
    small = {"columns": 1} if case.accepts("columns") else {"N": 1} if case.accepts("N") else {}
    args = case.make(**sizes(name, S) | {"D": 16}, **small)
    queries = 1 if name == "one_query" else S
    with backend.recorded_sizes() as nodes:
        got = backend.compiled(case.fn)(*args)
    oracle.check(got, case.fn, args, length=S)
    if queries > 1:
        backend.check_no_scores(nodes, elements=S * min(S, 131))
    passes = 2 if name == "softmax_normalised" else 1
    backend.check_kernels(case.fn, args, most=case.kernels, passes=passes)
