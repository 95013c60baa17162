"""Rectified sparse attention: relu for softmax, the output normalised (Zhang et al. 2021, ReLA)."""

import math

import torch

from examples.tensors import qkv, randn


def attention(q, k, v, gain):
    weights = torch.relu(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
    out = weights @ v
    return out * (out.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * gain


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return *qkv(B, H, S, D, dtype, Sk=Sk), randn(D, dtype=dtype)
