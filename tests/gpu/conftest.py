"""Tests on an NVIDIA GPU: `make gputest` there. Elsewhere all of them are skipped."""

import logging
import os
import tempfile

import pytest
import torch

os.environ.setdefault("FLASHLIGHT_CACHE_DIR", tempfile.mkdtemp(prefix="flashlight-gpu-"))
logging.getLogger("torch.__trace").propagate = False


def pytest_configure(config):
    """A kernel that fell back gives right values too: the warning must fail the test."""
    config.addinivalue_line("filterwarnings", "error:flashlight")


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def clean():
    """Each test compiles afresh, from one seed."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    yield
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
