"""`python -m benchmarks.damage`: see `campaign`."""

import sys

from benchmarks.damage import campaign
from merclip_jax import app

sys.exit(app.run(campaign.COMMAND))
