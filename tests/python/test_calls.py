"""The way of every call but the first, which has no Python in it."""

import threading
import warnings

import pytest
import torch
from torch_flashlight import _core as core
from torch_flashlight import explain, kernel

from examples.cases import CASES
from tests.support import oracle

TEXT = """symbol n = 7
input a : f32[n, 8]
compute b[i:n, j:8] : f32 = a[i,j] + 1.0
compute c[i:n] : f32 = sum[j:8] b[i,j]
output c
"""


class Seen(list):
    """Symbols of calls, and the kernel of the last one."""

    kernel = None


@pytest.fixture
def slow(monkeypatch):
    """The calls that went through Python."""
    kernel.calls.forget()
    torch._dynamo.reset()
    seen, call = Seen(), kernel.Kernel.__call__

    def watched(self, inputs, symbols):
        seen.kernel = self
        seen.append(tuple(symbols))
        return call(self, inputs, symbols)

    monkeypatch.setattr(kernel.Kernel, "__call__", watched)
    yield seen
    kernel.kernel_of(TEXT).broken.clear()


def run(a):
    return torch.ops.flashlight.run([a], [a.shape[0]], TEXT)[0]


def expected(a):
    return (a.double() + 1).sum(1)


def check(a):
    torch.testing.assert_close(run(a).double(), expected(a), atol=1e-5, rtol=1e-6)


def test_each_size_goes_through_python_once(slow):
    before = kernel.calls.count
    for n in (3, 700, 3, 1, 700, 0, 0, 3):
        check(torch.randn(n, 8))
    assert slow == [(3,), (700,), (1,), (0,)]
    assert kernel.calls.count == before + 8


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x[5:, :8],  # begins inside of its storage
        lambda x: x.t()[:8, 3:].t(),
        lambda x: x[::3, 1:9],
        lambda x: x[:1, :8].expand(9, 8),
        lambda x: x[:, :1].expand(-1, 8),
        lambda x: torch.nn.Parameter(x[:, :8]),
    ],
)
def test_memory_is_found_where_the_tensor_says(slow, view):
    a = torch.randn(40, 12)
    with torch.no_grad():
        for _ in range(2):
            check(view(a))
    assert len(slow) == 1


def test_outputs_are_new_each_time(slow):
    a = torch.randn(6, 8)
    first, second = run(a), run(a)
    assert first.data_ptr() != second.data_ptr()
    second.zero_()
    torch.testing.assert_close(first.double(), expected(a), atol=1e-5, rtol=1e-6)


def test_several_outputs_in_their_order_of_dimensions(slow):
    case = CASES["log_sum_exp"]
    args = case.make(H=2, S=33, D=16)
    fn = torch.compile(case.fn, backend="flashlight")
    fn(*args)
    got = fn(*args)
    assert len(slow) == 1
    oracle.check(got, case.fn, args, length=33)
    want = case.fn(*args)
    assert [x.stride() for x in got] == [x.stride() for x in want]


@pytest.mark.parametrize("tune", [(), (False,), (True,)])
def test_tensors_one_by_one_are_the_same_call(slow, tune):
    a = torch.randn(5, 8)
    for _ in range(3):
        got = torch.ops.flashlight.run.of1(a, TEXT, [5], *tune)
        torch.testing.assert_close(got.double(), expected(a), atol=1e-5, rtol=1e-6)
    assert slow == [(5,)]
    torch.library.opcheck(torch.ops.flashlight.run.of1, (a, TEXT, [5], *tune))
    with pytest.raises(TypeError, match="no program"):
        kernel.calls.run_of(a)


@pytest.mark.parametrize("biases", [1, 2, kernel.MOST_INPUTS])
def test_many_inputs_are_one_call(slow, biases):
    def fn(q, k, v, *more):
        return torch.softmax(sum(more, q @ k.transpose(-2, -1)), -1) @ v

    args = [torch.randn(2, 20, 8) for _ in range(3)] + [torch.randn(20) for _ in range(biases)]
    compiled = torch.compile(fn, backend="flashlight")
    with torch.no_grad():
        for _ in range(3):
            oracle.check(compiled(*args), fn, args, length=20)
    assert len(slow) == 1


def test_explain_knows_the_sizes_of_the_last_call(slow):
    case = CASES["causal"]
    fn = torch.compile(case.fn, backend="flashlight", dynamic=True)
    with torch.no_grad():
        for S in (40, 72, 40):
            fn(*case.make(H=2, S=S, D=16))
    made = slow.kernel
    assert made.where == "cpu" and 40 in made.symbols
    small = [k.flops for k in made.explain()]
    with torch.no_grad():
        fn(*case.make(H=2, S=72, D=16))
    assert [k.flops for k in made.explain()] > small
    assert len(slow) == 2
    assert len(explain(case.fn, *case.make(H=2, S=40, D=16)).kernels) == 1


def test_a_kernel_that_cannot_be_made_is_tried_once(slow, monkeypatch, tmp_path):
    """New strides need a new kernel; without a compiler torch ops compute, after one warning."""
    check(torch.randn(50, 8))
    tries, compiler = tmp_path / "tries", tmp_path / "c++"
    compiler.write_text(f"#!/bin/sh\necho >> {tries}\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("FLASHLIGHT_CXX", str(compiler))
    monkeypatch.setenv("FLASHLIGHT_CACHE_DIR", str(tmp_path / "cache"))
    transposed, counts = torch.randn(8, 50).t(), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for a in (transposed, transposed, torch.randn(50, 8), transposed):
            check(a)
            counts.append(len(tries.read_text()))
    assert len([w for w in caught if "by torch ops" in str(w.message)]) == 1
    assert counts[0] > 0 and counts == counts[:1] * 4


def test_errors_of_an_allocation_are_the_frameworks(slow):
    """A caller may catch torch.OutOfMemoryError to try a smaller batch."""

    def no_memory(*args, **kwargs):
        raise torch.OutOfMemoryError("no memory")

    made = kernel.kernel_of(TEXT)
    calls = core.Calls(kernel.run, no_memory, torch.Tensor)
    layout = made.layout([4])
    calls.remember(made, TEXT, False, (4,), torch.device("cpu"), layout)
    with pytest.raises(torch.OutOfMemoryError, match="no memory"):
        calls.run([torch.ones(4, 8)], [4], TEXT)


def test_without_dlpack_all_calls_take_the_other_way():
    calls = core.Calls(lambda *args: ["other", *args[1:]], torch.empty_strided, int)
    made = kernel.kernel_of(TEXT)
    calls.remember(made, TEXT, False, (4,), torch.device("cpu"), made.layout([4]))
    assert calls.run([torch.ones(4, 8)], [4], TEXT) == ["other", [4], TEXT, False]


def test_what_dlpack_cannot_say_takes_the_other_way(slow):
    check(torch.randn(4, 8))
    with torch._subclasses.FakeTensorMode():
        assert run(torch.empty(4, 8)).shape == (4,)
    check(torch.randn(4, 8))


def test_many_threads_call_while_sizes_are_forgotten(slow):
    inputs = [torch.randn(n, 8) for n in range(1, 9)]
    wrong = []

    def work():
        try:
            for _ in range(30):
                for a in inputs:
                    check(a)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        kernel.calls.forget()
    for thread in threads:
        thread.join()
    assert wrong == []
