"""Invariant point attention (Jumper et al. 2021, AlphaFold 2, alg. 22).

Scores come from scalars, from distances of points placed by each residue's frame, and from a
pair bias; the outputs are scalars, points in the local frame with their norms, and pair values.
"""

import math

import torch

from examples.tensors import randn

KERNELS = 2  # the pair values reduce over j with another shape: they may recompute the scores


def place(frame, origin, points):
    """Points [B, H, N, P, 3] from local frames to the world."""
    return torch.einsum("bnxy,bhnpy->bhnpx", frame, points) + origin[:, None, :, None]


def attention(q, k, v, qp, kp, vp, frame, origin, bias, pair, head_weight):
    P = qp.shape[-2]
    qp, kp, vp = (place(frame, origin, x) for x in (qp, kp, vp))
    apart = ((qp[:, :, :, None] - kp[:, :, None]) ** 2).sum((-2, -1))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + bias
    scores = scores - head_weight[:, None, None] * math.sqrt(2 / (9 * P)) / 2 * apart
    weights = (math.sqrt(1 / 3) * scores).softmax(-1)
    scalars = weights @ v
    points = torch.einsum("bhij,bhjpx->bhipx", weights, vp) - origin[:, None, :, None]
    points = torch.einsum("bnxy,bhnpx->bhnpy", frame, points)
    norms = (points.square().sum(-1) + 1e-8).sqrt()
    return scalars, points, norms, torch.einsum("bhij,bijc->bihc", weights, pair)


def inputs(B=1, H=8, S=256, D=16, dtype=torch.float32, P=4, C=32):
    q, k, v = (randn(B, H, S, D, dtype=dtype) for _ in range(3))
    qp, kp, vp = (randn(B, H, S, P, 3, dtype=dtype) for _ in range(3))
    frame = torch.linalg.qr(torch.randn(B, S, 3, 3))[0].to(dtype)
    origin, bias = randn(B, S, 3, dtype=dtype), randn(B, H, S, S, dtype=dtype)
    pair, weight = randn(B, S, S, C, dtype=dtype), torch.nn.functional.softplus(torch.randn(H))
    return q, k, v, qp, kp, vp, frame, origin, bias, pair, weight.to(dtype)
