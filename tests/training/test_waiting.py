"""Processes of one run wait for each other for as long as the work takes."""

import os
import socket
import subprocess
import sys

from compiling import ONE_DEVICE

PROCESS = """
import sys, time
from ml_collections import ConfigDict
from merclip_jax.training import parallel
number, port = int(sys.argv[1]), sys.argv[2]
parallel.join(ConfigDict(dict(coordinator=f"localhost:{port}", processes=2, process=number)))
with parallel.first_alone("packing"):
    if parallel.is_first():
        time.sleep(40)
    print("process", number, "went in", time.monotonic())
"""


def test_work_of_the_first_process_may_take_longer_than_the_devices_barrier(tmp_path):
    """That one gives up after 30 s."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(number), port],
            env=os.environ | ONE_DEVICE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=280) for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    first, second = (float(out.split()[-1]) for out, _ in said)
    assert first <= second
    assert "process 1 waits for the others: packing" in said[1][1]
