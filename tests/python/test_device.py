"""CUDA tensors, as far as a machine without a GPU can tell: what is captured, what is left and why,
and what a call is told. tests/gpu runs them."""

import warnings

import pytest
import torch
import torch_flashlight
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch_flashlight import _core as core
from torch_flashlight import device, kernel
from torch_flashlight.capture import Capture

from examples.cases import CASES
from tests.support import oracle, process

CAUSAL = CASES["causal"]
no_driver = pytest.mark.skipif(not core.gpu_problem(0), reason="this machine has a GPU")


@pytest.fixture(autouse=True)
def forget():
    """What was found out about a device is remembered for the life of a process."""
    device.gpu_problem.cache_clear()
    yield
    device.gpu_problem.cache_clear()


def traced(fn, on_cpu=()):
    """The graph of `fn` as it is on CUDA: tensors that exist nowhere. Placeholders whose names
    start with one of `on_cpu` stay. (A CPU build of torch cannot trace CUDA tensors itself.)"""
    with FakeTensorMode() as mode:
        graph = make_fx(fn)(*[torch.empty(1, 2, 64, 16) for _ in range(3)]).graph
        for node in graph.nodes:
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor) and not node.name.startswith(tuple(on_cpu)):
                like = (value.shape, value.stride())
                with mode:
                    node.meta["val"] = torch.empty_strided(
                        *like, dtype=value.dtype, device="cuda:0"
                    )
    return graph


def regions(graph):
    found = Capture(graph)
    return core.discover(found.program)[0], found.left


def test_cuda_tensors_are_captured_where_kernels_can_run(monkeypatch):
    monkeypatch.setattr(core, "gpu_problem", lambda index: "")
    found, left = regions(traced(CAUSAL.fn))
    assert len(found) == 1 and not left


@no_driver
def test_without_a_driver_they_are_left_with_one_warning():
    with pytest.warns(UserWarning, match="no NVIDIA driver") as caught:
        found, left = regions(traced(CAUSAL.fn))
    assert len(caught) == 1
    assert not found
    assert all("no NVIDIA driver" in x.reason for x in left)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regions(traced(CAUSAL.fn))


def test_another_card_is_asked_by_its_own_number(monkeypatch):
    reason = "T4 has compute capability 7.5; kernels need 8.0"
    monkeypatch.setattr(core, "gpu_problem", lambda index: reason if index == 1 else "")
    assert device.problem(torch.device("cuda:0")) is None
    with pytest.warns(UserWarning, match="cuda:1 to the host compiler: T4"):
        assert device.problem(torch.device("cuda:1")) == f"device cuda:1: {reason}"
    assert device.problem(torch.device("cpu")) is None
    assert device.problem(torch.device("meta")) == "device meta"


def test_a_move_between_devices_is_a_boundary(monkeypatch):
    monkeypatch.setattr(core, "gpu_problem", lambda index: "")

    def fn(q, k, v):
        return CAUSAL.fn(q, k.clone(), v)

    found, left = regions(traced(fn, on_cpu=["k_"]))
    assert len(found) == 1
    assert [x.reason for x in left] == ["tensors on cpu and cuda:0"]


def test_a_call_is_told_device_stream_workspace_and_precision(monkeypatch):
    """The arguments of the compiled program, without running it."""
    told = []

    class Watched:
        def __call__(self, *args):
            told.append(args[5:])

        def workspace_bytes(self, symbols):
            return 0

    program = kernel.Kernel(
        "input a : f32[4, 8]\ncompute b[i:4] : f32 = sum[j:8] a[i,j]\noutput b\n"
    )
    program.compiled = Watched()
    monkeypatch.setattr(device, "stream_of", lambda index: 77 + index)
    tensors = [torch.ones(4, 8)]
    layout = program.layout(())
    cuda = torch.device("cuda:1")
    before = torch.get_float32_matmul_precision()
    try:
        for precision in ("highest", "high"):
            torch.set_float32_matmul_precision(precision)
            program.launch(tensors, [torch.empty(4)], layout, (), cuda)
    finally:
        torch.set_float32_matmul_precision(before)
    program.launch(tensors, [torch.empty(4)], layout, (), None)  # on the CPU
    assert told == [(1, 78, 0, False, False), (1, 78, 0, True, False), ()]


@pytest.mark.parametrize(
    "options", [{"mode": "max-autotune"}, {"options": {"mode": "max-autotune"}}, {}]
)
def test_max_autotune_reaches_the_kernel(monkeypatch, options):
    """As Inductor takes it: a CPU call has nothing to measure, but it is told."""
    kernel.calls.forget()  # a known call has no Python in it
    seen, call = [], kernel.Kernel.__call__

    def watched(self, inputs, symbols):
        seen.append(self.tune)
        return call(self, inputs, symbols)

    monkeypatch.setattr(kernel.Kernel, "__call__", watched)
    torch._dynamo.reset()
    args = CAUSAL.make(H=2, S=40, D=16)
    fn = torch.compile(CAUSAL.fn, backend="flashlight", **options)
    oracle.check(fn(*args), CAUSAL.fn, args, length=40)
    assert seen == [bool(options)]


def test_a_cpu_call_does_not_ask_for_a_gpu(monkeypatch):
    def forbidden(*args):
        raise AssertionError("asked")

    monkeypatch.setattr(device, "gpu_problem", forbidden)
    monkeypatch.setattr(device, "stream_of", forbidden)
    args = CAUSAL.make(H=2, S=40, D=16)
    oracle.check(torch.compile(CAUSAL.fn, backend="flashlight")(*args), CAUSAL.fn, args, length=40)
    assert torch_flashlight.stats()["calls"] > 0


def test_a_missing_nvrtc_says_where_it_looked():
    """In a process of its own: a library that was loaded stays."""
    code = "from torch_flashlight import _core as core, device; device.find_nvrtc.__wrapped__(); "
    status, out, err = process.run(
        code + "print(core.nvrtc())", FLASHLIGHT_NVRTC="/nowhere/libnvrtc.so.13"
    )
    assert status != 0 and "FLASHLIGHT_NVRTC=/nowhere/libnvrtc.so.13" in err, out


def test_nvrtc_is_found_in_the_wheels():
    pytest.importorskip("nvidia")
    code = "from torch_flashlight import _core as core, device; device.find_nvrtc(); "
    status, out, err = process.run(code + "print(core.nvrtc())")
    assert status == 0, err
    assert "libnvrtc" in out
