"""The shape of a head as a height field, and the light on it. Units as in `traits`."""

import numpy as np
from jaxtyping import Float32
from scipy.interpolate import PchipInterpolator

from merclip_jax.tfds_builders.synthetic_me.canvas import Canvas
from merclip_jax.tfds_builders.synthetic_me.features import lip_shape
from merclip_jax.tfds_builders.synthetic_me.traits import Traits

Column = Float32[np.ndarray, "n 1"]
Map = Float32[np.ndarray, "n n"]

JAW_FROM = 0.75  # height where the side of the face turns into the jaw's curve


def outline(canvas: Canvas, traits: Traits) -> Column:
    """Half width of the head at every row, 0 above the crown and below the chin."""
    y = np.clip(canvas.y[:, :1], -1.8, traits.chin_y)
    halves = np.array([0, 0.42, 0.80, 0.99, 1.06, 1.06, 0.99, 0.95])
    at = np.array([-1.8, -1.68, -1.4, -1.0, -0.5, 0.0, 0.5, JAW_FROM])
    side = PchipInterpolator(at, halves * (traits.width + (traits.jaw - 1) * np.clip(at, 0, 1)))
    down = np.clip((y - JAW_FROM) / (traits.chin_y - JAW_FROM), 0, 1)
    curve = (1 - down ** (2.2 * traits.chin)) ** 0.5
    half = side(np.minimum(y, JAW_FROM)) * curve
    return canvas.blur(half.astype(np.float32), 0.07)  # a kink would cast an edge on the cheek


def relief(canvas: Canvas, traits: Traits, half: Column) -> Map:
    """Height of the face towards the viewer."""
    x, y = canvas.x, canvas.y
    # The silhouette lies a little before the head turns fully away: its slope stays finite.
    across = np.clip(np.abs(x) / np.maximum(1.025 * half, 1e-3), 0, 1)
    crown = np.clip((-0.75 - y) / 1.15, 0, 1)
    z = 0.95 * np.sqrt(1 - across**2.4) * np.sqrt(1 - 0.9 * crown**2)
    z -= 0.25 * np.clip((y - 0.9) / 0.9, 0, 1) ** 2
    brow_y, mouth_y = traits.brow[0], traits.mouth[0]
    blob, pair = canvas.blob, canvas.pair
    z += 0.07 * pair(0.42, brow_y + 0.03, 0.28, 0.09) + 0.03 * blob(0, brow_y, 0.2, 0.12)
    z -= 0.14 * pair(0.47, -0.02, 0.20, 0.14) + 0.07 * pair(0.20, 0.02, 0.07, 0.12)
    z += 0.075 * pair(0.5, 0.0, 0.17, 0.12)  # the eyeballs
    z += 0.10 * pair(0.66, 0.38, 0.24, 0.17) - 0.07 * pair(0.78, 0.95, 0.20, 0.28)
    z -= 0.05 * pair(0.95, -0.5, 0.15, 0.3)  # temples
    z += 0.09 * blob(0, mouth_y - 0.05, 0.40, 0.26)  # the teeth's arch
    z += 0.10 * blob(0, traits.chin_y - 0.19, 0.18, 0.11)
    z -= 0.06 * blob(0, mouth_y + 0.26, 0.22, 0.055)
    return z + nose(canvas, traits) + mouth(canvas, traits) - creases(canvas, traits)


def nose(canvas: Canvas, traits: Traits) -> Map:
    """The nose's height above the face: bridge, tip and wings."""
    half, base, height = traits.nose
    at = [-0.45, -0.2, 0.1, base - 0.22, base - 0.06, base + 0.03, base + 0.09]
    heights = np.array([0, 0.16, 0.5, 0.88, 0.80, 0.2, 0]) * height
    widths = PchipInterpolator([-0.45, -0.1, base - 0.3, base + 0.1], [0.13, 0.075, 0.10, 0.13])
    y = np.clip(canvas.y[:, :1], -0.45, base + 0.09)
    shape = PchipInterpolator(at, heights)(y) * np.exp(-0.5 * (canvas.x / widths(y)) ** 2)
    shape += 0.11 * canvas.blob(0, base - 0.14, 0.10, 0.09)
    shape += 0.085 * canvas.pair(half - 0.09, base - 0.09, 0.075, 0.08)
    shape -= 0.02 * canvas.pair(half + 0.07, base - 0.02, 0.05, 0.10)
    return shape.astype(np.float32)


def mouth(canvas: Canvas, traits: Traits) -> Map:
    """The lips' height above the face: two rolls, the groove between them and the philtrum."""
    y, half, upper, lower, _ = traits.mouth
    line, lips = lip_shape(canvas, traits)
    ends = canvas.cover(half * 1.02 - np.abs(canvas.x), 0.06)
    groove = np.exp(-0.5 * ((canvas.y - line) / 0.022) ** 2) * ends
    rolls = 0.06 * canvas.blur(lips, 0.02) - 0.045 * groove
    rolls += 0.045 * canvas.blob(0, y + 0.55 * lower, 0.2, 0.05)
    philtrum = canvas.pair(0.075, y - upper - 0.09, 0.03, 0.06)
    philtrum -= canvas.blob(0, y - upper - 0.1, 0.04, 0.07)
    return rolls + 0.025 * philtrum - 0.06 * canvas.pair(half + 0.05, y + 0.02, 0.045, 0.06)


def creases(canvas: Canvas, traits: Traits) -> Map:
    """The depth of the resting lines, which grow with age: forehead, glabella, nasolabial."""
    wing, base, _ = traits.nose
    mouth_y, half = traits.mouth[:2]
    fold = np.array(
        [(wing + 0.04, base - 0.15), (half + 0.03, base + 0.12), (half + 0.12, mouth_y)]
    )
    frown = np.array([(0.10, traits.brow[0] - 0.06), (0.085, traits.brow[0] + 0.12)])
    turn = np.linspace(-0.5, 0.5, 12)
    levels = traits.brow[0] - np.array([0.22, 0.36, 0.50])
    forehead = [np.stack([turn, level + 0.03 * np.cos(7 * turn)], 1) for level in levels]
    mirror = np.array([-1, 1])
    deep = canvas.strokes([fold, fold * mirror], 0.05)
    fine = canvas.strokes([frown, frown * mirror, *forehead], 0.02)
    strength = 0.3 + 0.9 * traits.age
    return 0.055 * strength * canvas.blur(deep, 0.035) + 0.03 * traits.age * canvas.blur(
        fine, 0.015
    )


def lighting(canvas: Canvas, traits: Traits, z: Map) -> Float32[np.ndarray, "n n 3"]:
    """Light that each point sends to the camera, per unit of albedo.

    Lambert's law with some wrap (skin scatters light below its surface, red most of all), ambient
    light that cavities receive less of, shadow below nose and lip, and a weak highlight.
    """
    slope_y, slope_x = np.gradient(canvas.blur(z, 0.012), canvas.pixel)
    normal = np.stack([-np.clip(slope_x, -2, 2), -np.clip(slope_y, -2, 2), np.ones_like(z)], -1)
    normal /= np.sqrt(np.einsum("ijk,ijk->ij", normal, normal))[..., None]
    facing = (normal @ traits.light.astype(np.float32))[..., None]
    wrap = np.array([0.28, 0.17, 0.12], np.float32)
    diffuse = np.clip((facing + wrap) / (1 + wrap), 0, 1)
    hollow = sum(np.clip(canvas.blur(z, radius) - z, 0, None) / radius for radius in (0.04, 0.12))
    base, lip = traits.nose[1], traits.mouth[0] + 1.4 * traits.mouth[3]
    low, aside = max(0.0, -traits.light[1]), -0.15 * traits.light[0]
    shadow = 0.6 * canvas.blob(aside, base + 0.07, 0.17, 0.05) + 0.45 * canvas.blob(
        aside / 2, lip, 0.2, 0.05
    )
    diffuse *= 1 - (low * shadow)[..., None]
    halfway = traits.light + np.array([0, 0, 1])
    glint = np.clip(normal @ np.float32(halfway / np.linalg.norm(halfway)), 0, 1) ** 30
    light = traits.ambient + (1 - traits.ambient) * 1.12 * diffuse
    light *= np.exp(-0.9 * hollow)[..., None]
    return (light + 0.08 * glint[..., None]).astype(np.float32)
