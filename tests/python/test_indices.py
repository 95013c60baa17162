"""Indices from memory that are out of range: an error as in eager, no foreign memory is read."""

import pytest
import torch
import torch.nn.functional as F

from tests.support import backend, oracle

S, D, HEADS = 70, 32, 4


def table_by_index(q, k, v, table, idx):
    return (q @ k.mT / 8 + table[idx]).softmax(-1) @ v


def gathered(q, k, v, table, idx):
    return (q @ k.mT / 8 + table.expand(S, -1).gather(1, idx)).softmax(-1) @ v


def embedded(q, k, v, table, idx):
    return (q @ k.mT / 8 + F.embedding(idx, table[:, None])[..., 0]).softmax(-1) @ v


def keys_by_index(q, k, v, table, idx):
    return (q @ k[:, :, idx[0]].mT / 8).softmax(-1) @ v[:, :, idx[0]]


def keys_selected(q, k, v, table, idx):
    return (q @ k.index_select(-2, idx[0]).mT / 8).softmax(-1) @ v


def heads_by_index(q, k, v, table, idx):
    """One index for whole tiles: the operand is copied as it lies."""
    return (q @ k[:, idx[0, :HEADS] % HEADS + idx[1, :HEADS] // S].mT / 8).softmax(-1) @ v


def joined(q, k, v, table, idx):
    """Each half of a concatenation is read under a condition."""
    both = torch.cat([table[idx.clamp(0, S - 1)], table[idx]], 1)
    return (q @ k.mT / 8 + both[:, S // 2 : S // 2 + S]).softmax(-1) @ v


PROGRAMS = (table_by_index, gathered, embedded, keys_by_index, keys_selected, joined)


def arguments(dtype=torch.float32):
    q, k, v = (torch.randn(1, HEADS, S, D, dtype=dtype) for _ in range(3))
    return q, k, v, torch.randn(S, dtype=dtype), torch.randint(0, S, (S, S))


def with_index(args, value):
    idx = args[-1].clone()
    idx[0, 3] = idx[5, 69] = value
    return (*args[:-1], idx)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda f: f.__name__)
def test_an_index_out_of_range_is_an_error_that_names_the_size(fn, dtype):
    args, compiled = arguments(dtype), backend.compiled(fn)
    oracle.check(compiled(*args), fn, args, length=S)
    for value in (S, S + 1000, 2**32 + 1, -S - 1, -(2**40)):
        bad = with_index(args, value)
        with pytest.raises((IndexError, RuntimeError)):
            fn(*bad)
        with pytest.raises(IndexError, match=rf"out of bounds for dimension \d+ .*{S}"):
            compiled(*bad)
        oracle.check(compiled(*args), fn, args, length=S)


@pytest.mark.parametrize("fn", [table_by_index, keys_by_index, joined], ids=lambda f: f.__name__)
def test_a_negative_index_counts_from_the_end(fn):
    args = with_index(arguments(), -1)
    oracle.check(backend.compiled(fn)(*args), fn, args, length=S)


@pytest.mark.parametrize("fn", [gathered, embedded], ids=lambda f: f.__name__)
def test_a_negative_index_where_eager_takes_none(fn):
    args = with_index(arguments(), -1)
    with pytest.raises((IndexError, RuntimeError)):
        fn(*args)
    with pytest.raises(IndexError, match="index -1 is out of bounds"):
        backend.compiled(fn)(*args)


def test_an_index_of_whole_tiles():
    args, compiled = arguments(), backend.compiled(heads_by_index)
    oracle.check(compiled(*args), heads_by_index, args, length=S)
    bad = (*args[:-1], args[-1].clone())
    bad[-1][1, 2] = S * HEADS
    with pytest.raises(IndexError, match=rf"out of bounds for dimension 1 .*size {HEADS}"):
        compiled(*bad)
    oracle.check(compiled(*args), heads_by_index, args, length=S)


def test_what_no_result_reads_is_not_looked_at():
    """Eager raises here. The branch is not taken."""

    def causal(q, k, v, table, idx):
        scores = q @ k.mT / 8
        i, j = torch.arange(S)[:, None], torch.arange(S)
        bias = torch.where(idx < S, table[idx], 0.0)
        return (scores + bias).masked_fill(j > i, float("-inf")).softmax(-1) @ v

    args = arguments()
    bad = (*args[:-1], args[-1].clone())
    bad[-1][7, 5] = S  # where the branch is not taken

    def without(q, k, v, table, idx):
        table = torch.cat([table, torch.zeros(1, dtype=table.dtype)])
        i, j = torch.arange(S)[:, None], torch.arange(S)
        scores = q @ k.mT / 8 + table[idx]
        return scores.masked_fill(j > i, float("-inf")).softmax(-1) @ v

    oracle.check(backend.compiled(causal)(*bad), without, bad, length=S)
