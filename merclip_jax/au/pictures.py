"""The report's pictures of action units (AUs)."""

import numpy as np
from markupsafe import Markup

from merclip_jax import figures
from merclip_jax.results import Results


def of_run(run: Results) -> dict[str, Markup]:
    """The pictures by name; none where the run tells no units."""
    return {"units": _together(run)} if run.headline.units else {}


def _together(run: Results) -> Markup:
    """Which units move together, as annotated and as told."""
    told = run.headline
    truth = (told.au_labels == 1).astype(int)
    said = (told.au_probabilities[0] > 0.5).astype(int)
    counts = np.triu(truth.T @ truth) + np.tril(said.T @ said, -1)
    return figures.together_chart(counts, told.units)
