"""A person's neutral face: a relief of the head, painted, lit and photographed.

The face is a height field (head, sockets, nose, cheeks, lips, chin) lit by one lamp and by
ambient light, so that shading, cavities and highlights come from geometry and not from lines.
Everything is computed on one canvas in the units of `traits`; light is added in linear intensity.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from merclip_jax.tfds_builders.synthetic_me import features
from merclip_jax.tfds_builders.synthetic_me.canvas import GAMMA, Canvas, linear, over
from merclip_jax.tfds_builders.synthetic_me.relief import lighting, outline, relief
from merclip_jax.tfds_builders.synthetic_me.traits import Traits

SIDE = 448  # pixels; twice the usual frame, so that frames are sampled from a finer picture

Anchors = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Face:
    """A neutral picture and where the face's parts are in it.

    Attributes:
      picture: RGB.
      anchors: name -> (x, y) over the picture's side. Names end in '_l' or '_r' for the person's
        own left and right: the person's LEFT is on the RIGHT of the picture.
    """

    picture: UInt8[np.ndarray, "n n 3"]
    anchors: Anchors


def draw(traits: Traits) -> Face:
    """The neutral face of a person, frontal, `SIDE` pixels square."""
    canvas = Canvas(traits.scale, traits.centre, SIDE)
    rng = np.random.default_rng(traits.texture_seed)
    half = outline(canvas, traits)
    light = lighting(canvas, traits, relief(canvas, traits, half))
    inside = np.minimum(half - np.abs(canvas.x), traits.chin_y - canvas.y)
    picture = features.behind(canvas, traits, rng)
    picture = over(picture, skin(canvas, traits, rng) * light, canvas.cover(inside, 0.025))
    features.eyes(canvas, traits, picture, light)
    picture = features.in_front(canvas, traits, picture, light, rng)
    srgb = np.clip(canvas.blur(picture, 0.006), 0, 1) ** (1 / GAMMA)
    return Face(np.rint(srgb * 255).astype(np.uint8), anchors(traits))


def skin(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Float32[np.ndarray, "n n 3"]:
    """The skin's colour, linear: blood, blotches, pores, lips, beard and nostrils."""
    colour = linear(traits.skin)
    nose_y, chin_y = traits.nose[1], traits.chin_y
    blood = 0.6 * canvas.pair(0.68, 0.48, 0.26, 0.20) + 0.5 * canvas.blob(
        0, nose_y - 0.12, 0.18, 0.14
    )
    blood += 0.25 * canvas.blob(0, chin_y - 0.15, 0.25, 0.12) + 0.07 * canvas.grain(rng, 0.25)
    tired = canvas.pair(0.44, 0.17, 0.18, 0.06) * (0.4 + 0.6 * traits.age)
    speckle = 0.03 * canvas.grain(rng, 0.02) + 0.03 * canvas.grain(rng, 0.09)
    picture = colour * (1 - blood[..., None] * np.array([0.03, 0.18, 0.16], np.float32))
    picture *= 1 - tired[..., None] * np.array([0.16, 0.17, 0.10], np.float32)
    picture *= 1 + speckle[..., None]
    line, lips = features.lip_shape(canvas, traits)
    rosy = colour * np.array([0.78, 0.42, 0.44], np.float32)
    lines = (1 + 0.05 * canvas.grain(rng, 0.02))[..., None]
    picture = over(picture, rosy * lines, 0.85 * canvas.blur(lips, 0.01))
    if traits.beard:
        hairs = features.beard(canvas, traits, rng) * (1 - lips)
        picture = over(picture, linear(traits.hair), hairs)
    nostrils = canvas.pair(0.12, nose_y - 0.005, 0.045, 0.020)
    picture = over(picture, colour * 0.10, np.clip(1.1 * nostrils, 0, 0.9))
    inner = (np.abs(canvas.x) < traits.mouth[1] * 0.98).astype(np.float32)
    gap = np.exp(-0.5 * ((canvas.y - line) / 0.014) ** 2) * canvas.blur(inner, 0.03)
    return over(picture, rosy * 0.12, 0.85 * gap)


def anchors(traits: Traits) -> Anchors:
    """Where the parts of the face are, over the picture's side."""
    brow_y, _, arch, slope = traits.brow
    eye_half, above, below, tilt, _ = traits.eye
    nose_half, nose_y, _ = traits.nose
    mouth_y, mouth_half, upper, lower, lift = traits.mouth
    sided = {
        "brow_inner": (0.22, brow_y + 0.02),
        "brow_middle": (0.5, brow_y - arch / 2 - slope / 2),
        "brow_outer": (0.82, brow_y - arch / 2 - slope),
        "eye_inner": (0.5 - eye_half, tilt / 2),
        "eye_outer": (0.5 + eye_half, -tilt / 2),
        "lid_upper": (0.5, -above),
        "lid_lower": (0.5, below),
        "cheek": (0.66, 0.42),
        "nose_wing": (nose_half, nose_y - 0.1),
        "lip_corner": (mouth_half, mouth_y - lift),
        "lip_side": (0.5 * mouth_half, mouth_y - 0.5 * upper),
    }
    middle = {
        "nose_root": (0.0, -0.12),
        "forehead": (0.0, (brow_y + traits.hairline) / 2),
        "lip_line": (0.0, mouth_y),
        "lip_upper": (0.0, mouth_y - upper * 0.6),
        "lip_lower": (0.0, mouth_y + lower * 0.6),
        "chin": (0.0, traits.chin_y - 0.2),
    }
    points = middle | {f"{name}_l": at for name, at in sided.items()}
    points |= {f"{name}_r": (-x, y) for name, (x, y) in sided.items()}
    middle_x, middle_y = traits.centre
    return {
        name: (middle_x + x * traits.scale, middle_y + y * traits.scale)
        for name, (x, y) in points.items()
    }
