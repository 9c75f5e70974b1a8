"""Batched augmentation in PyTorch: geometry in one grid_sample, then light, focus, noise and occlusion."""

import math

import torch
from torch.nn import functional

from labels import MIRROR


def uniform(generator: torch.Generator, count: int, low: float, high: float) -> torch.Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


class Augmenter:
    """Random changes for a batch [N, 3, H, W] of values 0 to 1. Deterministic from its seed."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)
        self.mirror = torch.full((43,), -1, dtype=torch.int64)
        for source, target in MIRROR.items():
            self.mirror[source] = target

    def chosen(self, count: int, chance: float) -> torch.Tensor:
        return torch.rand(count, generator=self.generator) < chance

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = self.flip(images, labels)
        images = self.warp(images)
        images = self.refocus(images)
        images = self.relight(images)
        images = self.occlude(images)
        return images.clamp_(0, 1), labels

    def flip(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mirrors half of the images whose mirror image is a sign again, and takes over that sign's class."""
        flipped = self.chosen(len(labels), 0.5) & (self.mirror[labels] >= 0)
        images = torch.where(flipped[:, None, None, None], images.flip(3), images)
        return images, torch.where(flipped, self.mirror[labels], labels)

    def warp(self, images: torch.Tensor) -> torch.Tensor:
        """Rotation to 15 degrees, scale, stretch, shear, shift to 3.5 pixels, and a perspective tilt."""
        count, _, height, width = images.shape
        g = self.generator
        # Half of the draws are gentle: the photographs already vary.
        strength = uniform(g, count, 0.2, 1.0)
        angle = uniform(g, count, -1, 1) * math.radians(15) * strength
        scale = torch.exp(uniform(g, count, -0.22, 0.22) * strength)
        stretch = torch.exp(uniform(g, count, -0.13, 0.13) * strength)
        shear = uniform(g, count, -0.15, 0.15) * strength
        cos, sin = torch.cos(angle), torch.sin(angle)
        matrix = torch.zeros(count, 3, 3)
        matrix[:, 0, 0] = cos * scale * stretch
        matrix[:, 0, 1] = (shear * cos - sin) * scale
        matrix[:, 1, 0] = sin * scale * stretch
        matrix[:, 1, 1] = (shear * sin + cos) * scale
        matrix[:, 0, 2] = uniform(g, count, -0.22, 0.22) * strength
        matrix[:, 1, 2] = uniform(g, count, -0.22, 0.22) * strength
        matrix[:, 2, 0] = uniform(g, count, -0.15, 0.15) * strength
        matrix[:, 2, 1] = uniform(g, count, -0.15, 0.15) * strength
        matrix[:, 2, 2] = 1
        ys = (torch.arange(height) + 0.5) / height * 2 - 1
        xs = (torch.arange(width) + 0.5) / width * 2 - 1
        plane = torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones(height * width)])
        points = matrix @ plane
        grid = (points[:, :2] / points[:, 2:]).transpose(1, 2).reshape(count, height, width, 2)
        return functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def refocus(self, images: torch.Tensor) -> torch.Tensor:
        """A Gaussian that may be stretched along a direction (defocus, motion), or a smaller picture enlarged again."""
        count, channels, height, width = images.shape
        blurred = torch.nonzero(self.chosen(count, 0.4)).flatten()
        if len(blurred) > 0:
            along = uniform(self.generator, len(blurred), 0.3, 1.6)
            across = along * uniform(self.generator, len(blurred), 0.3, 1.0)
            angle = uniform(self.generator, len(blurred), 0, math.pi)
            offsets = torch.arange(-3, 4, dtype=torch.float32)
            dy, dx = torch.meshgrid(offsets, offsets, indexing="ij")
            cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
            u, v = cos * dx + sin * dy, cos * dy - sin * dx
            kernel = torch.exp(-0.5 * ((u / along[:, None, None]) ** 2 + (v / across[:, None, None]) ** 2))
            kernel /= kernel.sum((1, 2), keepdim=True)
            part = functional.pad(images[blurred], (3, 3, 3, 3), mode="replicate").reshape(1, -1, height + 6, width + 6)
            kernels = kernel.repeat_interleave(channels, 0)[:, None]
            part = functional.conv2d(part, kernels, groups=len(blurred) * channels)
            images = images.index_copy(0, blurred, part.reshape(-1, channels, height, width))
        for size in (12, 16, 20, 24):
            small = torch.nonzero(self.chosen(count, 0.06)).flatten()
            if len(small) > 0:
                part = functional.interpolate(images[small], size=(size, size), mode="area")
                part = functional.interpolate(part, size=(height, width), mode="bicubic", align_corners=False)
                images = images.index_copy(0, small, part)
        return images

    def relight(self, images: torch.Tensor) -> torch.Tensor:
        """Contrast, exposure, gamma, saturation, colour cast, a light gradient, and noise."""
        count, _, height, width = images.shape
        g = self.generator

        def column(low: float, high: float) -> torch.Tensor:
            return uniform(g, count, low, high)[:, None, None, None]

        changed = self.chosen(count, 0.75)[:, None, None, None]
        grey = images.mean(1, keepdim=True)
        y = grey + (images - grey) * column(0.4, 1.5)
        y = y * torch.exp(torch.randn(count, 3, 1, 1, generator=g) * 0.06)
        mean = y.mean((1, 2, 3), keepdim=True)
        y = (mean + (y - mean) * torch.exp(column(-0.6, 0.5))) * torch.exp(column(-0.8, 0.6))
        y = y.clamp(1e-3, 1) ** torch.exp(column(-0.35, 0.35))
        y = y + column(-0.06, 0.12)
        ramp_x = torch.linspace(-1, 1, width)[None, None, None, :]
        ramp_y = torch.linspace(-1, 1, height)[None, None, :, None]
        y = y * torch.exp(column(-0.25, 0.25) * ramp_x + column(-0.25, 0.25) * ramp_y)
        y = torch.where(changed, y, images)
        sigma = column(0, 0.05) * self.chosen(count, 0.4)[:, None, None, None]
        return y + torch.randn(y.shape, generator=g) * sigma

    def occlude(self, images: torch.Tensor) -> torch.Tensor:
        """Covers a rectangle of up to 13 x 13 pixels with one colour in a third of the images (cutout)."""
        count, _, height, width = images.shape
        g = self.generator
        half_height, half_width = uniform(g, count, 1.5, 6.5), uniform(g, count, 1.5, 6.5)
        middle_y, middle_x = uniform(g, count, 0, height), uniform(g, count, 0, width)
        inside_y = (torch.arange(height)[None] + 0.5 - middle_y[:, None]).abs() < half_height[:, None]
        inside_x = (torch.arange(width)[None] + 0.5 - middle_x[:, None]).abs() < half_width[:, None]
        covered = inside_y[:, None, :, None] & inside_x[:, None, None, :]
        covered &= self.chosen(count, 0.33)[:, None, None, None]
        colour = torch.rand(count, 3, 1, 1, generator=g)
        return torch.where(covered, colour, images)
