"""Losses, gradients and three AdamW steps against the official release, in float64.

Tolerances: the release computes the losses' weights in float32 and the gradients and changes are
stored in float32, so 1e-6 is as tight as the goldens allow.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from golden_tiny import clips, in_float64, load, relative

from merclip_jax.merclip import losses, torch_keys
from merclip_jax.models import MerClip
from merclip_jax.towers import files, leaves
from merclip_jax.training import optim

EPOCHS = (0, 1, 5, 27, 54, 55, 70)


def objective_parts(model, frames, texts, labels, **mode):
    """The release's (v2t, t2v, focal): means over the batch, before the epoch's weights."""
    out = model(frames, **mode)
    scale = jnp.exp(model.logit_scale[...])
    own = jnp.eye(len(labels))
    half = losses.DIRECTION_WEIGHT
    v2t = half * losses.alignment_loss(out.clip_embedding, texts, own, scale).mean()
    t2v = half * losses.alignment_loss(texts, out.clip_embedding, own, scale).mean()
    return v2t, t2v, losses.focal_loss(out.logits, labels).mean()


def test_losses_of_every_epoch(official, inputs, training, x64):
    model = in_float64(official)
    graphdef, state = nnx.split(model)

    @jax.jit
    def parts(state, frames, tokens, labels):
        model = nnx.merge(graphdef, state)
        return objective_parts(model, frames, model.encode_text(tokens), labels)

    v2t, t2v, focal = parts(
        state,
        clips(inputs, np.float64),
        jnp.asarray(inputs["text_tokens"]),
        jnp.asarray(inputs["gt_label"]),
    )
    expected = training["losses"]["unweighted"]
    assert v2t == pytest.approx(expected["ce_v2t_times_half"], rel=1e-9)
    assert t2v == pytest.approx(expected["ce_t2v_times_half"], rel=1e-9)
    assert focal == pytest.approx(expected["focal_gamma2"], rel=1e-9)
    assert jnp.exp(model.logit_scale[...]) == pytest.approx(expected["logit_scale_exp"], rel=1e-9)
    for epoch in EPOCHS:
        alignment, emotion = losses.progressive_weights(epoch)
        total = alignment * (v2t + t2v) + emotion * focal
        golden = training["losses"][f"epoch{epoch}"]["true_objective"]
        assert total == pytest.approx(golden, rel=1e-7)  # its weights are float32


@pytest.fixture(scope="module")
def trained(official, inputs, training):
    """Three steps in training mode without dropout: what the release's run gives for each."""
    with jax.enable_x64(True):
        return three_steps(official, inputs, training)


def three_steps(official, inputs, training):
    vision = replace(official.cfg.vision, global_dropout=0.0)
    emotion = replace(official.cfg.emotion, dropout=0.0)
    cfg = replace(official.cfg, vision=vision, emotion=emotion)
    still = leaves.fill(MerClip(cfg, rngs=nnx.Rngs(0)), leaves.arrays(official), "official")
    frames, labels = clips(inputs, np.float64), jnp.asarray(inputs["gt_label"])
    graphdef, params, frozen, rest = nnx.split(
        in_float64(still),
        lambda path, leaf: isinstance(leaf, nnx.Param) and optim.trainable(path),
        nnx.Param,
        ...,
    )
    start = params
    optimizer = optim.adamw(
        training["lr"],
        optim.decay_mask(params, "released"),
        betas=tuple(training["betas"]),
        eps=training["eps"],
        clip_norm=float(training["clip_max_norm"]),
    )
    opt_state = optimizer.init(params)

    @jax.jit
    def step(params, rest, opt_state, tokens, alignment, emotion):
        def loss(params):
            model = nnx.merge(graphdef, params, frozen, rest, copy=True)
            texts = model.encode_text(tokens)
            v2t, t2v, focal = objective_parts(model, frames, texts, labels, train=True)
            statistics = nnx.state(model, nnx.Not(nnx.Param))
            return alignment * (v2t + t2v) + emotion * focal, statistics

        (value, rest), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = jax.tree.map(lambda p, u: p + u, params, updates)
        return params, rest, opt_state, value, grads

    values, first = [], None
    n_labels = len(inputs["prompt_table"]) // 3
    for log in training["steps"]:
        rows = np.array(log["templates"]) * n_labels + inputs["au_label"]
        params, rest, opt_state, value, grads = step(
            params,
            rest,
            opt_state,
            jnp.asarray(inputs["prompt_table"][rows]),
            log["sim_loss_weight"],
            log["loss_cls_weight"],
        )
        values.append(float(value))
        first = grads if first is None else first
    delta = jax.tree.map(lambda after, before: after - before, params, start)
    return values, by_name(first), by_name(delta), by_name(rest)


def by_name(state) -> dict[str, np.ndarray]:
    return {leaves.dotted(path): np.asarray(leaf[...]) for path, leaf in nnx.to_flat_state(state)}


def test_losses_of_three_steps(trained, training):
    golden = [step["objective"] for step in training["steps"]]
    np.testing.assert_allclose(trained[0], golden, rtol=1e-7)


def test_gradients_of_the_first_step(trained, training):
    golden, faults = torch_keys.translate(load("grads_step0"), torch_keys.OFFICIAL)
    assert not faults
    assert golden.keys() == trained[1].keys()
    norm = training["steps"][0]["grad_norm"]
    assert np.sqrt(sum((g**2).sum() for g in trained[1].values())) == pytest.approx(norm, rel=1e-7)
    for name, gradient in trained[1].items():
        # Against the norm of all: key biases' gradients are zero but for rounding.
        np.testing.assert_allclose(gradient, golden[name], rtol=1e-6, atol=1e-8 * norm)


def test_parameters_after_three_steps(trained, training):
    golden, faults = torch_keys.translate(load("delta_after3"), torch_keys.OFFICIAL)
    assert not faults
    assert golden.keys() == trained[2].keys()
    for name, delta in trained[2].items():
        assert relative(delta, golden[name]) < 1e-6, name


def test_batch_norm_after_three_steps(trained):
    golden, faults = torch_keys.translate(load("bn_after3"), torch_keys.OFFICIAL)
    assert not faults
    assert golden.keys() == trained[3].keys()
    for name, statistic in trained[3].items():
        assert relative(statistic, golden[name]) < 1e-8, name


def test_weight_decay_groups(official, checkpoint, training):
    """`released` decays exactly the tensors that the release decays."""
    decay = {  # running statistics and the text tower are in no group
        name: np.full(tensor.shape, training["decay"][name])
        for name, tensor in files.read(checkpoint).items()
        if name in training["decay"]
    }
    assert decay.keys() == training["decay"].keys()
    placed, faults = torch_keys.translate(decay, torch_keys.OFFICIAL)
    assert not faults
    for name, values in placed.items():
        assert optim.decayed(tuple(name.split(".")), values, "released") == (values.max() > 0), name
