"""Queries and keys normalised by their root mean square, scaled by column (Qwen 3, Gemma 3)."""

import math

import torch

from examples.tensors import qkv, randn


def norm(x, weight):
    wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)
    return weight * wide.to(x.dtype)


def attention(q, k, v, of_query, of_key):
    q, k = norm(q, of_query), norm(k, of_key)
    return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return *qkv(B, H, S, D, dtype), randn(D, dtype=dtype), randn(D, dtype=dtype)
