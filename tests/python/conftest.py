"""Paths and a clean compiler for every test."""

import logging
import os
import sys
import tempfile
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# A cache of this run's own: what a test counts does not depend on earlier runs.
os.environ.setdefault("FLASHLIGHT_CACHE_DIR", tempfile.mkdtemp(prefix="flashlight-test-"))
# Dynamo's structured trace would bury every failure's own words.
logging.getLogger("torch.__trace").propagate = False


@pytest.fixture(autouse=True)
def clean():
    """Each test compiles afresh, from one seed."""
    torch._dynamo.reset()
    torch.manual_seed(0)
