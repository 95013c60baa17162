"""The product of two softmax maps, for example of contents and of positions."""

import math

import torch

from examples.tensors import qkv, randn


def attention(q, k, v, p, r):
    content = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1)
    place = (p @ r.transpose(-2, -1) / math.sqrt(p.shape[-1])).softmax(-1)
    return (content * place) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    p, r = randn(H, S, D, dtype=dtype), randn(H, S, D, dtype=dtype)
    return *qkv(B, H, S, D, dtype), p, r
