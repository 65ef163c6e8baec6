"""python -m benchmarks.weights_parity [--full]"""

from benchmarks.weights_parity import compare

compare.main()
