"""Three published networks that read the motion from onset to apex, in Flax.

Written from the papers. Each takes pictures of motion [b, 28, 28, 3], displacement to the right and
down (u, v) and strain, as `data.motion.pictures` makes them of one frame, the apex. The papers
compute TV-L1 flow and scale each channel by its extremes; ours has one scale per clip.
"""

import os
from abc import abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from einops import rearrange
from flax import nnx
from jaxtyping import Array, Float

from merclip_jax.errors import ConfigError
from merclip_jax.towers import attention, files, folder, layers, leaves
from merclip_jax.towers.conv import BatchNorm

STSTNET_DROPOUT = 0.5  # before the last layer, of ours: the paper does not say where it drops
_normal = nnx.initializers.normal(0.02)
INIT = layers.BlockInit(qkv=_normal, out=_normal, c_fc=_normal, c_proj=_normal)

Pictures = Float[Array, "b 28 28 3"]


@dataclass(frozen=True)
class NetworkConfig:
    """Which network, and how many classes it tells.

    Attributes:
      system: the name in `systems.py`.
      title: for people, with the source.
      classes: how many.
    """

    system: str
    title: str
    classes: int

    def to_json(self) -> dict[str, Any]:
        """A dict that `json` can write."""
        values = asdict(self)
        return {"model_type": values.pop("system"), **values}


class Network(folder.Saveable):
    """A network with its sizes, saved and loaded like all models.

    Attributes:
      system, title: see `NetworkConfig`.
    """

    system: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, classes: int, *, rngs: nnx.Rngs):
        self.cfg = NetworkConfig(self.system, self.title, classes)

    @abstractmethod
    def __call__(
        self,
        pictures: Pictures,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
    ) -> Float[Array, "b c"]:
        """Logits of the classes; see `towers.video.VideoTower.__call__` for the arguments."""

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike) -> "Network":
        """Load a model that `save_pretrained` wrote.

        Raises:
          ConfigError: the directory lacks a file, or its config.json is of another kind of model.
          DataError: the weights are damaged or do not fit; all misfits are listed.
        """
        directory = files.locate(directory)
        values = files.config(directory)
        if values.get("model_type") != cls.system or type(values.get("classes")) is not int:
            raise ConfigError(
                f"{directory / 'config.json'}: model_type {values.get('model_type')!r}, classes "
                f"{values.get('classes')!r}; this is no saved {cls.system}"
            )
        shapes = nnx.eval_shape(lambda: cls(values["classes"], rngs=nnx.Rngs(0)))
        return leaves.fill(shapes, files.read(directory), str(directory))


class OffApexNet(Network):
    """Off-ApexNet (Gan, Liong, Yau, Huang and Tan 2019): one stream for u, one for v.

    Per stream two convolutions of 5 x 5 with 6 and 16 filters, each with ReLU and 2 x 2 maximum
    pooling; the two of 7 x 7 x 16 joined; two layers of 1,024; the classes. 2,664,475 parameters.
    """

    system = "off_apexnet"
    title = "Off-ApexNet"

    def __init__(self, classes: int, *, rngs: nnx.Rngs):
        super().__init__(classes, rngs=rngs)
        self.streams = nnx.List(
            [
                nnx.List([nnx.Conv(m, n, (5, 5), rngs=rngs) for m, n in ((1, 6), (6, 16))])
                for _ in range(2)
            ]
        )
        self.hidden = nnx.List([nnx.Linear(n, 1024, rngs=rngs) for n in (2 * 7 * 7 * 16, 1024)])
        self.out = nnx.Linear(1024, classes, rngs=rngs)

    def __call__(
        self,
        pictures: Pictures,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
    ) -> Float[Array, "b c"]:
        """Logits; strain is not looked at, and nothing depends on training."""
        features = []
        for i, stream in enumerate(self.streams):
            x = pictures[..., i : i + 1]
            for conv in stream:
                x = nnx.max_pool(nnx.relu(conv(x)), (2, 2), (2, 2))
            features.append(x.reshape(len(x), -1))
        x = jnp.concatenate(features, -1)
        for layer in self.hidden:
            x = nnx.relu(layer(x))
        return self.out(x)


class StstNet(Network):
    """STSTNet, shallow triple stream three-dimensional network (Liong, Gan, See, Khor, Huang 2019).

    Three streams of one 3 x 3 convolution with 3, 5 and 8 filters over (u, v, strain), ReLU,
    BatchNorm, 3 x 3 maximum pooling of stride 3 to 10 x 10; joined; 2 x 2 mean pooling to 5 x 5;
    the classes. For three classes 448 + 32 (BatchNorm) + 1,203 = 1,683 parameters.
    """

    system = "ststnet"
    title = "STSTNet"

    def __init__(self, classes: int, *, rngs: nnx.Rngs):
        super().__init__(classes, rngs=rngs)
        widths = (3, 5, 8)
        self.streams = nnx.List([nnx.Conv(3, n, (3, 3), rngs=rngs) for n in widths])
        self.norms = nnx.List([BatchNorm(n) for n in widths])
        self.dropout = nnx.Dropout(STSTNET_DROPOUT)
        self.out = nnx.Linear(5 * 5 * sum(widths), classes, rngs=rngs)

    def __call__(
        self,
        pictures: Pictures,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
    ) -> Float[Array, "b c"]:
        """Logits; in training BatchNorm uses the batch, and the joined features are dropped."""
        features = []
        for conv, norm in zip(self.streams, self.norms, strict=True):
            x = norm(nnx.relu(conv(pictures)), train, axis_name)
            features.append(nnx.max_pool(x, (3, 3), (3, 3), ((1, 1), (1, 1))))
        x = nnx.avg_pool(jnp.concatenate(features, -1), (2, 2), (2, 2))
        x = self.dropout(x.reshape(len(x), -1), deterministic=not train, rngs=rngs)
        return self.out(x)


class HtBlock(nnx.Module):
    """A pre-norm transformer layer: attention, then an MLP of four times the width with GELU."""

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs):
        self.norms = nnx.List([layers.layer_norm(width, dtype=None, rngs=rngs) for _ in range(2)])
        self.attend = attention.MultiHeadAttention(width, heads, init=INIT, dtype=None, rngs=rngs)
        self.widen = nnx.Linear(width, 4 * width, rngs=rngs)
        self.narrow = nnx.Linear(4 * width, width, rngs=rngs)

    def __call__(self, x: Float[Array, "b n c"]) -> Float[Array, "b n c"]:
        """The shape stays."""
        x = x + self.attend(self.norms[0](x))
        return x + self.narrow(layers.exact_gelu(self.widen(self.norms[1](x))))


class HtNet(Network):
    """HTNet, hierarchical transformer (Wang, Zhang, Liu and others 2023), small.

    Patches of 7 x 7 become a 4 x 4 map. Within each quarter of the face (eyes and mouth corners,
    left and right) its four patches attend to each other; a 3 x 3 convolution, LayerNorm and
    maximum pooling make one token of each; these four attend to each other; their mean tells the
    classes.

    The paper has three levels, width 256 and (2, 2, 10) layers, and pastes the four areas together
    by landmarks; here are two levels of widths 64 and 128 with 2 layers each, on the whole face.
    """

    system = "htnet"
    title = "HTNet (small)"
    patch, heads, widths, depth = 7, 4, (64, 128), 2

    def __init__(self, classes: int, *, rngs: nnx.Rngs):
        super().__init__(classes, rngs=rngs)
        self.embed = nnx.Linear(self.patch**2 * 3, self.widths[0], rngs=rngs)
        self.positions = nnx.List(
            [nnx.Param(_normal(rngs.params(), (4, width), jnp.float32)) for width in self.widths]
        )
        self.levels = nnx.List(
            [
                nnx.List([HtBlock(width, self.heads, rngs=rngs) for _ in range(self.depth)])
                for width in self.widths
            ]
        )
        self.join = nnx.Conv(*self.widths, (3, 3), rngs=rngs)
        self.norms = nnx.List(
            [layers.layer_norm(self.widths[1], dtype=None, rngs=rngs) for _ in range(2)]
        )
        self.out = nnx.Linear(self.widths[1], classes, rngs=rngs)

    def __call__(
        self,
        pictures: Pictures,
        *,
        train: bool = False,
        rngs: nnx.Rngs | None = None,
        axis_name: str | None = None,
    ) -> Float[Array, "b c"]:
        """Logits; nothing depends on training."""
        cut = "b (y i p) (x j q) c -> (b y x) (i j) (p q c)"
        tokens = rearrange(pictures, cut, y=2, x=2, i=2, j=2, p=self.patch, q=self.patch)
        tokens = self._level(0, self.embed(tokens))
        faces = rearrange(tokens, "(b y x) (i j) c -> b (y i) (x j) c", y=2, x=2, i=2, j=2)
        joined = self.norms[0](self.join(faces))
        joined = nnx.max_pool(joined, (3, 3), (2, 2), "SAME")
        tokens = self._level(1, rearrange(joined, "b y x c -> b (y x) c"))
        return self.out(self.norms[1](tokens).mean(1))

    def _level(self, level: int, tokens: Float[Array, "n 4 c"]) -> Float[Array, "n 4 c"]:
        tokens = tokens + self.positions[level][...]
        for block in self.levels[level]:
            tokens = block(tokens)
        return tokens


NETWORKS: dict[str, type[Network]] = {kind.system: kind for kind in (OffApexNet, StstNet, HtNet)}
