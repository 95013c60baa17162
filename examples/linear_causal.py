"""Causal attention with no softmax at all (Katharopoulos et al. 2020, quadratic form)."""

import torch

from examples.tensors import qkv


def attention(q, k, v):
    return (q @ k.transpose(-2, -1)).tril() @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    q, k, v = qkv(B, H, S, D, dtype)
    return q * D**-0.5, k, v
