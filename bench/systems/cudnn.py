"""F.scaled_dot_product_attention by cuDNN, which has the fastest kernels that PyTorch ships."""

import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.systems.sdpa import mask_of

NAME = "cuDNN"


def prepare(problem):
    """Without a mask or causal: cuDNN with a mask tensor is SDPA's to choose."""
    names = ("full", "causal", "gqa_repeat")
    if problem.name not in names or str(problem.dtype) == "torch.float32":
        return None
    options = mask_of(problem)
    q, k, v = problem.args[:3]

    def call():
        with sdpa_kernel([SDPBackend.CUDNN_ATTENTION]):
            return F.scaled_dot_product_attention(q, k, v, **options)

    return call
