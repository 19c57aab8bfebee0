"""RandAugment: against Pillow, against the table of magnitudes, and by statistics.

Where TF1 autoaugment.py was a port of Pillow, Pillow is the reference. Every operation reproduces
it exactly, boundary pixels of the rotation included, because the lookup uses the same 16.16 fixed
point.
"""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from pictures import from_pillow, picture, seeded, to_pillow
from PIL import Image, ImageEnhance, ImageOps

from rslib.data.augment import OPERATIONS, Draw, RandAugment, random_resized_crop

SIZES = [(28, 28), (32, 32), (47, 33), (160, 160), (1, 5), (3, 2)]
MAGNITUDES = [0, 3, 5, 7.5, 10, 15, 20, 30]
RAMP = np.ascontiguousarray(np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 256, 256)))


def flat_channel(height, width):
    pixels = picture(height, width)
    pixels[1] = 77
    return pixels


PICTURES = [picture(*size) for size in SIZES]
PICTURES += [picture(47, 33, seed=1, low=60, high=90), flat_channel(32, 32)]


def transformed(image, *matrix):
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST, fillcolor=(128,) * 3
    )


def rotated(image, degrees):
    return image.rotate(degrees, Image.Resampling.NEAREST, fillcolor=(128,) * 3)


def posterized(image, bits):
    """Pillow refuses to keep no bit at all (M < 2.5): what remains then is black."""
    return ImageOps.posterize(image, bits) if bits else Image.new("RGB", image.size)


def factor(magnitude):
    return 1.8 * magnitude / 10 + 0.1


IN_PILLOW = {
    "AutoContrast": lambda image, m, s: ImageOps.autocontrast(image),
    "Equalize": lambda image, m, s: ImageOps.equalize(image),
    "Invert": lambda image, m, s: ImageOps.invert(image),
    "Rotate": lambda image, m, s: rotated(image, s * 3 * m),
    "Posterize": lambda image, m, s: posterized(image, min(8, int(0.4 * m))),
    "Solarize": lambda image, m, s: ImageOps.solarize(image, min(256, int(25.6 * m))),
    "Color": lambda image, m, s: ImageEnhance.Color(image).enhance(factor(m)),
    "Contrast": lambda image, m, s: ImageEnhance.Contrast(image).enhance(factor(m)),
    "Brightness": lambda image, m, s: ImageEnhance.Brightness(image).enhance(factor(m)),
    "Sharpness": lambda image, m, s: ImageEnhance.Sharpness(image).enhance(factor(m)),
    "ShearX": lambda image, m, s: transformed(image, 1, s * 0.03 * m, 0, 0, 1, 0),
    "ShearY": lambda image, m, s: transformed(image, 1, 0, 0, s * 0.03 * m, 1, 0),
    "TranslateX": lambda image, m, s: transformed(image, 1, 0, s * 10 * m, 0, 1, 0),
    "TranslateY": lambda image, m, s: transformed(image, 1, 0, 0, 0, 1, s * 10 * m),
}


@pytest.mark.parametrize("name", IN_PILLOW)
def test_operation_equals_pillow_exactly(name):
    for pixels in PICTURES:
        for magnitude in MAGNITUDES:
            for sign in (1, -1):
                ours = OPERATIONS[name](pixels, magnitude, Draw(sign=sign))
                theirs = from_pillow(IN_PILLOW[name](to_pillow(pixels), magnitude, sign))
                assert ours.dtype == np.uint8
                message = f"{name} M={magnitude} sign={sign} size={pixels.shape}"
                np.testing.assert_array_equal(ours, theirs, err_msg=message)


def test_sixteen_operations_in_the_order_of_tf():
    names = "AutoContrast Equalize Invert Rotate Posterize Solarize Color Contrast Brightness"
    names += " Sharpness ShearX ShearY TranslateX TranslateY Cutout SolarizeAdd"
    assert list(OPERATIONS) == names.split()


# --- the table of magnitudes: M = 10, 15, 20 (facts §6.1) -----------------------------------------


@pytest.mark.parametrize("magnitude, degrees", [(10, 30), (15, 45), (20, 60)])
def test_rotate_degrees(magnitude, degrees):
    pixels = picture(64, 64)
    expected = from_pillow(rotated(to_pillow(pixels), degrees))
    np.testing.assert_array_equal(OPERATIONS["Rotate"](pixels, magnitude), expected)


@pytest.mark.parametrize("magnitude, slope", [(10, 0.3), (15, 0.45), (20, 0.6)])
def test_shear_slope(magnitude, slope):
    pixels = picture(64, 64)
    expected = from_pillow(transformed(to_pillow(pixels), 1, slope, 0, 0, 1, 0))
    np.testing.assert_array_equal(OPERATIONS["ShearX"](pixels, magnitude), expected)


@pytest.mark.parametrize("magnitude, shift", [(10, 100), (15, 150), (20, 200)])
def test_translate_pixels(magnitude, shift):
    left = OPERATIONS["TranslateX"](RAMP, magnitude)
    assert (left[:, :, : 256 - shift] == RAMP[:, :, shift:]).all()
    assert (left[:, :, 256 - shift :] == 128).all()
    down = OPERATIONS["TranslateY"](RAMP.swapaxes(1, 2), magnitude, Draw(sign=-1))
    assert (down[:, shift:] == RAMP.swapaxes(1, 2)[:, : 256 - shift]).all()
    assert (down[:, :shift] == 128).all()


@pytest.mark.parametrize("magnitude, value", [(10, 38), (15, 56), (20, 74)])
def test_enhance_factor(magnitude, value):
    """20 times 1.9, 2.8, 3.7; Contrast and Color extrapolate from the grey image by the same."""
    assert (OPERATIONS["Brightness"](np.full((3, 4, 4), 20, np.uint8), magnitude) == value).all()
    halves = np.full((3, 4, 4), 90, np.uint8)
    halves[:, :2] = 110
    spread = OPERATIONS["Contrast"](halves, magnitude)
    assert np.unique(spread).tolist() == [100 - value // 2, 100 + value // 2]


@pytest.mark.parametrize("magnitude, values", [(10, 16), (15, 64), (20, 256), (30, 256)])
def test_posterize_keeps_bits(magnitude, values):
    assert len(np.unique(OPERATIONS["Posterize"](RAMP, magnitude))) == values


@pytest.mark.parametrize("magnitude, added", [(10, 110), (15, 165), (20, 220)])
def test_solarize_add(magnitude, added):
    values = OPERATIONS["SolarizeAdd"](RAMP, magnitude)[0, 0].tolist()
    assert values == [min(255, v + added) if v < 128 else v for v in range(256)]


@pytest.mark.parametrize("magnitude, side", [(10, 80), (15, 120), (20, 160)])
def test_cutout_side(magnitude, side):
    mask = OPERATIONS["Cutout"](np.zeros((3, 400, 400), np.uint8), magnitude) == 128
    start = 200 - side // 2
    assert mask[:, start : start + side, start : start + side].all()
    assert mask.sum() == 3 * side**2


def test_cutout_is_clipped_at_the_border():
    corner = OPERATIONS["Cutout"](np.zeros((3, 100, 90), np.uint8), 5, Draw(y=0.0, x=0.999))
    assert (corner[:, :20, 89 - 20 :] == 128).all()  # centre (0, 89), pad 20
    assert (corner == 128).sum() == 3 * 20 * 21


# --- the two quirks of TF and the scale of pixel lengths ------------------------------------------


def once(name, **settings):
    """A RandAugment of one layer with only the operation called `name`."""
    augment = RandAugment(layers=1, **settings)
    augment.operations = [augment.operations[list(OPERATIONS).index(name)]] * 16
    return lambda pixels, seed=0: augment(
        torch.from_numpy(pixels.copy()), torch.Generator().manual_seed(seed)
    ).numpy()


@pytest.mark.parametrize("magnitude, threshold", [(9, 230), (10, 0), (15, 128), (20, 0)])
def test_solarize_wrap_is_the_threshold_modulo_256(magnitude, threshold):
    """C13: M=10 inverts all, M=15 inverts from 128; without the flag both leave the image alone."""
    values = once("Solarize", magnitude=magnitude, solarize_wrap=True)(RAMP)[0, 0].tolist()
    assert values == [v if v < threshold else 255 - v for v in range(256)]
    unchanged = (once("Solarize", magnitude=magnitude)(RAMP) == RAMP).all()
    assert unchanged == (magnitude >= 10)


@pytest.mark.parametrize("side, centre", [(32, 4), (160, 100), (192, 144), (224, 196), (256, 255)])
def test_contrast_count_spreads_about_the_number_of_pixels(side, centre):
    """C14: a flat image would be a fixed point of the true mean; the quirk pushes it away."""
    flat = np.full((3, side, side), 120, np.uint8)
    expected = np.clip(centre + 1.9 * (120 - centre), 0, 255)
    quirk = once("Contrast", magnitude=10, contrast_count=True)(flat)
    assert np.abs(quirk - expected).max() < 1
    assert (once("Contrast", magnitude=10)(flat) == 120).all()


@pytest.mark.parametrize("name", ["TranslateX", "TranslateY"])
def test_reference_side_scales_translate(name):
    """12.5 px at 32: rounded as Pillow rounds, half up, so 13 to the left and 12 to the right."""
    scaled, absolute = once(name, magnitude=10, reference_side=256), once(name, magnitude=10)
    black, large = np.zeros((3, 32, 32), np.uint8), np.zeros((3, 300, 300), np.uint8)
    assert {(scaled(black, seed) == 128).sum() / (3 * 32) for seed in range(8)} == {12, 13}
    assert (scaled(large) == 128).sum() / (3 * 300) == 100  # the scale is never above one
    assert (absolute(black) == 128).all()  # 100 px move a 32-px image out of itself


def test_reference_side_scales_cutout():
    black = np.zeros((3, 32, 32), np.uint8)
    scaled = [
        (once("Cutout", magnitude=10, reference_side=256)(black, s) == 128).sum() for s in range(30)
    ]
    assert max(scaled) == 3 * 10 * 10  # pad 40 px at 256 is 5 px at 32


# --- RandAugment as a whole -----------------------------------------------------------------------


def test_seed_decides_everything():
    image = torch.from_numpy(picture(32, 32))
    augment = RandAugment(10, reference_side=256)
    results = [augment(image, seeded(s)) for s in range(20)]
    torch.manual_seed(1)  # the global generator takes no part
    for seed, result in enumerate(results):
        assert torch.equal(augment(image, seeded(seed)), result)
    different = {result.numpy().tobytes() for result in results}
    assert len(different) > 15  # few may agree, e.g. all that draw Solarize twice, a no-op here


def test_input_is_untouched_and_output_owns_its_memory():
    image = torch.from_numpy(picture(33, 47))
    before = image.clone()
    for name, operation in OPERATIONS.items():
        result = operation(image.numpy(), 10, Draw())
        assert not np.shares_memory(result, image.numpy()), name
        result[:] = 0
        assert torch.equal(image, before), name
    generator = seeded(0)
    for _ in range(50):
        result = RandAugment(10)(image, generator)
        assert (result.dtype, result.shape) == (torch.uint8, image.shape)
        assert result.is_contiguous()
    assert torch.equal(image, before)


def test_memory_order_of_the_input_does_not_matter():
    image = torch.from_numpy(picture(40, 40))
    strided = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    for seed in range(40):
        a, b = (RandAugment(15)(i, seeded(seed)) for i in (image, strided))
        assert torch.equal(a, b)
        assert b.is_contiguous()
    for side in (24, 40):
        a, b = (random_resized_crop(i, seeded(0), side, (1, 1), (1, 1)) for i in (image, strided))
        assert torch.equal(a, b)
        assert b.is_contiguous()


def test_operations_signs_and_centres_are_uniform():
    augment, drawn = RandAugment(10, layers=4), []
    augment.operations = [
        lambda pixels, magnitude, draw, i=i: drawn.append((i, draw)) or pixels for i in range(16)
    ]
    image, generator = torch.zeros(3, 8, 8, dtype=torch.uint8), seeded(0)
    for _ in range(2000):
        augment(image, generator)
    counts = np.bincount([i for i, _ in drawn], minlength=16)
    assert counts.sum() == 8000  # always applied, four layers each
    assert ((counts - 500) ** 2 / 500).sum() < 37.7  # chi-square, 15 degrees, p = 0.001
    signs = np.array([d.sign for _, d in drawn])
    assert abs(signs.mean()) < 0.04 and set(signs) == {-1, 1}
    for fraction in ([d.y for _, d in drawn], [d.x for _, d in drawn]):
        assert abs(np.mean(fraction) - 0.5) < 0.02 and abs(np.var(fraction) - 1 / 12) < 0.005
    first, second = np.array([i for i, _ in drawn]).reshape(2000, 4)[:, :2].T
    assert 0.04 < (first == second).mean() < 0.09  # with replacement: one in sixteen


def test_layers_apply_in_sequence():
    image = torch.from_numpy(picture(32, 32))
    augment = RandAugment(10, layers=3)
    expected = image.numpy()
    for op, sign, y, x in torch.rand((3, 4), generator=seeded(5)).tolist():
        draw = Draw(1 if sign < 0.5 else -1, y, x)
        expected = list(OPERATIONS.values())[int(16 * op)](expected, 10, draw)
    np.testing.assert_array_equal(augment(image, seeded(5)).numpy(), expected)


def test_color_leaves_a_grey_image_alone():
    grey = np.repeat(picture(32, 32)[:1], 3, axis=0)
    np.testing.assert_array_equal(OPERATIONS["Color"](grey, 15), grey)
    assert not np.array_equal(OPERATIONS["Color"](picture(32, 32), 15), picture(32, 32))


def test_pickles_for_loader_workers():
    augment = RandAugment(15, reference_side=256, solarize_wrap=True, contrast_count=True)
    image = torch.from_numpy(picture(32, 32))
    copy = pickle.loads(pickle.dumps(augment))
    assert all(torch.equal(augment(image, seeded(s)), copy(image, seeded(s))) for s in range(30))


IMAGE = torch.zeros(3, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: RandAugment(-1), "magnitude.*-1.*0 or more"),
        (lambda: RandAugment(float("nan")), "magnitude.*nan"),
        (lambda: RandAugment(10, layers=0), "layers.*0.*1 or more"),
        (lambda: RandAugment(10, reference_side=0), "reference_side.*0.*256"),
        (lambda: RandAugment(10)(IMAGE.float(), seeded(0)), "uint8.*float32"),
        (lambda: RandAugment(10)(IMAGE[0], seeded(0)), r"\(3, H, W\).*\(8, 8\)"),
        (lambda: RandAugment(10)(IMAGE[:1], seeded(0)), r"\(3, H, W\).*\(1, 8, 8\)"),
    ],
)
def test_errors_name_the_thing_and_the_remedy(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_loops_compile_where_nothing_can_be_kept():
    """As in a container whose user may write neither the package nor a home."""
    code = "import numpy as np; from rslib.data.augment.operations import OPERATIONS as o; "
    code += "print(o['Rotate'](np.zeros((3, 9, 9), np.uint8), 10).shape)"
    nowhere = os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    nowhere.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], env=nowhere, capture_output=True, text=True)
    assert done.stdout.strip() == "(3, 9, 9)", done.stderr
