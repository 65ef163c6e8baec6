"""What is painted on and around the head: eyes, lips, brows, hair, beard, glasses, clothes."""

import numpy as np

from merclip_jax.tfds_builders.synthetic_me.canvas import Canvas, Map, Picture, linear, over
from merclip_jax.tfds_builders.synthetic_me.traits import Traits

HAIRS = 170  # per brow


def lip_shape(canvas: Canvas, traits: Traits) -> tuple[Map, Map]:
    """The height of the line between the lips at each x, and how much of a pixel is lip."""
    y, half, upper, lower, lift = traits.mouth
    s = np.clip(np.abs(canvas.x[:1]) / half, 0, 1)
    line = y - lift * s**2 + 0.018 * np.exp(-0.5 * (s / 0.25) ** 2)
    bow = 1 - 0.22 * np.exp(-0.5 * (s / 0.13) ** 2)
    top = line - upper * bow * (1 - s**1.7) ** 0.9
    bottom = line + lower * (1 - s**2.2) ** 0.8
    return line, canvas.cover(np.minimum(canvas.y - top, bottom - canvas.y), 0.02) * (s < 1)


def behind(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Picture:
    """Wall, hair behind the face, neck, ears and shoulders; linear light."""
    x, y = canvas.x, canvas.y
    fall = 1 + 0.05 * traits.light[0] * x - 0.03 * y + 0.02 * canvas.grain(rng, 0.8)
    picture = linear(traits.wall) * fall[..., None]
    lamp = np.clip(0.75 + 0.35 * traits.light[0] * x, 0.2, 1.2)[..., None].astype(np.float32)
    if traits.hair_style == "long":
        edge = (
            1.05 + 0.14 * np.sqrt(np.clip(y + 1, 0, 4)) + 0.03 * canvas.grain(rng, 0.4)
        ) * traits.width
        fallen = np.minimum(edge - np.abs(x), y + 1.0)
        picture = over(picture, strands(canvas, traits, rng) * 0.6, canvas.cover(fallen, 0.04))
    skin = linear(traits.skin)
    neck = 0.64 * traits.jaw + 0.3 * np.clip(y - 1.8, 0, 1) ** 2 - np.abs(x)
    below_chin = 1 - 0.65 * np.exp(-0.5 * ((y - 1.5) / 0.33) ** 2)
    roundness = np.sqrt(np.clip(1 - (x / 0.85) ** 2, 0.08, 1))
    shade = (below_chin * roundness)[..., None] * lamp
    picture = over(picture, skin * shade, canvas.cover(np.minimum(neck, y - 0.8), 0.03))
    ear = 1 - ((np.abs(x) - 1.04 * traits.width) / 0.13) ** 2 - ((y - 0.22) / 0.34) ** 2
    hollow = 1 - 0.4 * canvas.pair(1.08 * traits.width, 0.2, 0.05, 0.16)
    picture = over(picture, skin * lamp * 0.85 * hollow[..., None], canvas.cover(ear * 0.1, 0.02))
    neckline = np.hypot(x / 0.74, (y - 1.8) / 0.42) - 1
    shoulder = y - 1.93 - 0.22 * np.clip(np.abs(x) - 0.7, 0, 2)
    cloth = linear(traits.cloth) * lamp * (1 + 0.06 * canvas.grain(rng, 0.3))[..., None]
    return over(picture, cloth, canvas.cover(np.minimum(shoulder, 0.5 * neckline), 0.02))


def eyes(canvas: Canvas, traits: Traits, picture: Picture, light: Picture) -> None:
    """Paint both eyes into `picture`: ball, lids, lashes and the crease above."""
    reach = traits.eye[0] + 0.15
    for side in (-1, 1):
        ends = sorted((side * (0.5 - reach), side * (0.5 + reach)))
        part, place = canvas.window((ends[0], ends[1]), (-0.4, 0.3))
        picture[place] = eye(part, traits, picture[place], light[place], side)


def eye(canvas: Canvas, traits: Traits, picture: Picture, light: Picture, side: int) -> Picture:
    """One eye, over the skin; `side` is 1 for the person's left eye."""
    half, above, below, tilt, crease = traits.eye
    x, y = (canvas.x - side * 0.5) * side, canvas.y  # x grows away from the nose
    s = np.clip(x / half, -1, 1)
    corner = -tilt * s / 2
    upper, lower = corner - above * (1 - s**2), corner + below * (1 - s**2)
    within = (np.abs(x) < half).astype(np.float32)
    opening = canvas.cover(np.minimum(y - upper, lower - y), 0.01) * within
    shadow = 1 - 0.55 * np.exp(-np.clip(y - upper, 0, 1) / 0.035)
    dim = light.mean(axis=-1, keepdims=True) ** 0.5
    ball = eyeball(canvas, traits, x, y + 0.012, side) * shadow[..., None] * dim
    picture = over(picture, ball, opening)
    fold = upper - crease * (1 - 0.4 * s**2) + 0.2 * np.clip(np.abs(x) - half, 0, 1)
    line = np.exp(-0.5 * ((y - fold) / 0.012) ** 2) * canvas.cover(half * 1.12 - np.abs(x), 0.1)
    rim = np.exp(-0.5 * ((y - lower) / 0.010) ** 2) * within
    dark = picture * np.array([0.45, 0.38, 0.36], np.float32)
    picture = over(picture, dark, np.maximum(0.5 * line, 0.35 * rim))
    lashes = np.exp(-0.5 * ((y - upper + 0.006) / 0.017) ** 2) * within * (0.75 + 0.2 * s)
    return over(picture, np.array([0.012, 0.009, 0.008], np.float32), lashes)


def eyeball(canvas: Canvas, traits: Traits, x: Map, y: Map, side: int) -> Picture:
    """Sclera, iris, pupil and the lamp's reflection, around the middle of one eye."""
    away, angle = np.hypot(x, y), np.arctan2(y, x)
    white = (
        np.array([0.60, 0.56, 0.53], np.float32)
        * (1 - 1.2 * np.clip(np.abs(x) - 0.08, 0, 1))[..., None]
    )
    pink = np.exp(-0.5 * ((x + traits.eye[0]) / 0.045) ** 2)
    ball = over(white, np.array([0.45, 0.22, 0.19], np.float32), 0.8 * pink)
    iris = 0.8 * linear(traits.iris)
    rays = 1 + 0.18 * np.sin(23 * angle + 5 * np.sin(3 * angle)) + 0.5 * (y / 0.095)
    ball = over(ball, iris * np.clip(rays, 0.4, 1.8)[..., None], canvas.cover(0.095 - away, 0.012))
    ball = over(ball, iris * 0.25, np.exp(-0.5 * ((away - 0.092) / 0.010) ** 2) * 0.7)
    ball = over(ball, np.full(3, 0.008), canvas.cover(0.038 - away, 0.008))
    lamp_x, lamp_y, _ = traits.light * 0.055
    glint = np.hypot(x - side * lamp_x, y - lamp_y)
    return over(ball, np.full(3, 0.95), 0.9 * canvas.cover(0.017 - glint, 0.01))


def in_front(
    canvas: Canvas, traits: Traits, picture: Picture, light: Picture, rng: np.random.Generator
) -> Picture:
    """Brows, the hair on the head, and glasses."""
    lit = linear(traits.hair) * (0.35 + 0.65 * light.mean(axis=-1, keepdims=True))
    picture = over(picture, lit, brows(canvas, traits, rng))
    if traits.hair_style != "bald":
        cover = scalp(canvas, traits, rng)
        below = np.roll(canvas.blur(cover, 0.05), round(0.04 / canvas.pixel), axis=0)
        picture = picture * (1 - 0.35 * below)[..., None]  # the hair's shadow on the forehead
        picture = over(picture, strands(canvas, traits, rng), cover)
    return glasses(canvas, picture, rng) if traits.glasses else picture


def brows(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Map:
    """Coverage of the brow hairs: rooted along an arch, combed outwards."""
    y, thick, arch, slope = traits.brow
    hairs: list[np.ndarray] = []
    for side in (-1, 1):
        along = rng.beta(1.0, 1.2, HAIRS)
        root_x = 0.20 + 0.66 * along
        rise = arch * np.sin(np.pi * np.clip(along * 0.9, 0, 1)) + slope * along
        taper = thick * (1 - 0.65 * along**2)
        root_y = y + 0.03 - rise + taper * rng.uniform(-0.5, 0.5, HAIRS)
        lean = np.deg2rad(70 - 80 * along + rng.normal(0, 10, HAIRS))  # upright, then lying down
        length = rng.uniform(0.05, 0.09, HAIRS)
        tip_x, tip_y = root_x + length * np.cos(lean), root_y - length * np.sin(lean) * 0.6
        hairs += list(np.array([[side * root_x, root_y], [side * tip_x, tip_y]]).transpose(2, 0, 1))
    mask = canvas.strokes(hairs, 0.01)
    return np.clip(0.55 * mask + 0.65 * canvas.blur(mask, 0.025), 0, 0.92)


def strands(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Picture:
    """The look of hair: strands that fall outwards from the crown, with a band of shine."""
    tone = 1 + 0.25 * by_strand(canvas, rng)
    away = np.hypot(canvas.x, canvas.y + 1.9)
    shine = 1 + 0.9 * np.exp(-0.5 * ((away - 0.45 + 0.2 * traits.light[0] * canvas.x) / 0.14) ** 2)
    side = np.clip(1 + 0.45 * traits.light[0] * canvas.x, 0.3, 1.6)
    return linear(traits.hair) * (np.clip(tone, 0.3, 2) * shine * side)[..., None]


def by_strand(canvas: Canvas, rng: np.random.Generator) -> Map:
    """Noise that is constant along a strand: a table over the angle around the crown."""
    fine, coarse = rng.standard_normal(720), rng.standard_normal(91)
    table = 0.6 * fine + 0.8 * np.interp(np.arange(720), np.arange(0, 728, 8), coarse)
    angle = np.arctan2(canvas.x, canvas.y + 1.9) / np.pi  # -1 to 1, 0 straight down
    place = (angle + 1) * 330 + 6 * canvas.grain(rng, 0.5)
    return np.interp(place, np.arange(720), table).astype(np.float32)


def scalp(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Map:
    """Where hair covers the head and stands off it."""
    x, y = np.abs(canvas.x), canvas.y
    volume, low = {"short": (0.06, 0.1), "fringe": (0.11, 0.15), "long": (0.13, 1.6)}[
        traits.hair_style
    ]
    ragged = 0.03 * by_strand(canvas, rng) + 0.03 * canvas.grain(rng, 0.3)
    width = (1.07 + volume) * traits.width
    cap = 1 - (x / width) ** 2.4 - np.abs(np.minimum(y + 0.35, 0) / (1.42 + volume)) ** 2.2
    fringe = traits.hair_style == "fringe"
    bend = np.clip(x / (0.8 * traits.width), 0, 1.6) ** 2
    line = traits.hairline + (0.5 + 0.1 * bend if fringe else 0.25 * bend)
    sideburn = (0.96 + 0.05 * np.clip(y, -1, 1)) * traits.width
    bare = np.maximum(line - y + ragged, 1.2 * (x - sideburn) + 0.4 * ragged)
    return canvas.cover(np.minimum.reduce([0.6 * cap + 0.4 * ragged, low - y + ragged, bare]), 0.05)


def beard(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Map:
    """Coverage of the beard: cheeks below the corner of the mouth, moustache, chin."""
    mouth_y, half = traits.mouth[:2]
    x, y = np.abs(canvas.x), canvas.y
    cheek = y - (mouth_y - 0.05 - 0.9 * np.clip(x - half - 0.1, 0, 1))
    moustache = np.minimum(y - (traits.nose[1] + 0.10), half + 0.12 - x)
    area = canvas.cover(np.maximum(cheek, moustache), 0.15)
    hairs = 0.75 + 0.25 * canvas.grain(rng, 0.015)
    return np.clip(area * hairs * (0.15 + 0.6 * traits.beard), 0, 0.9)


def glasses(canvas: Canvas, picture: Picture, rng: np.random.Generator) -> Picture:
    """A pair of spectacles: two rims, a bridge and the sides."""
    turn = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    rounded = np.sign(circle) * np.abs(circle) ** rng.uniform(0.5, 1.0)
    wide, high = rng.uniform(0.36, 0.42), rng.uniform(0.26, 0.33)
    rim = (0.51, 0.06) + rounded * (wide, high)
    bridge = np.array([[-0.13, 0.0], [-0.06, -0.04], [0.06, -0.04], [0.13, 0.0]])
    arm = np.array([[0.51 + wide, -0.02], [1.08, -0.06]])
    mirror = np.array([-1, 1])
    frame = canvas.strokes([rim, rim * mirror, bridge, arm, arm * mirror], rng.uniform(0.02, 0.05))
    shadow = np.roll(canvas.blur(frame, 0.02), round(0.05 / canvas.pixel), axis=0)
    picture = picture * (1 - 0.25 * shadow[..., None])
    return over(picture, np.full(3, 0.03 * rng.uniform(0.3, 3)), frame)
