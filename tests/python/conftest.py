"""A cache of the run's own and a clean compiler for every test."""

import logging
import os
import tempfile

import pytest
import torch

# A cache of this run's own: what a test counts does not depend on earlier runs.
os.environ.setdefault("FLASHLIGHT_CACHE_DIR", tempfile.mkdtemp(prefix="flashlight-test-"))
# Dynamo's structured trace would bury every failure's own words.
logging.getLogger("torch.__trace").propagate = False


def pytest_configure(config):
    """A kernel that fell back gives right values too: the warning must fail the test."""
    config.addinivalue_line("filterwarnings", "error:flashlight")


@pytest.fixture(autouse=True)
def clean():
    """Each test compiles afresh, from one seed."""
    torch._dynamo.reset()
    torch.manual_seed(0)
