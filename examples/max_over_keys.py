"""The best match of each query among the keys (Khattab and Zaharia 2020, ColBERT's MaxSim)."""

import torch

from examples.tensors import qkv


def attention(q, k):
    return (q @ k.transpose(-2, -1)).amax(-1)


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)[:2]
