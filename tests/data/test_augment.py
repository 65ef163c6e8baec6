import json
from functools import partial
from itertools import permutations
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, PartitionSpec

from merclip_jax.data import augment, augmix

GOLDENS = Path(__file__).parents[1] / "goldens"
DRAWS = json.loads((GOLDENS / "small" / "draws.json").read_text())
NAMES = [operation.apply.__name__ for operation in augmix.OPERATIONS]
KEY = jax.random.key(0)
# Compiled once for all tests that share shapes; eager calls would compile every small step.
run_folds = jax.jit(jax.vmap(augment.augment))
face_mix = jax.jit(augment.local_static_face_mix, static_argnames=("alpha", "prob", "with_itself"))
operations = [jax.jit(operation.apply) for operation in augmix.OPERATIONS]
jitter = jax.jit(
    augment.color_jitter,
    static_argnames=("brightness", "contrast", "saturation", "hue", "form"),
)
apply_jitter = jax.jit(augment.apply_color_jitter)
apply_augmix = jax.jit(augmix.apply_augmix)
shift_hue = jax.jit(augment.shift_hue)


def golden(name):
    return np.load(GOLDENS / "small" / f"{name}.npz")


def grey_levels_apart(ours, theirs):
    return np.abs(np.asarray(ours).astype(int) - theirs.astype(int))


def index_of(golden_name):
    """Index of an operation that the golden calls, say, 'AdjustContrast' or 'ShearX'."""
    return NAMES.index("".join("_" + c.lower() if c.isupper() else c for c in golden_name)[1:])


@pytest.fixture(scope="module")
def noise():
    return jnp.asarray(np.random.default_rng(3).integers(0, 256, (4, 3, 12, 16, 3), np.uint8))


class TestSampleFrames:
    @pytest.mark.parametrize(
        "length, expected",
        json.loads((GOLDENS / "small" / "uniform_sample.json").read_text()).items(),
    )
    def test_equals_the_release(self, length, expected):
        lengths = jnp.full(1000, int(length))
        test = augment.sample_frames(KEY, lengths[:2], 16, train=False)
        np.testing.assert_array_equal(test, [expected["test"]] * 2)
        train = np.asarray(augment.sample_frames(KEY, lengths, 16, train=True))
        if expected["train_ranges"] is None:  # shorter than 16 frames: no draw
            np.testing.assert_array_equal(train, np.tile(expected["test"], (1000, 1)))
            return
        low, high = np.transpose(expected["train_ranges"])
        assert (train >= low).all() and (train <= high).all()
        narrow = high - low < 20  # a missed end has probability (20/21)^1000 there, below 1e-21
        np.testing.assert_array_equal(train.min(0)[narrow], low[narrow])
        np.testing.assert_array_equal(train.max(0)[narrow], high[narrow])

    def test_first_repeats_the_last_frame(self):
        chosen = augment.sample_frames(KEY, jnp.array([3, 9]), 5, train=True, form="first")
        np.testing.assert_array_equal(chosen, [[0, 1, 2, 2, 2], [0, 1, 2, 3, 4]])

    def test_ends_predicts_from_the_last_frame_of_each_segment(self):
        lengths = jnp.array([9, 3])
        chosen = augment.sample_frames(KEY, lengths, 4, train=False, form="ends")
        np.testing.assert_array_equal(chosen, [[2, 4, 6, 8], [0, 1, 2, 0]])
        train = (augment.sample_frames(KEY, lengths, 4, True, form) for form in ("ends", "uniform"))
        np.testing.assert_array_equal(*train)

    def test_halves_round_to_even(self):
        # Length 7 has 4 segments of 1.5 frames: they start at 0, 1.5, 3 and 4.5.
        chosen = augment.sample_frames(KEY, jnp.array([7]), 4, train=False)
        np.testing.assert_array_equal(chosen, [[0, 2, 3, 4]])

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 400), min_size=4, max_size=4), st.integers(0, 99))
    def test_stays_inside_the_clip_and_runs_forward(self, lengths, seed):
        lengths = np.array(lengths)
        chosen = np.asarray(
            augment.sample_frames(jax.random.key(seed), jnp.asarray(lengths), 16, train=True)
        )
        assert (chosen >= 0).all() and (chosen < lengths[:, None]).all()
        assert (np.diff(chosen[lengths >= 16], axis=1) >= 0).all()


class TestColorJitter:
    @pytest.mark.parametrize("draw", range(3))
    def test_equals_the_release(self, draw):
        values = golden("color_jitter")
        clip = np.stack([values["image"], values["image"][::-1]])[None]
        drawn = DRAWS["color_jitter"][draw]
        factors = [[drawn[name] for name in ("brightness", "contrast", "saturation")]]
        jittered = apply_jitter(
            jnp.asarray(clip),
            jnp.array([drawn["fn_idx"]]),
            jnp.array(factors, jnp.float32),
            jnp.array([drawn["hue_offset"]]),
        )
        np.testing.assert_array_equal(jittered[0], values[f"color_jitter_{draw}"])

    def test_follows_every_order(self, noise):
        """Against the four steps in numpy, one after the other, in all 24 orders."""
        orders = np.array(list(permutations(range(4))))
        clips = np.resize(np.asarray(noise), (24, *noise.shape[1:]))
        jittered = apply_jitter(
            jnp.asarray(clips),
            jnp.asarray(orders),
            jnp.tile(jnp.array([1.4, 0.6, 0.7]), (24, 1)),
            jnp.full(24, 11),
        )
        luma = np.array([0.2989, 0.587, 0.114])

        def one_by_one(x, order):
            for step in order:
                grey = (x @ luma)[..., None]
                if step == 0:
                    x = 1.4 * x
                elif step == 1:
                    x = 0.6 * x + 0.4 * grey.mean((1, 2, 3), keepdims=True)
                elif step == 2:
                    x = 0.7 * x + 0.3 * grey
                else:
                    turned = shift_hue(jnp.asarray(x, jnp.float32)[None], jnp.array([11]))
                    x = np.asarray(turned[0], np.float64)
            return np.clip(x, 0, 255).astype(np.uint8)

        expected = np.stack(
            [one_by_one(c.astype(float), o) for c, o in zip(clips, orders, strict=True)]
        )
        # A value within 1e-2 of a whole number may fall to either side of it, once before the hue
        # (which may move its neighbours by another level) and once at the end.
        apart = grey_levels_apart(jittered, expected)
        assert apart.max() <= 3 and (apart > 0).mean() < 0.02

    def test_hue_equals_opencv_on_every_kind_of_colour(self):
        rng = np.random.default_rng(0)
        rgb = rng.integers(0, 256, (64, 7, 3), np.uint8)  # 7 wide: below OpenCV's vector width
        rgb[:8] = rgb[:8, :, :1]  # greys
        rgb[8:16] //= 32
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) - 18) % 180
        turned = shift_hue(jnp.asarray(rgb, jnp.float32)[None, None], jnp.array([-18]))
        # A tie of the last rounding may go either way in float32: 1 value in 6000 was seen.
        apart = grey_levels_apart(turned[0, 0], cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
        assert apart.max() <= 1 and (apart > 0).mean() < 2e-3

    def test_hue_turns_red_to_green_and_blue(self):
        red = jnp.full((2, 1, 1, 1, 3), jnp.array([200.0, 0.0, 0.0]))
        turned = shift_hue(red, jnp.array([60, -60]))
        np.testing.assert_array_equal(turned[:, 0, 0, 0], [[0, 200, 0], [0, 0, 200]])

    def test_no_range_changes_nothing_but_hue_rounding(self, noise):
        greys = jnp.broadcast_to(noise[..., :1], noise.shape)
        np.testing.assert_array_equal(jitter(KEY, greys, 0.0, 0.0, 0.0, 0.0), greys)

    @pytest.mark.parametrize("form, widest", [("sound", 18), ("released", 25)])
    def test_hue_reaches_its_share_of_the_circle(self, form, widest):
        """The release's 255 * 0.1 on a circle of 180 units is 50 degrees, not 36."""
        red = jnp.full((4000, 1, 1, 1, 3), jnp.array([255, 0, 0], jnp.uint8))
        jittered = jitter(KEY, red, 0.0, 0.0, 0.0, 0.1, form)
        green, blue = np.asarray(jittered, int).reshape(-1, 3).T[1:]
        # One of 30 units between red and yellow (or magenta) is 8.5 levels of green (or blue).
        assert np.rint(green.max() / 8.5) in (widest - 1, widest)
        assert np.rint(blue.max() / 8.5) in (widest - 1, widest)

    def test_clips_differ_and_frames_do_not(self):
        clips = jnp.broadcast_to(jnp.array([120, 80, 60], jnp.uint8), (6, 4, 2, 2, 3))
        jittered = np.asarray(jitter(KEY, clips))
        assert (jittered == jittered[:, :1]).all()
        assert len(np.unique(jittered[:, 0, 0, 0], axis=0)) == 6


class TestAugMix:
    @pytest.mark.parametrize("case", DRAWS["augmix_operations"])
    def test_operation_equals_the_release(self, case):
        values = golden("augmix")
        argument = jnp.float32((DRAWS["augmix_operations"][case] or [0.0])[0])
        operation = operations[index_of(case.split("_")[0])]
        ours = operation(jnp.asarray(values["video"]), argument)
        apart = grey_levels_apart(ours, values[case])
        # Blends of equal values and warps that end on a half are ties: torch's float32 order of
        # operations decides them, by one grey level.
        ties = {
            "AdjustSharpness": 0.05,
            "AdjustSaturation": 0.005,
            "ShearX": 0.005,
            "ShearY": 0.005,
        }
        assert apart.max() <= 1
        assert (apart > 0).mean() <= ties.get(case.split("_")[0], 0.0)

    @pytest.mark.parametrize("case", DRAWS["augmix_operations"])
    def test_argument_of_a_level_is_the_release_s(self, case):
        name, level = case.split("_level")
        if not DRAWS["augmix_operations"][case]:
            return
        operation = augmix.OPERATIONS[index_of(name)]
        argument = operation.base + operation.span * float(level) / augmix.MAX_LEVEL
        assert argument == pytest.approx(DRAWS["augmix_operations"][case][0], rel=1e-12)

    @pytest.mark.parametrize("run", range(3))
    def test_whole_run_equals_the_release(self, run):
        values, drawn = golden("augmix"), DRAWS["augmix_runs"][run]
        chosen = np.full((3, 3), augmix.UNCHANGED)
        arguments = np.zeros((3, 3), np.float32)
        for row, chain in enumerate(drawn["chains"]):
            for slot, (name, args) in enumerate(chain):
                chosen[row, slot] = index_of(name)
                arguments[row, slot] = args[0] if args else 0.0
        ours = apply_augmix(
            jnp.asarray(values["video"]),
            jnp.array(drawn["dirichlet"], jnp.float32),
            jnp.float32(drawn["m"]),
            jnp.asarray(chosen),
            jnp.asarray(arguments),
        )
        apart = grey_levels_apart(ours, values[f"augmix_full_{run}"])
        assert apart.max() <= 1 and (apart > 0).mean() < 1e-3  # truncated sums: ties as above

    def test_constant_frames_survive_their_statistics(self):
        flat = jnp.full((2, 4, 4, 3), 77, jnp.uint8)
        for operation in (augmix.auto_contrast, augmix.equalize):
            np.testing.assert_array_equal(operation(flat, jnp.float32(0)), flat)

    def test_solarize_and_posterize_by_hand(self):
        frames = jnp.array([0, 127, 128, 255], jnp.uint8).reshape(1, 1, 4, 1)
        # 255 * 0.5 = 127.5 counts as 127.
        solarized = augmix.solarize(frames, jnp.float32(0.5))
        np.testing.assert_array_equal(solarized.ravel(), [0, 128, 127, 0])
        posterized = augmix.posterize(frames, jnp.float32(4))
        np.testing.assert_array_equal(posterized.ravel(), [0, 112, 128, 240])

    def test_translation_by_whole_pixels_moves_left_and_fills_black(self):
        row = jnp.array([10, 20, 30, 40], jnp.uint8).reshape(1, 1, 4, 1)
        moved = augmix.translate_x(row, jnp.float32(0.25))
        np.testing.assert_array_equal(moved.ravel(), [20, 30, 40, 0])  # round(0.5) is 0

    def test_draws_have_the_stated_ranges(self):
        weights, keep, operations, arguments = (
            np.asarray(part)
            for part in jax.jit(jax.vmap(lambda k: augmix._draw(k, 1.0)))(
                jax.random.split(KEY, 3000)
            )
        )
        np.testing.assert_allclose(weights.sum(1), 1.0, rtol=1e-6)
        # Dirichlet(1, 1, 1): each weight has mean 1/3 and variance 1/18.
        np.testing.assert_allclose(weights.mean(0), 1 / 3, atol=0.02)
        np.testing.assert_allclose(weights.var(0), 1 / 18, atol=0.006)
        assert 0 <= keep.min() < 0.01 and 0.99 < keep.max() <= 1
        used = operations != augmix.UNCHANGED
        assert used[..., 0].all() and (used[..., 1] >= used[..., 2]).all()
        np.testing.assert_allclose(used.mean((0, 1)), [1, 2 / 3, 1 / 3], atol=0.02)
        counts = np.bincount(operations[used], minlength=13)[:13]
        np.testing.assert_allclose(counts / counts.sum(), 1 / 13, atol=0.01)
        turns = arguments[operations == index_of("Rotate")]
        assert 0.3 <= np.abs(turns).min() < 0.5 and 2.9 < np.abs(turns).max() <= 3.0
        assert abs((turns > 0).mean() - 0.5) < 0.05
        contrasts = arguments[operations == index_of("AdjustContrast")]
        assert 0.118 <= contrasts.min() + 1e-6 and contrasts.max() <= 0.28 + 1e-6


class TestFaceMix:
    def test_regions_equal_the_release(self):
        values = golden("face_mix")
        small, large = augment.region_masks(10, 13), augment.region_masks(224, 224)
        for index, region in enumerate(augment.REGIONS):
            np.testing.assert_array_equal(small[index], values[f"mask_10x13_{region}"])
            rows, columns = np.nonzero(large[index])
            assert [rows.min(), rows.max(), columns.min(), columns.max()] == list(
                values[f"mask_224_rowcol_{region}"]
            )
        assert (small.sum(0) == 1).all()  # they tile the frame

    @pytest.mark.parametrize("case", ["a05_region", "a03_region"])
    def test_mix_equals_the_release(self, case):
        values, drawn = golden("face_mix"), DRAWS["face_mix"][case]
        choices = [choice or ["forehead", 0] for choice in drawn["choices"]]
        mixed = augment.mix_regions(
            jnp.asarray(values["batch"]),
            jnp.array([partner for _, partner in choices]),
            jnp.array([augment.REGIONS.index(region) for region, _ in choices]),
            jnp.array([choice is not None for choice in drawn["choices"]]),
            drawn["alpha"],
        )
        # XLA may fuse the multiply and the add, which saves one rounding of float32.
        np.testing.assert_allclose(mixed, values[f"out_{case}"], rtol=0, atol=5e-7)

    def test_preprocessing_equals_the_release(self):
        values = golden("preprocessor")
        frames = augment.normalize(jnp.asarray(values["raw_uint8"]))
        np.testing.assert_allclose(frames, values["eval_out"], rtol=0, atol=5e-7)
        mixed = augment.mix_regions(
            frames,
            jnp.array([2, 0, 3, 0]),
            jnp.array([2, 0, 0, 0]),
            jnp.array([True, False, True, False]),
        )
        np.testing.assert_allclose(mixed, values["train_out"], rtol=0, atol=5e-7)

    def test_partner_is_another_clip_and_only_one_region_changes(self, noise):
        # Every value of a clip is its index, so a mixed pixel tells the partner's.
        clips = jnp.broadcast_to(jnp.arange(64.0)[:, None, None, None, None], (64, 2, 8, 8, 3))
        mixed = np.asarray(face_mix(KEY, clips, alpha=0.25, prob=1.0))
        change = mixed - np.asarray(clips)
        touched = change[:, 0, :, :, 0] != 0
        masks = augment.region_masks(8, 8)
        assert all(any((t == mask).all() for mask in masks) for t in touched)
        partners = [
            (m[0][t][0, 0] - 0.25 * i) / 0.75
            for i, (m, t) in enumerate(zip(mixed, touched, strict=True))
        ]
        assert len(set(partners)) > 30 and {round(p) for p in partners} <= set(range(64))

    def test_a_clip_may_be_its_own_partner_as_released(self, noise):
        """Of two still clips each is its own partner half of the time, and then unchanged."""
        clips = jnp.broadcast_to(jnp.arange(1.0, 3.0)[:, None, None, None, None], (2, 2, 8, 8, 3))

        def unchanged(with_itself):
            keys = jax.random.split(KEY, 16)
            mixed = [face_mix(key, clips, prob=1.0, with_itself=with_itself) for key in keys]
            return sum(int((np.asarray(one) == clips).all((1, 2, 3, 4)).sum()) for one in mixed)

        assert unchanged(False) == 0
        assert 4 < unchanged(True) < 28

    def test_probability(self, noise):
        frames = augment.normalize(noise)
        np.testing.assert_array_equal(face_mix(KEY, frames, prob=0.0), frames)
        many = jnp.arange(2000.0)[:, None, None, None, None] * jnp.ones((1, 1, 4, 4, 1))
        changed = (face_mix(KEY, many) != many).any((1, 2, 3, 4))
        assert abs(float(changed.mean()) - 0.5) < 0.05

    def test_a_batch_of_one_has_no_partner(self, noise):
        frames = augment.normalize(noise[:1])
        np.testing.assert_array_equal(face_mix(KEY, frames, prob=1.0), frames)


class TestAugment:
    def test_all_off_is_normalisation(self, noise):
        frames = augment.augment(KEY, noise, augmix=False, color=False, face_mix=0.0)
        assert frames.dtype == jnp.float32
        np.testing.assert_array_equal(frames, augment.normalize(noise))

    def test_flip_mirrors_whole_clips(self, noise):
        clips = jnp.concatenate([noise] * 8)
        flipped = np.asarray(augment.flip(clips, augment.mirrored(KEY, len(clips))))
        same = [(f == c).all() for f, c in zip(flipped, np.asarray(clips), strict=True)]
        mirrored = [
            (f == c[..., ::-1, :]).all() for f, c in zip(flipped, np.asarray(clips), strict=True)
        ]
        assert np.logical_xor(same, mirrored).all() and 4 < sum(mirrored) < 28

    def test_folds_do_not_touch_each_other(self, noise):
        """Also the repeatability of a key; one compilation of the whole chain serves it all."""
        keys, folds = jax.random.split(KEY, 2), jnp.stack([noise[:2], noise[2:]])
        once, swapped = run_folds(keys, folds), run_folds(keys[::-1], folds[::-1])
        np.testing.assert_array_equal(once, swapped[::-1])
        assert (run_folds(keys[::-1], folds) != once).any((1, 2, 3, 4, 5)).all()

    def test_a_still_clip_stays_still(self, noise):
        """No step of the chain may bring motion into a clip that has none."""
        folds = jnp.stack([noise[:2], noise[2:]])
        still = jnp.broadcast_to(folds[:, :, :1], folds.shape)
        for seed in range(5):
            frames = np.asarray(run_folds(jax.random.split(jax.random.key(seed), 2), still))
            np.testing.assert_array_equal(frames, np.broadcast_to(frames[:, :, :1], frames.shape))


def test_devices_that_share_a_batch_augment_it_as_one():
    clips = jax.random.randint(KEY, (8, 2, 16, 16, 3), 0, 256, jnp.uint8)
    one = jax.jit(partial(augment.augment, mirror=True))(KEY, clips)
    mesh = jax.make_mesh((4,), ("data",), (AxisType.Auto,))
    four = jax.shard_map(
        partial(augment.augment, mirror=True, axis_name="data"),
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec("data")),
        out_specs=PartitionSpec("data"),
        check_vma=False,
    )
    np.testing.assert_array_equal(jax.jit(four)(KEY, clips), one)
