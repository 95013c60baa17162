"""Layouts, shapes and values at the edge: each ends as eager PyTorch ends."""

import math

import pytest
import torch
import torch.nn.functional as F

from examples.cases import CASES
from tests.support import backend, oracle

LAYOUTS = ("packed", "strided", "column", "broadcast", "offset", "reversed_heads")
FREE_KEYS = [name for name, case in CASES.items() if case.accepts("Sk")]


def relaid(x, layout: str):
    """The same shape, other strides."""
    if layout == "packed":  # heads inside rows, as a QKV projection leaves them
        return x.transpose(1, 2).contiguous().transpose(1, 2)
    if layout == "strided":
        return torch.stack([x, torch.full_like(x, math.nan)], -1)[..., 0]
    if layout == "column":
        return x.mT.contiguous().mT
    if layout == "broadcast":
        return x[:, :1].expand(x.shape)
    if layout == "offset":  # an odd storage offset: no vector of it is aligned
        return torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape)
    return x.flip(1).contiguous().as_strided(x.shape, x.stride())


def check(fn, args, length: int, **options):
    oracle.check(backend.compiled(fn, **options)(*args), fn, args, length=length)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_layout(layout, dtype):
    case = CASES["causal"]
    args = [relaid(x, layout) for x in case.make(B=2, H=3, S=71, D=40, dtype=dtype)]
    check(case.fn, args, length=71)


def test_each_input_in_its_own_layout():
    case = CASES["causal"]
    args = case.make(B=2, H=3, S=71, D=48)
    args = [relaid(x, kind) for x, kind in zip(args, ("packed", "column", "strided"), strict=True)]
    check(case.fn, args, length=71)


def test_slices_of_one_packed_projection():
    def packed(x):
        q, k, v = x.view(2, 67, 3, 4, 32).permute(2, 0, 3, 1, 4)
        return CASES["causal"].fn(q, k, v).transpose(1, 2).flatten(2)

    check(packed, [torch.randn(2, 67, 3 * 4 * 32)], length=67)


def test_one_tensor_as_queries_keys_and_values():
    x = torch.randn(1, 2, 90, 64)
    check(CASES["full"].fn, [x, x, x], length=90)


@pytest.mark.parametrize("name", FREE_KEYS)
def test_other_length_of_keys(name):
    case = CASES[name]
    fn = backend.compiled(case.fn, dynamic=True)
    for S, Sk in ((70, 150), (150, 70)):
        if name == "causal_bottom_right" and Sk < S:
            continue  # rows without keys: test_masked_rows
        args = case.make(H=2, S=S, Sk=Sk, D=32)
        oracle.check(fn(*args), case.fn, args, length=Sk)


@pytest.mark.parametrize("name", ["full", "causal", "entropy", "softpick"])
@pytest.mark.parametrize("dims", [2, 3])
def test_without_batch(name, dims):
    case = CASES[name]
    args = [x[0] if dims == 3 else x[0, 0] for x in case.make(H=2, S=75, D=64)]
    check(case.fn, args, length=75)
    backend.check_kernels(case.fn, args)


@pytest.mark.parametrize("D", [16, 24, 40, 80, 96, 128, 160, 256])
def test_head_dim(D):
    case = CASES["causal_softcap"]
    check(case.fn, case.make(H=2, S=100, D=D), length=100)


@pytest.mark.parametrize("Dv", [1, 48, 192, 512])
def test_value_dim_of_its_own(Dv):
    case = CASES["cross"]
    args = case.make(H=2, S=100, D=64, Dv=Dv)
    check(case.fn, args, length=100)
    backend.check_kernels(case.fn, args)


@pytest.mark.parametrize("name", ["full", "causal", "gqa_expand", "log_sum_exp"])
@pytest.mark.parametrize("empty", [{"S": 0}, {"B": 0}], ids=str)
def test_empty(name, empty):
    case = CASES[name]
    check(case.fn, case.make(**{"H": 4, "S": 33, "D": 16} | empty), length=1)


@pytest.mark.parametrize("name", ["full", "causal", "sigmoid", "rectified"])
def test_no_keys(name):
    """A sum over nothing is zero, so softmax attention over no keys is zero too."""
    q, k, v, *rest = CASES[name].make(H=2, S=9, D=16)
    check(CASES[name].fn, [q, k[:, :, :0], v[:, :, :0], *rest], length=1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_a_row_without_a_live_key_under_a_finite_fill(dtype):
    """Such a row is not NaN: every key keeps its score plus the fill, so all weigh the same."""

    def attention(q, k, v, live):
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        i, j = torch.arange(q.shape[-2])[:, None], torch.arange(k.shape[-2])[None, :]
        fill = torch.finfo(q.dtype).min
        live = live[:, None] & (j <= i)
        return scores.masked_fill(~live, fill).softmax(-1) @ v

    q, k, v = CASES["full"].make(H=2, S=200, D=32, dtype=dtype)
    live = torch.arange(200) % 5 != 2
    check(attention, [q, k, v, live], length=200)


def test_causal_rows_before_the_first_key():
    """More queries than keys, aligned at the end: the first rows see nothing and are NaN."""
    case = CASES["causal_bottom_right"]
    check(case.fn, case.make(H=2, S=150, Sk=70, D=32), length=70)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf], ids=str)
@pytest.mark.parametrize("which", [0, 1], ids=["q", "k"])
@pytest.mark.parametrize("name", ["full", "causal"])
def test_special_value(name, which, value):
    case = CASES[name]
    args = case.make(H=2, S=80, D=32)
    args[which][0, 0, 37, 5] = value
    check(case.fn, args, length=80)


def test_nan_in_a_value_that_some_rows_do_not_see():
    """Eager gives 0 x NaN = NaN to rows that mask it; we may leave those rows finite, then right.
    docs/semantics.md names this as the one deliberate difference."""
    case = CASES["causal"]
    q, k, v = case.make(H=1, S=400, D=32)
    clean = oracle.oracle(case.fn, (q, k, v))[0]
    v[0, 0, 300] = math.nan
    got = backend.compiled(case.fn)(q, k, v)
    assert got[0, 0, 300:].isnan().all()
    finite = got.isfinite()
    assert oracle.error(got, clean, finite) <= oracle.allowed(clean.float(), clean, 400, ulps=4)


@pytest.mark.parametrize(
    "name", ["full", "causal", "alibi", "log_sum_exp", "sigmoid", "softmax_off_by_one", "softcap"]
)
def test_scores_of_1e30(name):
    case = CASES[name]
    q, k, *rest = case.make(H=2, S=140, D=32)
    args = [q * 1e15, k * 1e15, *rest]
    check(case.fn, args, length=140)


def test_equal_scores_average_the_values():
    case = CASES["causal"]
    q, k, v = case.make(H=2, S=140, D=32)
    check(case.fn, [torch.zeros_like(q), k, v], length=140)


def test_a_score_far_above_the_others():
    """The running maximum jumps late: everything summed before must vanish. The error is that of
    few scores whose large terms cancel, so that one draw says nothing: most of them must pass, and
    over all draws our errors are no larger than eager's."""
    case, missed, ours, eagers = CASES["full"], 0, 0.0, 0.0
    fn = backend.compiled(case.fn)
    for draw in range(60):
        torch.manual_seed(draw)
        q, k, v = (torch.randn(1, 2, 300, 32) for _ in range(3))
        k[:, :, 290] *= 60
        got, by_eager = fn(q, k, v), case.fn(q, k, v)
        (want,) = oracle.oracle(case.fn, (q, k, v))
        oracle.check_one(got, by_eager, want, length=300, ulps=30)
        missed += oracle.error(got, want) > oracle.allowed(by_eager, want, 300)
        ours += oracle.typical_error(got, want) ** 2
        eagers += oracle.typical_error(by_eager, want) ** 2
    assert missed < 30
    assert ours <= eagers


def written_out(guarded):
    """Attention and its log-sum-exp from maximum and sum, as written by hand."""

    def attention(q, k, v):
        mask = torch.arange(k.shape[-2]) <= torch.arange(q.shape[-2])[:, None] - 20
        scores = (q @ k.transpose(-2, -1) / 8).masked_fill(~mask, -math.inf)
        if guarded:
            return scores.logsumexp(-1)
        m = scores.amax(-1, keepdim=True)
        weights = (scores - m).exp()
        total = weights.sum(-1, keepdim=True)
        return weights @ v / (1 + total), (m + total.log()).squeeze(-1)

    return attention


@pytest.mark.parametrize("S", [33, 129])
def test_two_temperatures_under_a_mask(S):
    """In full tiles masked scores cost nothing, but another value lies in their memory."""

    def fn(q, k, v):
        i, j = torch.arange(S)[:, None], torch.arange(S)
        s = (q @ k.transpose(-2, -1) / 4).masked_fill(j > i + 7, -math.inf)
        return (s.softmax(-1) - 0.3 * (s * 0.5).softmax(-1)) @ v

    check(fn, CASES["full"].make(H=3, S=S, D=16), length=S)


IDIOMS = {  # rows without a key, as models treat them
    "zeroed": lambda s, mask: s.masked_fill(mask, -math.inf).softmax(-1).masked_fill(mask, 0.0),
    "where": lambda s, mask: torch.where(mask, 0.0, s.masked_fill(mask, -math.inf).softmax(-1)),
    "difference": lambda s, mask: sum(
        c * (t * s).masked_fill(mask, -math.inf).softmax(-1).masked_fill(mask, 0.0)
        for c, t in ((1, 1), (-0.3, 0.5))
    ),
    "not a number": lambda s, mask: s.masked_fill(mask, -math.inf).softmax(-1).nan_to_num(),
    "threshold": lambda s, mask: F.threshold(s.masked_fill(mask, -math.inf).softmax(-1), 0.02, 0.0),
    "above": lambda s, mask: (lambda w: torch.where(w > 0.02, w, 0.0))(
        s.masked_fill(mask, -math.inf).softmax(-1)
    ),
    "multiplied": lambda s, mask: s.masked_fill(mask, -math.inf).softmax(-1) * ~mask,  # NaN
    "exponentials": lambda s, mask: (  # 0 / 0
        lambda e: e / e.sum(-1, keepdim=True)
    )((s - s.amax(-1, keepdim=True)).exp().masked_fill(mask, 0.0)),
    "never zero": lambda s, mask: (lambda e: e / (e.sum(-1, keepdim=True) + 1e-6))(
        (s - s.amax(-1, keepdim=True)).exp().masked_fill(mask, 0.0)
    ),
}


@pytest.mark.parametrize("S", [70, 129])
@pytest.mark.parametrize("idiom", IDIOMS)
def test_rows_without_a_key(idiom, S):
    def fn(q, k, v, mask):
        return IDIOMS[idiom](q @ k.transpose(-2, -1) / 4, mask) @ v

    mask = torch.rand(S, S) < 0.5
    mask[3] = mask[40] = True
    q, k, v = CASES["full"].make(H=2, S=S, D=16)
    compiled = backend.compiled(fn)
    got, want = compiled(q, k, v, mask), fn(q, k, v, mask)
    assert torch.equal(got.isnan(), want.isnan())
    oracle.check(got, fn, (q, k, v, mask), length=S)


@pytest.mark.parametrize("temperature", [0.0, -0.5])
def test_a_temperature_from_data(temperature):
    def fn(q, k, v, t):
        return torch.softmax(q @ k.transpose(-2, -1) * t, -1) @ v

    args = CASES["full"].make(H=2, S=129, D=32)
    check(fn, (*args, torch.tensor([temperature])), length=129)


@pytest.mark.parametrize("guarded", [False, True])
def test_log_sum_exp_of_rows_without_keys(guarded):
    """NaN where eager subtracts -inf from -inf, -inf by torch.logsumexp."""
    args = CASES["full"].make(H=2, S=150, D=64)
    check(written_out(guarded), args, length=150)
