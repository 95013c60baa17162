"""The backend in the modes that PyTorch has: training, autocast, inference, options, a fallback."""

import warnings

import pytest
import torch
import torch.nn.functional as F
import torch_flashlight
from torch.fx.experimental.proxy_tensor import make_fx
from torch_flashlight import kernel, products

from examples.cases import CASES
from tests.support import backend, oracle

CAUSAL = CASES["causal"]


def compiled(fn, **options):
    return torch.compile(fn, backend="flashlight", **options)


def test_training_gives_the_gradients_of_eager():
    args = [x.requires_grad_() for x in CAUSAL.make(H=2, S=50, D=16)]
    got = torch.autograd.grad(compiled(CAUSAL.fn)(*args).square().sum(), args)
    want = torch.autograd.grad(CAUSAL.fn(*args).square().sum(), args)
    for g, w in zip(got, want, strict=True):
        torch.testing.assert_close(g, w, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_modes_without_gradients(mode):
    args = [x.requires_grad_() for x in CAUSAL.make(H=2, S=50, D=16)]
    with mode():
        before = torch_flashlight.stats()["calls"]
        oracle.check(compiled(CAUSAL.fn)(*args), CAUSAL.fn, args, length=50)
        assert torch_flashlight.stats()["calls"] == before + 1


def test_autocast():
    args = CAUSAL.make(H=2, S=50, D=16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got, want = compiled(CAUSAL.fn)(*args), CAUSAL.fn(*args)
    assert got.dtype == want.dtype
    torch.testing.assert_close(got, want, atol=2e-2, rtol=2e-2)


def test_a_program_without_attention_is_left_alone():
    before = torch_flashlight.stats()["calls"]
    x, w = torch.randn(8, 16), torch.randn(16, 16)
    torch.testing.assert_close(
        compiled(lambda x: F.linear(x, w).relu() + 1)(x), F.linear(x, w).relu() + 1
    )
    assert torch_flashlight.stats()["calls"] == before


def test_options_reach_the_host_compiler():
    seen = []

    def their_pass(graph):
        seen.append([str(n.target) for n in graph.nodes])

    args = CAUSAL.make(H=2, S=30, D=16)
    options = {"joint_custom_pre_pass": their_pass, "force_disable_caches": True}
    oracle.check(compiled(CAUSAL.fn, options=options)(*args), CAUSAL.fn, args, length=30)
    assert any("flashlight.run" in target for target in seen[0])


def test_strided_inputs_are_not_copied(monkeypatch):
    q, k, v = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in CAUSAL.make(H=3, S=40, D=16))
    kernel.calls.forget()  # a known call has no Python in it
    seen = []
    original = kernel.Kernel.__call__

    def watch(self, inputs, symbols):
        seen.append([x.stride() for x in inputs])
        return original(self, inputs, symbols)

    monkeypatch.setattr(kernel.Kernel, "__call__", watch)
    oracle.check(compiled(CAUSAL.fn)(q, k, v), CAUSAL.fn, (q, k, v), length=40)
    assert seen == [[q.stride()] * 3]


def test_without_a_compiler_torch_ops_run_the_program(monkeypatch):
    """One warning that says why, and the right result."""
    monkeypatch.setenv("FLASHLIGHT_CXX", "/nowhere/c++")
    case = CASES["causal_softcap_window"]
    args = case.make(B=2, H=3, S=45, D=24, dtype=torch.float64)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = compiled(case.fn)(*args)
    torch.testing.assert_close(got, case.fn(*args), atol=1e-12, rtol=1e-12)
    told = [str(w.message) for w in caught if "flashlight" in str(w.message)]
    assert len(told) == 1 and "/nowhere/c++" in told[0]


def test_a_new_trace_finds_the_kernel():
    """The same text is the same kernel, whoever asks."""
    args = CAUSAL.make(H=2, S=33, D=16)
    compiled(CAUSAL.fn)(*args)
    before = backend.kernels_compiled()
    torch._dynamo.reset()
    compiled(CAUSAL.fn)(*args)
    assert backend.kernels_compiled() == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_over_few_elements_become_sums(dtype):
    def placed_and_squared(x, frame, w, v):
        placed = torch.einsum("nxy,nhy->nhx", frame, x)  # over 3
        return placed.flatten(0, 1) @ w, v @ v.mT  # over 3, over 16

    shapes = (5, 4, 3), (5, 3, 3), (3, 8), (4, 16)
    args = [torch.randn(*shape, dtype=dtype) for shape in shapes]
    traced = make_fx(placed_and_squared, tracing_mode="fake")(*args)
    want = placed_and_squared(*(x.double() for x in args))
    counts = products.unroll(traced.graph, "cuda"), products.unroll(traced.graph, "cpu")
    assert counts == (0, 2)  # the one over 16 is left
    traced.recompile()
    limit = 1e-5 if dtype == torch.float32 else 3e-2
    for got, w in zip(traced(*args), want, strict=True):
        torch.testing.assert_close(got.double(), w, atol=limit, rtol=limit)
