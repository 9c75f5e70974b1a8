"""The files that are shipped beside the graph: manifest, golden vectors, model card."""

import dataclasses
import json
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data import Images
from fit import Recipe
from labels import LABELS
from measure import Latency, OnnxModel

LICENCE = "See MODEL_CARD.md: weights are the project's own; trained on GTSRB and on renderings of MIT-licensed drawings"


@dataclass(frozen=True)
class Evaluation:
    dataset: str
    accuracy: float
    samples: int
    recall: list[float | None]
    counts: list[int]

    @classmethod
    def of(cls, dataset: str, model: OnnxModel, images: Images) -> "Evaluation":
        correct = model.classify(images.pixels) == images.labels
        counts = np.bincount(images.labels, minlength=len(LABELS))
        right = np.bincount(images.labels[correct], minlength=len(LABELS))
        recall = [float(r / n) if n > 0 else None for r, n in zip(right, counts)]
        return cls(dataset, float(correct.mean()), len(images), recall, counts.tolist())


def write_manifest(path: Path, version: str, evaluations: list[Evaluation]) -> None:
    manifest = {
        "schemaVersion": 1,
        "name": "road-sign",
        "version": version,
        "task": "image-classification",
        "description": "Recognises 43 German road signs in a 32 x 32 picture that shows one sign.",
        "inputs": [{"name": "image", "dataType": "FP32", "shape": [-1, 3, 32, 32]}],
        "outputs": [{"name": "logits", "dataType": "FP32", "shape": [-1, len(LABELS)]}],
        "labels": LABELS,
        "preprocessing": {
            "kind": "image", "width": 32, "height": 32, "colorOrder": "rgb", "layout": "nchw",
            "mean": [0.0, 0.0, 0.0], "standardDeviation": [1.0, 1.0, 1.0],
        },
        "postprocessing": {"kind": "softmax"},
        "golden": {"absoluteTolerance": 0.02, "relativeTolerance": 0.01, "minimumTopOneAgreement": 1.0},
        "evaluation": [
            {"dataset": e.dataset, "metric": "top-1 accuracy", "value": round(e.accuracy, 6), "samples": e.samples}
            for e in evaluations
        ],
        "licence": LICENCE,
        "source": "workloads/road-sign/training",
    }
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def write_golden(path: Path, model: OnnxModel, pixels: np.ndarray) -> None:
    """Rendered signs and what the graph answers, as safetensors: 8 bytes of header length, JSON header, raw values."""
    prepared = model.prepare(pixels)
    tensors = {"input.image": prepared, "output.logits": model.run(prepared)}
    header: dict[str, object] = {}
    offset = 0
    for name, value in tensors.items():
        end = offset + value.nbytes
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    values = b"".join(np.ascontiguousarray(value, dtype="<f4").tobytes() for value in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def worst_classes(evaluation: Evaluation, count: int = 6) -> list[str]:
    ranked = sorted((r, i) for i, r in enumerate(evaluation.recall) if r is not None)
    return [f"| {LABELS[i]} | {r:.2%} | {evaluation.counts[i]} |" for r, i in ranked[:count]]


def write_card(
    path: Path,
    *,
    recipe: Recipe,
    note: str,
    counts: dict[str, int],
    parameters: int,
    macs: int,
    file_bytes: int,
    evaluations: list[Evaluation],
    latency: Latency,
    training_seconds: float,
) -> None:
    lines = [
        "# Model card: road-sign",
        "",
        "Written by `workloads/road-sign/training/train.py`; do not edit by hand.",
        "",
        "Recognises 43 German road signs in a picture that shows one sign, roughly centred with a small border.",
        *([note, ""] if note else [""]),
        "## Accuracy",
        "",
        "| images | top-1 accuracy | wrong | of |",
        "|---|---|---|---|",
        *(
            f"| {e.dataset} | {e.accuracy:.2%} | {round((1 - e.accuracy) * e.samples)} | {e.samples} |"
            for e in evaluations
        ),
        "",
        "Measured with ONNX Runtime on the shipped file, fp32. Held-out tracks are whole physical signs that no training",
        "image shows. The test set was read once for these weights, after the last step; nothing was chosen by it. The",
        "rendered hold-out comes from a seed of the camera that training never saw, at the same mix of light and weather;",
        "some of its frames are very dark, foggy or blurred.",
        "",
    ]
    for evaluation in evaluations:
        lines += [
            f"Least recalled classes, {evaluation.dataset}:", "", "| class | recall | images |", "|---|---|---|",
            *worst_classes(evaluation), "",
        ]
    lines += [
        "## Cost",
        "",
        f"- {parameters:,} parameters, {macs / 1e6:.1f} million multiply-accumulates an image, {file_bytes:,} bytes.",
        f"- One frame, ONNX Runtime CPU, one thread, fp32: median {latency.median:.3f} ms (10th percentile"
        f" {latency.tenth_percentile:.3f}, 90th {latency.ninetieth_percentile:.3f}) on {processor_name()},",
        "  measured by `python workloads/road-sign/training/measure.py workloads/road-sign/model/road-sign.onnx`.",
        "",
        "## Data and recipe",
        "",
        *(f"- {name}: {value:,}" for name, value in counts.items()),
        "- Split: by track, that is by physical sign, never by frame.",
        "- Augmentation: mirroring where the mirrored sign is a sign, affine and perspective warp, blur, low resolution,",
        "  light, colour, noise, cutout (`training/augment.py`).",
        f"- Trained for {training_seconds / 60:.0f} minutes on one core. The weights are the moving average at the last step.",
        "",
        "```",
        *(f"{key} = {value}" for key, value in dataclasses.asdict(recipe).items()),
        "```",
        "",
        "Command and versions: `workloads/road-sign/training/README.md`.",
        "",
        "## Licence and limits",
        "",
        "- The weights are the project's own. They were trained on GTSRB (J. Stallkamp, M. Schlipsing, J. Salmen, C. Igel,",
        "  \"The German Traffic Sign Recognition Benchmark: A multi-class classification competition\", IJCNN 2011) and on",
        "  renderings of the drawings in `mapillary_sprite_source` (MIT). No image of either is part of the model's files;",
        "  the golden vectors are rendered signs.",
        "- It always answers with one of the 43 classes: it has no class for \"no sign\" or for another sign.",
        "- It does not find signs in a scene. It expects a crop with about a tenth of border on each side.",
        "- Night, heavy blur and strong colour shifts cost accuracy. It is not certified for driving.",
    ]
    path.write_text("\n".join(lines) + "\n")
