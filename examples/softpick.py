"""Rectified softmax without attention sinks (Zuhri et al. 2025, softpick)."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    top = scores.amax(-1, keepdim=True)
    weights = torch.exp(scores - top) - torch.exp(-top)
    return (torch.relu(weights) / (weights.abs().sum(-1, keepdim=True) + 1e-6)) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
