"""Streams, captured graphs, addresses, memory and precision of calls on a GPU."""

import threading

import pytest
import torch
import torch_flashlight

from examples.cases import CASES
from tests.gpu.on_gpu import ULPS, check, compiled, to_gpu
from tests.support import oracle

CAUSAL = CASES["causal"]
SIZES = {"B": 2, "H": 4, "S": 300, "D": 64}


def causal_args(dtype=torch.bfloat16, **sizes):
    return to_gpu(CAUSAL.make(**(SIZES | sizes), dtype=dtype))


@pytest.mark.parametrize("name", ["causal", "softmax_queries"])  # one kernel; two and a workspace
def test_a_captured_graph_replays_with_new_values(name):
    case = CASES[name]
    args, fn = to_gpu(case.make(**SIZES, dtype=torch.bfloat16)), compiled(case.fn)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        fn(*args)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        out = fn(*args)
    new = to_gpu(case.make(seed=1, **SIZES, dtype=torch.bfloat16))
    for old, value in zip(args, new, strict=True):
        old.copy_(value)
    graph.replay()
    torch.cuda.synchronize()
    oracle.check(out, case.fn, new, length=SIZES["S"], ulps=ULPS)


def test_a_kernel_loaded_during_capture():
    """Specialised for strides that only the captured call has."""
    q, k, v = causal_args()
    strided = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    fn = compiled(CAUSAL.fn)
    program = lambda *x: fn(*x)  # noqa: E731
    with torch.no_grad():
        program(*strided)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph):
        out = program(*strided)
    graph.replay()
    torch.cuda.synchronize()
    oracle.check(out, CAUSAL.fn, (q, k, v), length=SIZES["S"], ulps=ULPS)


def test_reduce_overhead_mode():
    args, fn = causal_args(), compiled(CAUSAL.fn, mode="reduce-overhead")
    for _ in range(3):
        with torch.no_grad():
            got = fn(*args).clone()
    oracle.check(got, CAUSAL.fn, args, length=SIZES["S"], ulps=ULPS)


def test_max_autotune():
    """Measured at the first call; the graph that is captured then runs what was picked."""
    args = causal_args(S=1024)
    for mode in ("max-autotune-no-cudagraphs", "max-autotune"):
        fn = compiled(CAUSAL.fn, mode=mode)
        for _ in range(3):
            with torch.no_grad():
                got = fn(*args).clone()
        oracle.check(got, CAUSAL.fn, args, length=1024, ulps=ULPS)


def test_several_threads():
    """Each in a stream of its own, one compiled function, the same counters of work."""
    fn, args = compiled(CAUSAL.fn), causal_args(S=700)
    with torch.no_grad():
        want = fn(*args)
    torch.cuda.synchronize()
    wrong = []

    def work():
        with torch.cuda.stream(torch.cuda.Stream()), torch.no_grad():
            for _ in range(20):
                got = fn(*args)
            torch.cuda.current_stream().synchronize()
            if not torch.equal(got, want):
                wrong.append((got - want).abs().max().item())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_two_streams():
    """Each waits for its own inputs alone."""
    fn, args = compiled(CAUSAL.fn), causal_args(S=1000)
    fn(*args)
    streams, results = [torch.cuda.Stream(), torch.cuda.Stream()], []
    torch.cuda.synchronize()
    for seed, stream in enumerate(streams):
        with torch.cuda.stream(stream):
            mine = [x * (seed + 1) for x in args]
            torch.cuda._sleep(10_000_000)
            results.append((mine, fn(*mine)))
    torch.cuda.synchronize()
    for mine, got in results:
        oracle.check(got, CAUSAL.fn, tuple(mine), length=1000, ulps=ULPS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_addresses_that_are_not_aligned(dtype):
    """One element off, and rows whose stride is odd."""
    args = causal_args(dtype)
    shifted = []
    for x in args:
        room = torch.empty(x.numel() + 1, dtype=dtype, device="cuda")[1:].view(x.shape)
        shifted.append(room.copy_(x))
    check(CAUSAL.fn, tuple(shifted), SIZES["S"])
    odd = []
    for x in args:
        room = torch.empty(*x.shape[:-1], x.shape[-1] + 3, dtype=dtype, device="cuda")
        odd.append(room[..., : x.shape[-1]].copy_(x))
    check(CAUSAL.fn, tuple(odd), SIZES["S"])


def test_strided_inputs():
    args = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in causal_args()]
    check(CAUSAL.fn, tuple(args), SIZES["S"])
    args = [x.transpose(2, 3).contiguous().transpose(2, 3) for x in causal_args()]
    check(CAUSAL.fn, tuple(args), SIZES["S"])


def test_empty_tensors():
    args = causal_args(B=1)
    fn = compiled(CAUSAL.fn, dynamic=True)
    fn(*args)
    got = fn(*[x[:, :, :0] for x in args])
    assert got.shape == (1, SIZES["H"], 0, SIZES["D"])
    got = compiled(CAUSAL.fn)(*[x[:0] for x in args])
    assert got.shape == (0, SIZES["H"], SIZES["S"], SIZES["D"])


def test_the_second_gpu():
    if torch.cuda.device_count() < 2:
        pytest.skip("one GPU")
    args = to_gpu(CAUSAL.make(**SIZES, dtype=torch.bfloat16), "cuda:1")
    assert check(CAUSAL.fn, args, SIZES["S"]).device == torch.device("cuda:1")
    check(CAUSAL.fn, causal_args(), SIZES["S"])


def test_explain_tells_what_the_kernel_takes():
    told = torch_flashlight.explain(CAUSAL.fn, *causal_args())
    assert len(told.kernels) == 1
    assert "registers, 0 bytes spilled" in told.kernels[0].resources
    assert "serialised" not in told.kernels[0].resources
    assert any(line.startswith("roles") for line in told.kernels[0].notes)


@pytest.mark.parametrize("name", ["rotary", "query_key_norm", "sinks", "windows", "evoformer"])
def test_programs_of_real_models_take_the_path_of_the_card(name):
    """Queries that are computed, and more windows than rows, are no reason to leave it."""
    if torch.cuda.get_device_capability() != (9, 0):
        pytest.skip("no Hopper card")
    sizes = {"B": 64, "S": 49} if name == "windows" else {"B": 2, "S": 512}
    args = to_gpu(CASES[name].make(**sizes, H=4, D=32, dtype=torch.bfloat16))
    told = torch_flashlight.explain(CASES[name].fn, *args)
    assert [k.schedule.split(",")[0] for k in told.kernels] == ["hopper"], told


def test_training_gives_the_gradients_of_eager():
    args = [x.requires_grad_() for x in causal_args(torch.float32)]
    got = torch.autograd.grad(compiled(CAUSAL.fn)(*args).square().sum(), args)
    want = torch.autograd.grad(CAUSAL.fn(*args).square().sum(), args)
    for g, w in zip(got, want, strict=True):
        torch.testing.assert_close(g, w, atol=1e-3, rtol=1e-3)
