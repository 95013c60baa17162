"""Head dimensions, long and large tensors, and values that a frozen reference does not survive."""

import math

import pytest
import torch

from examples.cases import CASES
from tests.gpu.on_gpu import ULPS, check, compiled, to_gpu
from tests.support import oracle

CAUSAL, FULL = CASES["causal"], CASES["full"]
DTYPES = (torch.bfloat16, torch.float16)


def tensors(case, dtype=torch.bfloat16, **sizes):
    return to_gpu(case.make(**({"B": 1, "H": 2, "S": 300, "D": 64} | sizes), dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("D", [32, 40, 64, 80, 96, 112, 128, 192, 256])
def test_head_dims(D, dtype):
    for case in (FULL, CAUSAL):
        check(case.fn, tensors(case, dtype, D=D), 300)


def test_values_narrower_than_keys():
    """The shape of multi-head latent attention: keys of 576, values of 512."""
    q, k = (torch.randn(1, 2, 300, 576, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    v = torch.randn(1, 2, 300, 512, device="cuda", dtype=torch.bfloat16)
    check(FULL.fn, (q, k, v), 300)


@pytest.mark.parametrize("case", [FULL, CAUSAL, CASES["softcap"]], ids=lambda c: c.name)
@pytest.mark.parametrize("at", ["first", "last"])
def test_spiked_keys(case, at):
    """The loop goes over tiles in some order; scores that no other tile prepares for must show."""
    q, k, v = tensors(case, S=1000)
    where = slice(0, 40) if at == "first" else slice(960, 1000)
    k[:, :, where] *= 60
    check(case.fn, (q, k, v), 1000)
    k[:, :1, where] *= -1  # one head overflows in other rows than the next
    check(case.fn, (q, k, v), 1000)


def test_rows_far_apart():
    """Row sums that differ by more than an exponent holds."""
    q, k, v = tensors(FULL, S=512)
    q *= torch.logspace(-3, 2, 512, device="cuda")[:, None].to(q.dtype)
    check(FULL.fn, (q, k, v), 512)


def scaled_by_data(q, k, v, temperature):
    return torch.softmax(q @ k.mT * temperature[:, None, None], -1) @ v


def normalised_relu(q, k, v, bias):
    weights = torch.relu(torch.tanh(q @ k.mT / 16) * 2 + bias)
    return weights / (weights.sum(-1, keepdim=True) + 1) @ v


@pytest.mark.parametrize("S", [300, 512])
def test_columns_past_the_end_weigh_nothing(S):
    """A score of -inf there does not help where its factor is data, or where it is bounded."""
    q, k, v = tensors(FULL, S=S)
    check(scaled_by_data, (q, k, v, torch.tensor([0.0, -0.1], device="cuda").to(q.dtype)), S)
    bias = (torch.arange(S * S, device="cuda") % 7 - 2).view(S, S).to(q.dtype)
    check(normalised_relu, (q, k, v, bias), S)


def zeroed(q, k, v, mask):
    return (q @ k.mT / 8).masked_fill(mask, -math.inf).softmax(-1).masked_fill(mask, 0.0) @ v


def test_rows_without_a_key_may_be_zeroed():
    mask = torch.rand(300, 300, device="cuda") < 0.5
    mask[3] = mask[256:] = True
    got = check(zeroed, (*tensors(FULL), mask), 300)
    assert not got[..., 256:, :].any()


def test_values_that_are_not_finite():
    q, k, v = tensors(CAUSAL)
    v[0, 0, 7, 3], v[0, 1, 9, 5] = math.inf, math.nan
    check(CAUSAL.fn, (q, k, v), 300)


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_float32_follows_torch(precision):
    """Exact to float32, unless the user lets products round to tf32: then as exact as eager's."""
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(precision)
        for D in (64, 128, 40):
            args = tensors(CAUSAL, torch.float32, D=D)
            got = compiled(CAUSAL.fn)(*args)
            if precision == "highest":
                oracle.check(got, CAUSAL.fn, args, length=300, ulps=ULPS)
            else:
                want = oracle.oracle(CAUSAL.fn, args)[0]
                assert oracle.error(got, want) <= 4e-3 * oracle.largest(want)
    finally:
        torch.set_float32_matmul_precision(before)


def test_peak_memory_of_a_long_sequence():
    """Outputs and O(rows), nothing else: S x S scores would be 8 GiB a head."""
    args, fn = tensors(CAUSAL, S=65536), compiled(CAUSAL.fn)
    with torch.no_grad():
        fn(*args)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        out = fn(*args)
        torch.cuda.synchronize()
    rows = out.numel() // out.shape[-1]
    taken = torch.cuda.max_memory_allocated() - before
    assert taken <= out.numel() * out.element_size() + 64 * rows + (4 << 20)
    part = slice(65000, 65100)  # some rows, against a product of all keys
    q, k, v = (x.double() for x in args)
    scores = q[:, :, part] @ k.mT / math.sqrt(64)
    later = torch.arange(65536, device="cuda") > torch.arange(65000, 65100, device="cuda")[:, None]
    want = scores.masked_fill(later, -math.inf).softmax(-1) @ v
    torch.testing.assert_close(out[:, :, part].double(), want, atol=2e-2, rtol=2e-2)


def test_a_tensor_of_more_than_2_to_31_elements():
    """Heads lie 2^31 elements apart: offsets need 64 bits. 8 GiB, of which little is touched."""
    if torch.cuda.mem_get_info()[0] < 14 << 30:
        pytest.skip("too little memory")
    S, D, far = 300, 64, (1 << 31) + 4096
    room = torch.empty(far + S * D, dtype=torch.bfloat16, device="cuda")
    wide = room.as_strided((1, 2, S, D), (2 * far, far, D, 1))
    q, k, v = tensors(FULL)
    for n in range(3):
        args = [q, k, v]
        args[n] = wide.copy_(args[n])
        check(FULL.fn, tuple(args), S)
    flat = v.new_ones(D).expand(1, 2, S, D)  # strides of 0
    check(FULL.fn, (wide.copy_(q), k, flat), S)


@pytest.mark.parametrize("shape", [(0, 2, 300), (1, 0, 300), (1, 2, 0)])
def test_no_rows(shape):
    B, H, S = shape
    q, k, v = (torch.empty(B, H, S, 64, dtype=torch.bfloat16, device="cuda") for _ in range(3))
    assert compiled(FULL.fn)(q, k, v).shape == (B, H, S, 64)


def test_one_row_and_one_column():
    """One row of one column is no attention to a graph of that size, but is in one for all."""
    for S in (1, 2, 63, 64, 65, 127, 128, 191, 193):
        check(CAUSAL.fn, tensors(CAUSAL, S=S), S, ours=S > 1)
    fn = compiled(CAUSAL.fn, dynamic=True)
    for S in (300, 2, 1):
        check(CAUSAL.fn, tensors(CAUSAL, S=S), S, run=fn, ours=S > 1)
