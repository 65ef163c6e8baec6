"""timeline.html and the index of several: a timeline's facts and pictures put into templates."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from merclip_jax import templates
from merclip_jax.facs import muscles
from merclip_jax.timeline import curves, findings, heat, timeline
from merclip_jax.timeline.findings import Finding
from merclip_jax.timeline.timeline import Timeline
from merclip_jax.video.journal import Row
from merclip_jax.video.model_info import ModelInfo

STRIP_SIDE = 96  # pixels: side of a picture in a film strip
FILMED, FILM_SIDE = 5, 128  # frames and pixels of the film that explains
QUALITY = 82  # of JPEG
MISSING = 20  # gaps that are listed; the tables have all
NAMED = 0.5  # probability from which an action unit is named at an event


def render(result: Timeline, film: str = "") -> str:
    """The page of one video.

    Args:
      film: where a browser finds the video itself, see `playable.address`; '' leaves it out.
    """
    charts = [
        curves.chart(
            rows, _events(result, rows), result.info, result.end.duration_ms, result.end.gaps
        )
        for rows in findings.of_one(result.rows, result.settings.face)
    ]
    cards = [_card(number, one, result.info) for number, one in enumerate(result.findings, start=1)]
    return templates.fill(
        "timeline/timeline.html",
        name=result.source.name,
        film=film,
        seconds=result.end.duration_ms / 1000,
        duration=curves.clock(result.end.duration_ms, 1),
        fps=result.source.fps,
        n_frames=result.end.frames,
        system=result.info.title,
        model=result.model,
        info=result.info,
        settings=result.settings,
        notices=result.notices,
        charts=charts,
        gaps=[tuple(map(curves.clock, gap)) for gap in result.end.gaps[:MISSING]],
        n_gaps=len(result.end.gaps),
        cards=cards,
        shown=[card for card in cards if card["strip"]],
        n_windows=len(result.rows),
        n_read=sum(row.is_read for row in result.rows),
        width=curves.WIDTH,
        top=curves.TOP,
        base=curves.BASE,
    )


def render_index(summaries: Sequence[dict[str, Any]]) -> str:
    """The page that leads to those of several videos.

    Args:
      summaries: of each its name, and either fault, or duration_ms, fps, emotions, and events,
        None where no face was found.
    """
    return templates.fill(
        "timeline/timelines.html", told=summaries, clock=curves.clock, no_face=timeline.NO_FACE
    )


def _events(result: Timeline, rows: Sequence[Row]) -> dict[int, Finding]:
    """The events of the persons in some rows, by their numbers."""
    persons = {row.person for row in rows}
    return {i: one for i, one in enumerate(result.findings, start=1) if one.person in persons}


def _card(number: int, one: Finding, info: ModelInfo) -> dict[str, Any]:
    """What the page says of an event."""
    row, event = one.row, one.event
    likeliest = sorted(zip(row.probabilities, info.classes, strict=False), reverse=True)
    moved = [
        (muscles.named(unit), muscles.of(unit), p, timeline.intensity(p))
        for unit, p in zip(info.units, row.units, strict=False)
        if p >= NAMED
    ]
    title = timeline.leading(row.probabilities, info.classes)
    if timeline.undecided(row.probabilities):
        title = " or ".join(name for _, name in likeliest[:2])
    if not title:
        title = "+".join(named.split()[0] for named, *_ in moved) or "movement"
    return {
        "number": number,
        "person": one.person,
        "title": title,
        "undecided": timeline.undecided(row.probabilities),
        "likeliest": likeliest,
        "moved": sorted(moved, key=lambda entry: -entry[2]),
        "nearest": row.nearest,
        "flags": row.flags,
        "from_s": event.onset_ms / 1000,
        "to_s": event.offset_ms / 1000,
        "onset": curves.clock(event.onset_ms),
        "apex": curves.clock(event.apex_ms),
        "offset": curves.clock(event.offset_ms),
        "length": f"{event.offset_ms - event.onset_ms:.0f} ms",
        "score": event.score,
        "strip": _address(np.hstack([_small(picture) for picture in one.strip]))
        if one.strip
        else "",
        "evidence": _evidence(one) if one.explanation else None,
    }


def _small(picture: UInt8[np.ndarray, "s s 3"]) -> UInt8[np.ndarray, "q q 3"]:
    return cv2.resize(picture, (STRIP_SIDE, STRIP_SIDE), interpolation=cv2.INTER_AREA)


def _evidence(one: Finding) -> dict[str, str]:
    """The explanation's pictures and words."""
    explanation = one.explanation
    assert explanation is not None
    chosen = np.unique(np.linspace(0, len(explanation.map) - 1, FILMED).round().astype(int))
    instants = tuple(f"{one.row.times_ms[i] / 1000:.2f} s" for i in chosen)
    return {
        "film": _address(
            heat.film(np.stack(one.frames), explanation, tuple(chosen.tolist()), FILM_SIDE)
        ),
        "alt": heat.description(explanation, instants),
        "legend": heat.legend(explanation),
        "sentence": explanation.sentence,
    }


def _address(picture: UInt8[np.ndarray, "h w 3"]) -> str:
    """A picture as a data address."""
    encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
