"""Processes of one run find each other, and wait for each other as long as it takes."""

import os
import socket
import subprocess
import sys
import time

from compiling import ONE_DEVICE

PROCESS = """
import sys, time
import jax
from ml_collections import ConfigDict
from merclip_jax.training import processes
works = float(sys.argv[1])
processes.join(ConfigDict(dict(coordinator="auto", processes=1, process=0)))
with processes.first_alone("packing"):
    if processes.is_first():
        time.sleep(works)
    print(jax.process_index(), "of", jax.process_count(), "went in", time.monotonic())
"""
FIRST_PORT = 61440  # jax takes the port from the number of the job, from here on


def free_port() -> int:
    for port in range(FIRST_PORT + os.getpid() % 2000, 2**16):
        with socket.socket() as free:
            if free.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


def slurm(job: int, number: int) -> dict[str, str]:
    """What `srun` sets, for two processes on this machine."""
    return {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_STEP_NUM_NODES": "1",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": str(number),
        "SLURM_LOCALID": str(number),
    }


def open_mpi(job: int, number: int) -> dict[str, str]:
    """What `mpirun` sets, for two processes on this machine."""
    return {
        "OMPI_MCA_orte_hnp_uri": f"{job * 2**12}.0;tcp://127.0.0.1:34911",
        "OMPI_COMM_WORLD_SIZE": "2",
        "OMPI_COMM_WORLD_RANK": str(number),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(number),
    }


def start(cluster: dict[str, str], works: float) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(works)],
        env=os.environ | ONE_DEVICE | cluster,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_a_cluster_starts_wait_for_late_ones_and_for_long_work(tmp_path):
    """The devices' own barrier gives up after 30 s; here one works longer, and one is 60 s late."""
    job = free_port() - FIRST_PORT
    working = [start(slurm(job, number), works=40) for number in (0, 1)]
    late = [start(open_mpi(job + 1, 0), works=0)]
    time.sleep(60)
    late.append(start(open_mpi(job + 1, 1), works=0))
    for pair in (working, late):
        said = [process.communicate(timeout=280) for process in pair]
        assert [process.returncode for process in pair] == [0, 0], said
        outs = [out.split() for out, _ in said]
        assert [out[:3] for out in outs] == [["0", "of", "2"], ["1", "of", "2"]]
        assert float(outs[0][-1]) <= float(outs[1][-1])
        if pair is working:
            assert "process 1 waits: packing" in said[1][1]
