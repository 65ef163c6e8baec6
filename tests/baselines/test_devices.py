"""Several devices train a published network as one does, BatchNorm's statistics included."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from merclip_jax.baselines.networks import StstNet
from merclip_jax.baselines.task import Task
from merclip_jax.training.batch import AugmentedBatch

CLIPS, DEVICES = 16, 8


def test_jit_and_pmap_over_eight_devices_give_one_devices_loss_and_gradients():
    keys = jax.random.split(jax.random.key(1), 2)
    labels = jax.random.randint(keys[1], (CLIPS,), 0, 3)
    pictures = jax.random.normal(keys[0], (CLIPS, 1, 28, 28, 3))
    whole = AugmentedBatch(pictures, labels, jnp.full(CLIPS, -1), jnp.zeros((CLIPS, 1)))
    model = StstNet(3, rngs=nnx.Rngs(0))
    model.dropout.rate = 0.0  # each device draws for its own share
    task = Task(("negative", "positive", "surprise"), np.asarray(labels))
    graphdef, params, rest = nnx.split(model, nnx.Param, ...)

    def learnt(batch, axis_name=None):
        def value(params):
            model = nnx.merge(graphdef, params, rest, copy=True)
            loss, scalars = task.loss(model, batch, jnp.int32(0), jax.random.key(0), axis_name)
            return loss, (scalars, nnx.state(model, nnx.Not(nnx.Param)))

        found = jax.grad(value, has_aux=True)(params)
        return found if axis_name is None else jax.lax.pmean(found, axis_name)

    expected = learnt(whole)
    shares = jax.tree.map(lambda x: x.reshape(DEVICES, CLIPS // DEVICES, *x.shape[1:]), whole)
    mesh = jax.make_mesh((DEVICES,), ("data",), (AxisType.Auto,))
    spread = jax.device_put(whole, NamedSharding(mesh, PartitionSpec("data")))
    for found in (
        jax.pmap(lambda batch: learnt(batch, "data"), "data", out_axes=None)(shares),
        jax.jit(learnt)(spread),
    ):
        # Sums run in another order: float32 allows 1e-6 of the largest value.
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6), found, expected
        )
