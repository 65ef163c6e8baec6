"""How tests compile, set before jax is imported and for every process that a test starts.

Eight CPU devices for the tests of meshes and pmap (others use the first). Compiled programs are
kept for this session and the next, since many tests and their subprocesses share them. Compilation
is quick and its programs slow, since tests compile much and run little: the fusion emitters would
take two thirds of it. A program compiled otherwise in a subprocess would differ in the last bit.
"""

import os
import shutil
from pathlib import Path

COMPILED = Path(__file__).parents[1] / ".compiled"
LARGEST = 2**30  # bytes of it; then it begins anew
QUICK = "--xla_cpu_use_fusion_emitters=false"
ONE_DEVICE = {"XLA_FLAGS": QUICK}  # for the environment of a subprocess
SETTINGS = {
    "XLA_FLAGS": f"--xla_force_host_platform_device_count=8 {QUICK}",
    "JAX_PLATFORMS": "cpu",
    "JAX_COMPILATION_CACHE_DIR": str(COMPILED),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}
for name, value in SETTINGS.items():
    os.environ.setdefault(name, value)


def tidy() -> None:
    """Begin anew where what was compiled has grown too large."""
    if sum(file.stat().st_size for file in COMPILED.glob("*")) > LARGEST:
        shutil.rmtree(COMPILED)
