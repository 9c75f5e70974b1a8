"""Trains ResNet18 or MobileNetV2 on GTSRB, so that quantizers are compared on weights that were learnt. For development only.

    python train.py --network resnet18 --gtsrb ../shared/gtsrb --out FOLDER [--bfloat16]

The shapes are torchvision's, the head has 43 classes, pictures are 32 x 32 made 64 x 64 (bilinear) and brought to about -2..2. Writes
FOLDER/<network>.onnx (opset 18, batch norms not folded, one file) and FOLDER/<network>.json with the accuracy on test-even and the settings.

Needs: pip install torch==2.15.0 torchvision==0.29.2 onnx==1.23.2 onnxscript==0.7.2 numpy
"""

import argparse
import csv
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch.nn import functional

CLASS_COUNT = 43
SIDE = 64
NETWORKS = {"resnet18": torchvision.models.resnet18, "mobilenet-v2": torchvision.models.mobilenet_v2}


def read_split(folder: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels uint8 [N, 3, 32, 32] and classes int64 [N]."""
    pixels = torch.from_numpy(np.load(folder / f"{split}-images.npy")).permute(0, 3, 1, 2).contiguous()
    with (folder / f"{split}.csv").open(newline="") as file:
        classes = torch.tensor([int(row["class_id"]) for row in csv.DictReader(file)])
    return pixels, classes


def prepare(pixels: torch.Tensor) -> torch.Tensor:
    """What the network reads: [N, 3, 64, 64], bytes / 63.75 - 2, the way the benchmark prepares its pictures, too."""
    x = pixels.to(torch.float32) / 63.75 - 2
    return functional.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)


def augment(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A small turn, shift and scale, and another exposure, for each picture."""
    count = len(x)

    def column(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    turn, scale = column(-0.25, 0.25), column(0.85, 1.15)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = torch.cos(turn) * scale
    matrix[:, 0, 1] = -torch.sin(turn) * scale
    matrix[:, 1, 0] = torch.sin(turn) * scale
    matrix[:, 1, 1] = torch.cos(turn) * scale
    matrix[:, 0, 2], matrix[:, 1, 2] = column(-0.15, 0.15), column(-0.15, 0.15)
    grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
    moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    gain, lift = column(0.6, 1.5)[:, None, None, None], column(-0.4, 0.4)[:, None, None, None]
    return ((moved + 2) * gain - 2 + lift).clamp(-2, 2)


@torch.no_grad()
def accuracy(net: torch.nn.Module, pixels: torch.Tensor, classes: torch.Tensor) -> float:
    net.eval()
    found = [net(prepare(part)).argmax(1) for part in pixels.split(256)]
    return float((torch.cat(found) == classes).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=sorted(NETWORKS), required=True)
    parser.add_argument("--gtsrb", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--peak-rate", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    # Faster for dense convolutions, slower for depthwise ones, on a CPU with AVX512-BF16.
    parser.add_argument("--bfloat16", action="store_true")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    pixels, classes = read_split(arguments.gtsrb, "train")
    net = NETWORKS[arguments.network](num_classes=CLASS_COUNT).to(memory_format=torch.channels_last)
    steps_an_epoch = len(pixels) // arguments.batch
    steps = arguments.epochs * steps_an_epoch
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
    began = time.monotonic()
    for step in range(steps):
        if step % steps_an_epoch == 0:
            order = torch.randperm(len(pixels), generator=generator)
        rise = min(1.0, (step + 1) / (0.08 * steps))
        for group in optimizer.param_groups:
            group["lr"] = arguments.peak_rate * rise * 0.5 * (1 + math.cos(math.pi * step / steps))
        at = (step % steps_an_epoch) * arguments.batch
        rows = order[at : at + arguments.batch]
        x = augment(prepare(pixels[rows]), generator).contiguous(memory_format=torch.channels_last)
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.bfloat16):
            logits = net(x)
        loss = functional.cross_entropy(logits.float(), classes[rows], label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps} {time.monotonic() - began:.0f} s loss {float(loss.detach()):.3f}", flush=True)

    share = accuracy(net, *read_split(arguments.gtsrb, "test-even"))
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.network}.onnx"
    net = net.to(memory_format=torch.contiguous_format).eval()
    example = prepare(pixels[:2])
    torch.onnx.export(
        net, (example,), path, input_names=["image"], output_names=["logits"], opset_version=18, external_data=False,
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
    )
    about = {
        "network": arguments.network,
        "accuracy": share,
        "seconds": round(time.monotonic() - began),
        "settings": {key: str(value) for key, value in vars(arguments).items() if key not in ("gtsrb", "out")},
    }
    (arguments.out / f"{arguments.network}.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{arguments.network}: {share:.4%} on test-even", flush=True)


if __name__ == "__main__":
    main()
