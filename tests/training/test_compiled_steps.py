"""What the compiler says of a run's own steps: what devices send each other, and what they hold."""

from dataclasses import replace

import pytest

from benchmarks.aot.__main__ import model
from benchmarks.aot.collectives import Collective, collectives
from benchmarks.aot.steps import HERE, Step, compiled
from merclip_jax.towers.config import EmotionConfig, MerClipConfig, TextConfig, VisionConfig

BATCH = 8
NANO = MerClipConfig(
    VisionConfig.tiny(
        frames=8, image_size=32, patch_size=16, width=32, layers=2, local_width=16,
        global_layers=(1,), output_dim=32,
    ),
    replace(TextConfig.tiny(), layers=1, width=32, output_dim=32),
    EmotionConfig(3, layers=1, heads=2),
)  # fmt: skip
SPREAD = [("jit", 1, "train"), ("jit", 4, "train"), ("pmap", 1, "train"), ("jit", 1, "predict")]


def no_clip_is_sent(step, found):
    """Packed frames are uint8. Of augmented ones a clip's first is sent, for its partner's mix."""
    side = step.cfg.vision.image_size
    firsts = 4 * step.folds * step.batch * side**2 * 3
    sent = [each for each in found.collectives if each.kind != "all-reduce"]
    assert not [each for each in found.collectives if "u8" in each.dtypes]
    assert all(each.bytes <= firsts for each in sent)


@pytest.mark.parametrize(("form", "folds", "kind"), SPREAD)
def test_eight_devices_send_no_clips(form, folds, kind):
    step = Step(HERE, form, folds, kind, BATCH, NANO)
    found = compiled(step)
    assert found.spread == (folds, 8 // folds)
    no_clip_is_sent(step, found)
    if kind == "train" and folds < 8:
        assert "all-reduce" in {each.kind for each in found.collectives}


@pytest.mark.parametrize(("form", "folds", "kind"), SPREAD)
def test_of_a_tpu_the_same_holds(form, folds, kind):
    pytest.importorskip("libtpu")
    step = Step("v5e:2x4", form, folds, kind, BATCH, NANO)
    no_clip_is_sent(step, compiled(step))


def test_at_full_size_a_tpu_core_holds_its_share():
    pytest.importorskip("libtpu")
    step = Step("v5e:2x4", "jit", 1, "train", BATCH, model("b16", "bfloat16"))
    found = compiled(step)
    no_clip_is_sent(step, found)
    assert found.arguments + found.temporaries < found.memory


PROGRAM = """HloModule step

ENTRY %main (x: f32[4,2]) -> f32[4,2] {
  %all = (f32[4,2]{1,0}, f32[8,2]{1,0:T(8,128)}) all-gather-start(%x), dimensions={0}
  %done = f32[8,2]{1,0} all-gather-done(%all)
  ROOT %both = (bf16[10]{0}, f32[], pred[3]{0}) all-reduce(%a, %all-gather-done), to_apply=%add
}
"""


def test_collectives_are_read_from_the_text_of_a_program():
    assert collectives(PROGRAM) == [
        Collective("all-gather", ("f32",), 8 * 2 * 4),
        Collective("all-reduce", ("bf16", "f32", "pred"), 10 * 2 + 4 + 3),
    ]
