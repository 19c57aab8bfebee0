"""Make the photographs of this folder from those that scikit-image ships.

    pip install scikit-image
    python data/photos/make_photos.py

About the sizes of ImageNet: the longer side is at most 500 px, JPEG of quality 90. Grey ones stay
grey, and one stands upright. README.md names photographers, sources and licences.
"""

from pathlib import Path

from PIL import Image
from skimage import data

LONGER, QUALITY = 500, 90
PHOTOS = {
    "astronaut": data.astronaut,
    "camera": data.camera,
    "chelsea": data.chelsea,
    "coffee": data.coffee,
    "grass": data.grass,
    "hubble": data.hubble_deep_field,
    "retina": data.retina,
    "rocket": data.rocket,
}
CROPS = {"astronaut": (64, 0, 448, 512), "grass": (0, 0, 512, 384)}  # the others are whole


def main():
    for name, photo in PHOTOS.items():
        image = Image.fromarray(photo())
        image = image.crop(CROPS.get(name, (0, 0, *image.size)))  # left, top, right, bottom
        image.thumbnail((LONGER, LONGER), Image.Resampling.LANCZOS)  # makes nothing larger
        target = Path(__file__).with_name(f"{name}.jpg")
        image.save(target, quality=QUALITY)
        print(f"{target.name:14} {image.mode:3} {image.size} {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
