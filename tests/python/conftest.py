"""Paths and a clean compiler for every test."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(autouse=True)
def clean():
    """Each test compiles afresh, from one seed."""
    torch._dynamo.reset()
    torch.manual_seed(0)
