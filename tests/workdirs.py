"""A small fabricated workdir of a finished run, as `train` leaves it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

CLASSES = ("negative", "positive", "surprise")
AUS = ("4", "12", "1+2")


def make_workdir(
    root: Path,
    *,
    dataset="synthetic_me",
    subjects=6,
    clips=6,
    seeds=(0,),
    right=0.75,
    selection="last",
    epochs=4,
    strips=True,
    draw=0,
) -> Path:
    """Write a run of `subjects` x `clips` clips; `right` is the chance of a right answer.

    The clips depend on nothing but the counts, so two workdirs with other `draw` or `right` are
    runs on the same list.
    """
    root.mkdir(parents=True)
    table = _clips(dataset, subjects, clips)
    table.to_csv(root / "clips.csv", index=False)
    run = {
        "system": "MER-CLIP",
        "protocol": {"name": "synthetic/3", "classes": list(CLASSES)},
        "selection": selection,
        "seeds": list(seeds),
        "config": {"recipe": {"epochs": epochs}},
        "timing": {
            "build_s": 1.5,
            "compile_s": 2.5,
            "train_s": 30.0,
            "clips_per_s": 55.0,
            "folds_per_hour": 720.0,
        },
        "environment": {"python": "3.11", "jax": "0.10.2", "devices": "cpu"},
        "notices": ["Fabricated for a test."],
    }
    (root / "run.json").write_text(json.dumps(run))
    rng = np.random.default_rng(draw)
    parts = [_predictions(table, seed, epochs, "last", right, rng) for seed in seeds]
    if selection == "paper":
        parts += [_predictions(table, seed, 1, "paper", right + 0.2, rng) for seed in seeds]
    if selection == "inner":
        parts = [part.assign(selection="inner") for part in parts]
    pd.concat(parts).to_csv(root / "predictions.csv", index=False)
    _history(table["fold"].unique(), seeds, epochs, rng).to_csv(root / "history.csv", index=False)
    if strips:
        _strips(root / "strips", table)
    return root


def edit(workdir: Path, name: str, change) -> None:
    """Replace a table of the workdir by `change(table)`; every cell is text."""
    table = pd.read_csv(workdir / name, dtype=str, keep_default_na=False)
    change(table).to_csv(workdir / name, index=False)


def _clips(dataset, subjects, clips):
    rows = []
    for subject in range(subjects):
        for clip in range(clips):
            label = (clip + subject * (clip % 2)) % 3
            rows.append(
                {
                    "clip_id": f"{dataset}/{subject + 1:02}/EP{clip:02}",
                    "dataset": dataset,
                    "subject": f"{subject + 1:02}",
                    "clip": f"EP{clip:02}",
                    "split": "",
                    "emotion": CLASSES[label],
                    "class": CLASSES[label],
                    "label": label,
                    "aus": AUS[label] if clip != 2 else "NA"[:0],
                    "n_frames": 20 + clip,
                    "fold": f"{subject + 1:02}",
                }
            )
    return pd.DataFrame(rows)


def _predictions(table, seed, epoch, selection, right, rng):
    labels = table["label"].to_numpy()
    guesses = np.where(rng.random(len(labels)) < right, labels, rng.integers(0, 3, len(labels)))
    scores = rng.dirichlet(np.ones(3), len(labels)) + 1.2 * np.eye(3)[guesses]
    scores /= scores.sum(1, keepdims=True)
    frame = table[["clip_id", "dataset", "subject", "fold"]].assign(
        seed=seed, epoch=epoch - 1, label=labels, prediction=guesses, selection=selection
    )
    return frame.assign(**{f"p_{name}": scores[:, i] for i, name in enumerate(CLASSES)})


def _history(folds, seeds, epochs, rng):
    rows = [
        {
            "fold": fold,
            "seed": seed,
            "epoch": epoch,
            "loss": 2 * np.exp(-epoch / 20) + 0.1 * rng.random(),
            "loss_alignment": np.exp(-epoch / 20),
            "loss_emotion": np.exp(-epoch / 20),
            "accuracy": min(1.0, 1 - np.exp(-(epoch + 5) / 15) + 0.05 * rng.random()),
            "learning_rate": 1e-4,
        }
        for seed in seeds
        for fold in folds
        for epoch in range(epochs)
    ]
    return pd.DataFrame(rows)


def _strips(folder, table):
    folder.mkdir()
    for clip_id, label in zip(table["clip_id"], table["label"], strict=True):
        strip = np.full((64, 64 * 8, 3), 90, np.uint8)
        for frame in range(8):
            centre = (64 * frame + 32, 30 + int(label) * frame // 2)
            cv2.circle(strip, centre, 22, (120 + 40 * int(label), 170, 200), -1)
        name = clip_id.replace("/", "__")
        cv2.imwrite(str(folder / f"{name}.jpg"), strip)
        cv2.imwrite(str(folder / f"{name}__change.jpg"), strip[:, : 3 * 64])
