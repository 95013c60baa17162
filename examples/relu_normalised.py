"""Relu of the scores, divided by its sum (Shen et al. 2023)."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    weights = torch.relu(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
    return (weights / (weights.sum(-1, keepdim=True) + 1e-6)) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
