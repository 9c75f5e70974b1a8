"""The training loop: one cosine cycle of SGD in bfloat16, and a moving average of the weights."""

import copy
import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from augment import Augmenter
from data import Images, MixedSampler
from network import RoadSignNet


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the outcome, beside the data and the library versions."""

    seed: int
    samples: int = 1_000_000
    widths: tuple[int, int, int, int] = (32, 48, 96, 112)
    batch: int = 128
    peak_rate: float = 0.12
    warm_up_share: float = 0.06
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.05
    dropout: float = 0.25
    average_decay: float = 0.998
    rendered_share: float = 0.25
    class_balance: float = 0.6

    def rate_at(self, step: int, steps: int) -> float:
        """Learning rate: a linear rise, then half a cosine down to zero."""
        warm_up = max(1, round(steps * self.warm_up_share))
        if step < warm_up:
            return self.peak_rate * (step + 1) / warm_up
        return self.peak_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W], 0 to 1."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(torch.float32) / 255


def accuracy(net: RoadSignNet, images: Images) -> float:
    net.eval()
    correct = 0
    with torch.no_grad():
        for start in range(0, len(images), 512):
            x = to_tensor(images.pixels[start : start + 512])
            correct += int((net(x).argmax(1).numpy() == images.labels[start : start + 512]).sum())
    return correct / len(images)


def update_average(average: RoadSignNet, net: RoadSignNet, decay: float) -> None:
    with torch.no_grad():
        for old, new in zip(average.state_dict().values(), net.state_dict().values()):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(new)


def fit(
    recipe: Recipe,
    train: Images,
    rendered: Images | None,
    checks: dict[str, Images],
    log_every: int,
) -> RoadSignNet:
    """Trains and returns the averaged network of the last step. `checks` are only reported, never selected on."""
    torch.manual_seed(recipe.seed)
    net = RoadSignNet(recipe.widths, recipe.dropout).to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    decayed = [p for p in net.parameters() if p.ndim > 1]
    free = [p for p in net.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}],
        lr=recipe.peak_rate, momentum=recipe.momentum, nesterov=True,
    )
    sampler = MixedSampler(train, rendered, recipe.rendered_share, recipe.class_balance, recipe.seed)
    augmenter = Augmenter(recipe.seed)
    steps = recipe.samples // recipe.batch
    began = time.monotonic()
    loss_sum = 0.0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate_at(step, steps)
        pixels, labels = sampler.draw(recipe.batch)
        images, targets = augmenter(to_tensor(pixels), torch.from_numpy(labels))
        x = images.contiguous(memory_format=torch.channels_last)
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x)
        loss = functional.cross_entropy(logits.float(), targets, label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        # The average follows quickly at first, so that the random start does not linger in it.
        update_average(average, net, min(recipe.average_decay, (1 + step) / (10 + step)))
        loss_sum += float(loss.detach())
        if (step + 1) % log_every == 0 or step + 1 == steps:
            report = " ".join(f"{name} {accuracy(average, part):.4f}" for name, part in checks.items())
            elapsed = time.monotonic() - began
            recent = (step % log_every) + 1
            print(f"step {step + 1}/{steps} {elapsed:.0f} s loss {loss_sum / recent:.3f} {report}", flush=True)
            loss_sum = 0.0
    return average.eval()
