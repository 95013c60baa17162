"""A bias tensor added to the scores, broadcast over the batch."""

import math

import torch

from examples.tensors import qkv, randn


def attention(q, k, v, bias):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores + bias).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return *qkv(B, H, S, D, dtype, Sk=Sk), randn(1, H, S, Sk or S, dtype=dtype)
