"""The entropy of each row of attention weights (a common diagnostic of training)."""

import math

import torch

from examples.tensors import qkv


def attention(q, k):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return -(scores.softmax(-1) * scores.log_softmax(-1)).sum(-1)


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)[:2]
