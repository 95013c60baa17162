"""F.scaled_dot_product_attention by cuDNN, which has the fastest kernels that PyTorch ships."""

import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.systems.sdpa import mask_of

NAME = "cuDNN"


def prepare(problem):
    """Without a mask or causal: cuDNN with a mask tensor is SDPA's to choose."""
    options = mask_of(problem) if problem.name in ("full", "causal") else None
    if options is None:
        return None
    q, k, v = problem.args[:3]

    def call():
        with sdpa_kernel([SDPBackend.CUDNN_ATTENTION]):
            return F.scaled_dot_product_attention(q, k, v, **options)

    return call
