"""Timelines from rows and events made by hand, for the tests of tables and pages."""

from dataclasses import replace

import numpy as np

from merclip_jax.timeline.findings import Finding
from merclip_jax.timeline.maps import Explanation
from merclip_jax.timeline.timeline import Timeline
from merclip_jax.video import decode
from merclip_jax.video.inference import Settings
from merclip_jax.video.journal import End, Row
from merclip_jax.video.model_info import ModelInfo
from merclip_jax.video.spotting import Event

INFO = ModelInfo(
    system="merclip",
    title="MER-CLIP",
    classes=("negative", "positive"),
    units=(),
    sentences=("raising the chin", "lowering the brows"),
    style="ours",
    count=8,
    temporal="uniform",
    input="rgb",
    size=32,
    crop="aligned",
    margin=0.15,
    calibrated=False,
    temperature=1.0,
    threshold=np.zeros(0),
    rates=np.zeros((2, 0)),
    notices=("A notice of <the> model.",),
)
UNITS = replace(
    INFO,
    system="micro_au",
    title="Micro-AU CLIP",
    units=("4", "L12"),
    sentences=(),
    threshold=np.zeros(2),
    rates=np.full((2, 2), 0.2),
)


def row(start, p=0.7, motion=1.0, flags=(), person=0, units=()):
    lost = "face lost" in flags
    return Row(
        person=person,
        start_ms=start,
        end_ms=start + 300.0,
        times_ms=(start,) * 8,
        place=None,
        probabilities=() if lost else (p, 1 - p),
        units=() if lost else units,
        nearest=() if lost or units else (("raising the chin", 0.5), ("lowering the brows", -0.25)),
        motion=0.0 if lost else motion,
        face=0.0 if lost else 1.0,
        head_motion=float("nan") if lost else 1.25,
        blink="blink" in flags,
        blur=float("nan") if lost else 30.0,
        flags=flags,
    )


def finding(one, onset=100.0, apex=200.0, offset=300.0, shown=True, target="negative"):
    grey = np.full((32, 32, 3), 128, np.uint8)
    cells = np.zeros((8, 2, 2))
    cells[3, 0, 1] = 1.0
    told = Explanation(
        target=target, map=cells, highlighted=cells[3] > 0, score=1.0, still=-1.0, drop=0.5,
        random_drop=0.1, random_sd=0.2, beaten=1.0,
    )  # fmt: skip
    event = Event(onset, apex, offset, 4.5)
    return Finding(
        one.person, event, one, (grey,) * 7 * shown, (grey,) * 8 * shown, told if shown else None
    )


def made(rows, found=(), info=INFO, fps=200.0, face="largest", length=1000.0):
    return Timeline(
        source=decode.Source("film <1>", 0, fps, None),
        end=End(200, length, ()),
        model="mine",
        info=info,
        settings=Settings(300.0, 50.0, face),
        rows=rows,
        findings=found,
        seconds={"model": 1.0},
    )
