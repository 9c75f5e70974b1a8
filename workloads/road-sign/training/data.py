"""GTSRB and rendered signs as arrays, and the split by track."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Images:
    """Pixels uint8 [N, 32, 32, 3] in RGB and labels int64 [N]."""

    pixels: np.ndarray
    labels: np.ndarray

    def take(self, index: np.ndarray) -> "Images":
        return Images(self.pixels[index], self.labels[index])

    def __len__(self) -> int:
        return len(self.labels)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_images(pixels_path: Path, csv_path: Path) -> tuple[Images, list[dict[str, str]]]:
    """Reads a `.npy` and its CSV. Raises ValueError where they do not fit together."""
    pixels = np.load(pixels_path)
    rows = read_rows(csv_path)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (32, 32, 3):
        raise ValueError(f"{pixels_path}: want uint8 (N, 32, 32, 3), found {pixels.dtype} {pixels.shape}")
    if len(rows) != len(pixels):
        raise ValueError(f"{csv_path} has {len(rows)} rows for {len(pixels)} images")
    return Images(pixels, np.array([int(row["class_id"]) for row in rows])), rows


def split_by_track(rows: list[dict[str, str]], share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers for training and for validation. All frames of one physical sign go to the same side.

    From every class, `share` of its tracks (at least one, where share > 0) are held out.
    """
    tracks: dict[int, dict[str, list[int]]] = {}
    for number, row in enumerate(rows):
        tracks.setdefault(int(row["class_id"]), {}).setdefault(row["track"], []).append(number)
    generator = np.random.default_rng(seed)
    held_out: list[int] = []
    for class_id in sorted(tracks):
        names = sorted(tracks[class_id])
        count = max(1, round(len(names) * share)) if share > 0 else 0
        for name in generator.permutation(names)[:count]:
            held_out += tracks[class_id][str(name)]
    validation = np.array(sorted(held_out), dtype=np.int64)
    return np.setdiff1d(np.arange(len(rows)), validation), validation


class MixedSampler:
    """Draws batches: `rendered_share` of each from rendered signs, the rest from photographs.

    A photograph's chance is its class's count to the power of `balance` - 1, so 0.5 lifts rare classes halfway
    between the natural and the uniform distribution. Both pools are drawn from without replacement until used up.
    """

    def __init__(self, photos: Images, rendered: Images | None, rendered_share: float, balance: float, seed: int):
        self.photos = photos
        self.rendered = rendered
        self.share = rendered_share if rendered is not None else 0.0
        self.random = np.random.default_rng(seed)
        counts = np.bincount(photos.labels, minlength=43).astype(np.float64)
        chance = counts[photos.labels] ** (balance - 1.0)
        self.expected = chance / chance.mean()
        self.photo_order = np.empty(0, dtype=np.int64)
        self.rendered_order = np.empty(0, dtype=np.int64)

    def photo_round(self) -> np.ndarray:
        """One pass over the photographs: each row `expected` times on average, in random order."""
        repeats = np.floor(self.expected + self.random.random(len(self.expected))).astype(np.int64)
        return self.random.permutation(np.repeat(np.arange(len(repeats)), repeats))

    def draw(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """Pixels uint8 [batch, 32, 32, 3] and labels int64 [batch]."""
        from_rendered = round(batch * self.share)
        from_photos = batch - from_rendered
        while len(self.photo_order) < from_photos:
            self.photo_order = np.concatenate([self.photo_order, self.photo_round()])
        index, self.photo_order = self.photo_order[:from_photos], self.photo_order[from_photos:]
        pixels, labels = self.photos.pixels[index], self.photos.labels[index]
        if self.rendered is None or from_rendered == 0:
            return pixels, labels
        while len(self.rendered_order) < from_rendered:
            order = self.random.permutation(len(self.rendered))
            self.rendered_order = np.concatenate([self.rendered_order, order])
        index, self.rendered_order = self.rendered_order[:from_rendered], self.rendered_order[from_rendered:]
        return (
            np.concatenate([pixels, self.rendered.pixels[index]]),
            np.concatenate([labels, self.rendered.labels[index]]),
        )
