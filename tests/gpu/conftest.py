"""Tests on an NVIDIA GPU: `make gputest` there. Elsewhere all of them are skipped.

A kernel that hangs cannot be interrupted: a test that runs for longer than LIMIT_S ends its
process, after printing its name. pytest-xdist reports the lost worker and starts another one."""

import faulthandler
import logging
import os
import sys
import tempfile
import threading

import pytest
import torch

LIMIT_S = float(os.environ.get("GPU_TEST_SECONDS", "60"))
STATUS_HUNG = 70
os.environ.setdefault("FLASHLIGHT_CACHE_DIR", tempfile.mkdtemp(prefix="flashlight-gpu-"))
logging.getLogger("torch.__trace").propagate = False
terminal = sys.stderr


def pytest_configure(config):
    """A kernel that fell back gives right values too: the warning must fail the test."""
    global terminal
    config.addinivalue_line("filterwarnings", "error:flashlight")
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        terminal = os.fdopen(os.dup(2), "w")  # else what is told at the end is captured too


def rank(item) -> int:
    """Plain bf16 examples first: what fails there fails everywhere."""
    if "test_examples" not in item.nodeid:
        return 1
    return 0 if "bf16" in item.nodeid else 2


def pytest_collection_modifyitems(items):
    items.sort(key=rank)
    if torch.cuda.is_available():
        return
    for item in items:
        item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def give_up(name: str) -> None:
    print(f"\nHUNG after {LIMIT_S:.0f} s: {name}", file=terminal, flush=True)
    faulthandler.dump_traceback(terminal, all_threads=True)
    terminal.flush()
    os._exit(STATUS_HUNG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """The timer's thread runs while a test waits for the GPU: waiting holds no lock of Python."""
    timer = threading.Timer(LIMIT_S, give_up, [item.nodeid])
    timer.daemon = True
    timer.start()
    try:
        return (yield)
    finally:
        timer.cancel()


@pytest.fixture(autouse=True)
def clean():
    """Each test compiles afresh, from one seed."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    yield
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
