"""What models do to queries before the product, and many small windows: ms by torch.compile and by
flashlight on an NVIDIA GPU, as CUDA graphs where --graph is given.

  python -m bench.micro.model_queries [--graph]
"""

import sys

import torch
import torch.nn.functional as F
import torch_flashlight


def causal(q, k, v):
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    i = torch.arange(q.shape[-2], device=q.device)
    return scores.masked_fill(i > i[:, None], float("-inf")).softmax(-1) @ v


def rms(x, w):
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
    return w * wide.to(x.dtype)


def halves(x, w):
    first, second = x.chunk(2, -1)
    return x * w.cos() + torch.cat((-second, first), -1) * w.sin()


def interleaved(x, w):
    a, b, c, s = x[..., 0::2], x[..., 1::2], w[..., ::2].cos(), w[..., ::2].sin()
    return torch.stack((a * c - b * s, a * s + b * c), -1).flatten(-2)


def windows(q, k, v, bias):
    return (q @ k.transpose(-1, -2) * 0.18 + bias).softmax(-1) @ v


QUERIES = {
    "as it is": lambda x, w: x,
    "q * 0.5": lambda x, w: x * 0.5,
    "q + w": lambda x, w: x + w,
    "rms norm": rms,
    "layer norm": lambda x, w: F.layer_norm(x, (x.shape[-1],), w),
    "rotary": halves,
    "interleaved": interleaved,
}
WINDOWS = [(256, 3, 49, 32), (1024, 4, 49, 32), (512, 16, 64, 64), (512, 4, 256, 64)]


def tensors(*shape):
    q, k, v = (torch.randn(*shape, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    return q, k, v


@torch.no_grad()
def row(name, fn, args, as_graph):
    from triton.testing import do_bench

    found = []
    for backend in ("inductor", "flashlight"):
        torch._dynamo.reset()
        compiled = torch.compile(fn, backend=backend)
        result = compiled(*args)
        call = lambda compiled=compiled: compiled(*args)  # noqa: E731
        if as_graph:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                call()
            call = graph.replay
        times = [do_bench(call, warmup=20, rep=80, return_mode="median") for _ in range(3)]
        found.append((min(times), result.float()))
    apart = (found[0][1] - found[1][1]).abs().max().item()
    kernels = [k.schedule for k in torch_flashlight.explain(fn, *args).kernels]
    print(
        f"{name:24}{found[0][0]:9.3f}{found[1][0]:9.3f}  apart {apart:.3f}  {kernels}", flush=True
    )


def main():
    as_graph = "--graph" in sys.argv
    w = torch.randn(4096, 64, device="cuda", dtype=torch.bfloat16)
    for name, made in QUERIES.items():
        weight = w[0] if "norm" in name else w
        fn = lambda q, k, v, made=made, x=weight: causal(made(q, x), made(k, x), v)  # noqa: E731
        row(name, fn, tensors(4, 16, 4096, 64), as_graph)
    for B, H, S, D in WINDOWS:
        bias = torch.randn(H, S, S, device="cuda", dtype=torch.bfloat16)
        row(f"windows B{B} H{H} S{S} D{D}", windows, (*tensors(B, H, S, D), bias), as_graph)


if __name__ == "__main__":
    main()
