"""Several devices learn from the whole batch, as one does."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from merclip_jax.configs import base
from merclip_jax.micro_au.model import MicroAu
from merclip_jax.micro_au.task import Task
from merclip_jax.training.batch import AugmentedBatch

CLIPS, UNITS, WIDTH, DEVICES = 32, 3, 4, 8


class Linear(MicroAu):
    """Features of each unit as a linear map of a clip; a tower's would differ in last bits."""

    def __init__(self):
        keys = jax.random.split(jax.random.key(0), 4)
        self.kernel = nnx.Param(jax.random.normal(keys[0], (3, UNITS, WIDTH)))
        self.texts = nnx.Param(jax.random.normal(keys[1], (UNITS, 2, WIDTH)))
        self.logit_scale = nnx.Param(jnp.float32(1.0))
        self.unit_bias = nnx.Param(jnp.zeros(UNITS))
        self.positive_weight = nnx.Variable(jnp.array([1.0, 3.0, 0.5]))
        self.correlation = nnx.Variable(jnp.full((UNITS, UNITS), 0.2))

    def __call__(self, frames, train, rngs, axis_name):
        return SimpleNamespace(features=jnp.einsum("bthwi,ike->bke", frames, self.kernel[...]))


@pytest.mark.parametrize("form", ["correlation", "centred", "instance"])
def test_the_loss_over_eight_devices_is_that_of_the_whole_batch(form):
    config = base.get_config()
    config.au.dependency_form = form
    keys = jax.random.split(jax.random.key(1), 2)
    labels = jax.random.randint(keys[1], (CLIPS, UNITS), -1, 2)
    none = jnp.full(CLIPS, -1)
    whole = AugmentedBatch(
        jax.random.normal(keys[0], (CLIPS, 1, 1, 2, 3)), labels, none, jnp.zeros((CLIPS, 1))
    )
    task = Task((), ("1", "2", "3"), np.asarray(labels, np.int8), (), config)
    graphdef, params, rest = nnx.split(Linear(), nnx.Param, ...)

    def learnt(batch, axis_name=None):
        def value(params):
            model = nnx.merge(graphdef, params, rest)
            return task.loss(model, batch, jnp.int32(0), jax.random.key(0), axis_name)

        found = jax.grad(value, has_aux=True)(params)
        return found if axis_name is None else jax.lax.pmean(found, axis_name)

    expected = learnt(whole)
    shares = jax.tree.map(lambda x: x.reshape(DEVICES, CLIPS // DEVICES, *x.shape[1:]), whole)
    found = jax.pmap(lambda batch: learnt(batch, "data"), "data", out_axes=None)(shares)
    assert set(found[1]) >= {"loss_text", "loss_visual", "loss_naming", "loss_dependency"}
    # Sums run in another order: float32 allows 1e-6 of each value.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7), found, expected
    )
