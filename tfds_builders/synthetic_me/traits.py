"""Who a drawn person is: proportions, colouring and light, all from one random generator.

Lengths are in inter-pupillary distances (about 63 mm in adults) from the point between the
pupils; x grows to the right of the picture, y grows downwards. The mean proportions follow the
usual anthropometric averages: nose base 45 mm and mouth 68 mm below the eyes, chin 112 mm, face
135 mm wide, palpebral fissure 30 mm, iris 12 mm.
"""

from dataclasses import dataclass

import numpy as np

# sRGB in [0, 1], from the lightest to the darkest of the Fitzpatrick types.
SKIN = np.array(
    [
        (0.94, 0.80, 0.72),
        (0.89, 0.72, 0.61),
        (0.80, 0.61, 0.47),
        (0.68, 0.48, 0.35),
        (0.51, 0.34, 0.24),
        (0.36, 0.24, 0.18),
    ]
)
HAIR = np.array(
    [
        (0.05, 0.04, 0.04),
        (0.10, 0.07, 0.06),
        (0.22, 0.14, 0.09),
        (0.40, 0.26, 0.15),
        (0.62, 0.48, 0.29),
        (0.55, 0.54, 0.53),
    ]
)
IRIS = np.array([(0.20, 0.11, 0.06), (0.34, 0.21, 0.10), (0.33, 0.40, 0.27), (0.33, 0.47, 0.60)])


@dataclass(frozen=True)
class Traits:
    """One identity; see the module's text for units. Colours are sRGB in [0, 1].

    Attributes:
      scale: inter-pupillary distance over the picture's side.
      centre: the point between the pupils, as (x, y) over the picture's side.
      width, jaw, chin: the face's half widths, relative to the average.
      chin_y: height of the chin's lowest point.
      brow: height of the brows' middle, their thickness, arch and slope.
      eye: half width, opening above and below the corner line, tilt, lid crease height.
      nose: half width at the wings, height of its base, height above the face.
      mouth: height, half width, thickness of the upper and of the lower lip, corner lift.
      skin, hair, iris, cloth, wall: colours.
      hair_style: 'short', 'long', 'fringe' or 'bald'.
      hairline: its height at the midline.
      beard: 0 = shaven, up to 1 = full.
      age: 0 to 1; the strength of the resting lines.
      glasses: whether the person wears them.
      light: unit vector towards the lamp (x right, y down, z to the viewer).
      ambient: share of the light that comes from everywhere.
      texture_seed: seed of skin grain, hair strands and resting lines.
    """

    scale: float
    centre: tuple[float, float]
    width: float
    jaw: float
    chin: float
    chin_y: float
    brow: tuple[float, float, float, float]
    eye: tuple[float, float, float, float, float]
    nose: tuple[float, float, float]
    mouth: tuple[float, float, float, float, float]
    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray
    wall: np.ndarray
    hair_style: str
    hairline: float
    beard: float
    age: float
    glasses: bool
    light: np.ndarray
    ambient: float
    texture_seed: int

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Traits":
        """Draw an identity."""

        def normal(mean: float, spread: float) -> float:
            return mean + spread * float(np.clip(rng.standard_normal(), -2, 2))

        tone = rng.beta(1.1, 1.6) * (len(SKIN) - 1)
        bearded = rng.random() < 0.3
        grey = rng.random() < 0.12
        dark_hair = 0.6 + 1.6 * tone / len(SKIN)  # darker skin goes with darker hair and irises
        hair = 5 if grey else int(4.99 * rng.random() ** dark_hair * (1 - 0.16 * tone))
        lamp = np.array([rng.uniform(-0.75, 0.75), rng.uniform(-0.75, -0.2), 1.0])
        return cls(
            scale=normal(0.31, 0.009),
            centre=(normal(0.5, 0.008), normal(0.39, 0.010)),
            width=normal(1.0, 0.04),
            jaw=normal(0.98, 0.07),
            chin=normal(1.0, 0.12),
            chin_y=normal(1.74, 0.07),
            brow=(normal(-0.36, 0.03), normal(0.058, 0.014), normal(0.06, 0.02), normal(0.0, 0.03)),
            eye=(
                normal(0.245, 0.014),
                normal(0.098, 0.014),
                normal(0.062, 0.009),
                normal(0.03, 0.03),
                normal(0.075, 0.02),
            ),
            nose=(normal(0.275, 0.03), normal(0.70, 0.035), normal(0.30, 0.05)),
            mouth=(
                normal(1.10, 0.035),
                normal(0.41, 0.03),
                normal(0.095, 0.022),
                normal(0.125, 0.025),
                normal(0.0, 0.018),
            ),
            skin=_between(SKIN, tone) * rng.uniform(0.95, 1.05, 3),
            hair=HAIR[hair] * rng.uniform(0.8, 1.2),
            iris=IRIS[int(3.99 * rng.random() ** (1 + tone))],
            cloth=rng.uniform(0.08, 0.75, 3) * rng.uniform(0.4, 1.0),
            wall=np.clip(rng.uniform(0.35, 0.8) + rng.uniform(-0.08, 0.08, 3), 0, 1),
            hair_style=str(rng.choice(["short", "long", "fringe", "bald"], p=[0.4, 0.3, 0.2, 0.1])),
            hairline=normal(-1.10, 0.07),
            beard=rng.uniform(0.25, 1.0) if bearded else 0.0,
            age=rng.beta(1.2, 2.2),
            glasses=bool(rng.random() < 0.2),
            light=lamp / np.linalg.norm(lamp),
            ambient=rng.uniform(0.30, 0.50),
            texture_seed=int(rng.integers(2**31)),
        )


def _between(colours: np.ndarray, position: float) -> np.ndarray:
    """Linear interpolation between neighbouring rows."""
    low = int(min(position, len(colours) - 2))
    return colours[low] + (position - low) * (colours[low + 1] - colours[low])
