"""One compiled kernel serves all lengths and batches."""

import pytest
import torch

from examples.cases import CASES
from tests.support import backend, oracle

PROGRAMS = ("full", "causal", "window", "gqa_expand", "relative_bias", "differential", "padding")


def count():
    """(graphs that Dynamo traced, kernels that we compiled)."""
    return backend.graphs_compiled(), backend.kernels_compiled() if backend.IS_OURS else 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_new_length_compiles_nothing(name):
    case = CASES[name]
    fn = backend.compiled(case.fn, dynamic=True)
    fn(*case.make(B=2, H=4, S=40, D=32))
    before = count()
    for S in (41, 129, 300, 64, 521):
        args = case.make(B=2, H=4, S=S, D=32)
        oracle.check(fn(*args), case.fn, args, length=S)
    assert count() == before


def test_a_new_batch_compiles_nothing():
    case = CASES["causal"]
    fn = backend.compiled(case.fn, dynamic=True)
    fn(*case.make(B=2, H=3, S=40, D=32))
    before = count()
    for B in (3, 7, 4):
        args = case.make(B=B, H=3, S=40 + B, D=32)
        oracle.check(fn(*args), case.fn, args, length=40)
    assert count() == before


def test_a_marked_length_compiles_nothing():
    case = CASES["causal_alibi"]
    fn = backend.compiled(case.fn)
    counts = []
    for S in (50, 51, 200):
        args = case.make(H=2, S=S, D=64)
        for x in args[:3]:
            torch._dynamo.mark_dynamic(x, 2)
        oracle.check(fn(*args), case.fn, args, length=S)
        counts.append(count())
    assert counts[1:] == counts[:1] * 2


def test_a_static_graph_of_another_length_reuses_the_kernel():
    """Dynamo traces each static shape anew; our kernel is symbolic and must not be built again."""
    if not backend.IS_OURS:
        pytest.skip("counts our kernels")
    case = CASES["causal"]
    backend.compiled(case.fn, dynamic=False)(*case.make(H=2, S=96, D=64))
    before = backend.kernels_compiled()
    torch._dynamo.reset()
    args = case.make(H=2, S=160, D=64)
    oracle.check(backend.compiled(case.fn, dynamic=False)(*args), case.fn, args, length=160)
    assert backend.kernels_compiled() == before


def test_a_cache_that_grows_by_one_key():
    """Decoding: one query row, the keys longer at each step."""
    case = CASES["one_query"]
    fn = backend.compiled(case.fn, dynamic=True)
    fn(*case.make(H=4, S=100, D=64))
    before = count()
    for S in range(101, 108):
        args = case.make(H=4, S=S, D=64)
        oracle.check(fn(*args), case.fn, args, length=S)
    assert count() == before
