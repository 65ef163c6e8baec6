"""A third system is one folder and one line: here a task of a few lines, registered and trained."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx

from merclip_jax import systems, train
from merclip_jax.merclip import start
from merclip_jax.training.batch import Predicted


class MeanColour(nnx.Module):
    """Classes from the mean colour of a clip: no micro-expression system, but a whole one."""

    def __init__(self, classes: int):
        self.out = nnx.Linear(3, classes, rngs=nnx.Rngs(0))

    def __call__(self, frames):
        return self.out(frames.mean((1, 2, 3)))


class MeanColourTask:
    """The ten lines: labels, a loss, a prediction; nothing else is wanted."""

    def __init__(self, config, table, classes, model, tokenizer):
        self.labels, self.classes = table["label"].to_numpy(np.int32), classes
        self.sentence_rows = self.mirrored_rows = np.full(len(table), -1, np.int32)

    def loss(self, model, batch, epoch, key, axis_name=None):
        right = jnp.take_along_axis(
            nnx.log_softmax(model(batch.frames)), batch.labels[:, None], axis=1
        )
        return -right.mean(), {"loss": -right.mean(), "accuracy": jnp.exp(right).mean()}

    def predict(self, model, frames, texts):
        return Predicted(nnx.softmax(model(frames)), jnp.zeros((len(frames), 0)))

    def columns(self, fold, test_pred, val_pred):
        columns = {f"p_{name}": p for name, p in zip(self.classes, test_pred[0].T, strict=True)}
        return columns | {"prediction": test_pred.probabilities.argmax(1)}

    texts = lambda self, model: jnp.zeros((1, 1, 1))  # noqa: E731
    strata = lambda self, fold: self.labels  # noqa: E731
    init_fold = lambda self, fold, params, state: (params, state)  # noqa: E731
    val_indices = lambda self, fold: fold.inner  # noqa: E731
    aggregate = lambda self, indices, predicted: predicted  # noqa: E731
    keep = score = card_scores = model_info = fold_metadata = lambda self, *given: None  # noqa: E731


def _third() -> systems.System:
    def begin(config, classes, seed):
        return MeanColour(len(classes)), start.build(config, classes, seed)[1]

    return systems.System(
        "mean colour", begin, MeanColourTask, lambda *_: None, lambda _: None, needs_classes=True
    )


def test_it_trains_and_reports_like_the_others(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setitem(systems.SYSTEMS, "third", _third)
    with tiny_config.unlocked():
        tiny_config.model.system = "third"
        tiny_config.folds.scheme = "hold_out"
        tiny_config.recipe.epochs, tiny_config.recipe.warmup_epochs = 1, 0
    report = train.run(tiny_config, tmp_path)
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert np.allclose(predictions.filter(regex="^p_").sum(axis=1), 1)
    assert set(report.metrics) == {"uf1", "uar", "accuracy", "weighted_f1"}
    assert "mean colour" in (tmp_path / "run.json").read_text()
