"""Trains the road-sign model and writes everything that is shipped: graph, manifest, golden vectors, model card.

    python workloads/road-sign/training/train.py --gtsrb ../shared/gtsrb --rendered DIR --out workloads/road-sign/model

See README.md beside this file.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import torch

from data import Images, read_images, split_by_track
from fit import Recipe, fit
from measure import OnnxModel, latency
from network import count_cost, to_onnx
from outputs import Evaluation, write_card, write_golden, write_manifest

MAXIMUM_BYTES = 3_000_000
GOLDEN_COUNT = 16


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gtsrb", type=Path, required=True, help="folder with GTSRB as 32 x 32 .npy and .csv")
    parser.add_argument("--rendered", type=Path, help="folder that the camera's export wrote (train and holdout)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model's files")
    parser.add_argument("--samples", type=int, default=Recipe.samples, help="training images drawn in all")
    parser.add_argument("--validation-share", type=float, default=0.05, help="share of a class's tracks held out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--version", default="1.0.0", help="version in the manifest")
    parser.add_argument("--log-every", type=int, default=500, help="steps between progress lines")
    parser.add_argument("--note", default="", help="a sentence for the model card, for example which run this is")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    # One thread: the sums then run in one order, and a second run gives the same weights.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    began = time.monotonic()

    photos, rows = read_images(arguments.gtsrb / "train-images.npy", arguments.gtsrb / "train.csv")
    train_rows, validation_rows = split_by_track(rows, arguments.validation_share, arguments.seed)
    train = photos.take(train_rows)
    rendered: Images | None = None
    checks: dict[str, Images] = {}
    if len(validation_rows) > 0:
        checks["validation"] = photos.take(validation_rows)
    if arguments.rendered is not None:
        rendered, _ = read_images(arguments.rendered / "train-images.npy", arguments.rendered / "train.csv")
        holdout, _ = read_images(arguments.rendered / "holdout-images.npy", arguments.rendered / "holdout.csv")
        checks["rendered"] = holdout

    recipe = Recipe(samples=arguments.samples, seed=arguments.seed)
    print(f"{len(train)} photographs, {0 if rendered is None else len(rendered)} rendered; {recipe}", flush=True)
    net = fit(recipe, train, rendered, checks, arguments.log_every)
    seconds = time.monotonic() - began

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "road-sign.onnx"
    net = net.to(memory_format=torch.contiguous_format)
    onnx.save(to_onnx(net), path)
    if path.stat().st_size > MAXIMUM_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MAXIMUM_BYTES}")

    # The test set is opened here for the first time, after every choice has been made.
    model = OnnxModel(path)
    evaluations = []
    if "validation" in checks:
        evaluations.append(Evaluation.of("gtsrb train, held-out tracks", model, checks["validation"]))
    test, _ = read_images(arguments.gtsrb / "test-even-images.npy", arguments.gtsrb / "test-even.csv")
    evaluations.append(Evaluation.of("gtsrb test-even", model, test))
    if "rendered" in checks:
        evaluations.append(Evaluation.of("rendered hold-out", model, checks["rendered"]))
    for evaluation in evaluations:
        print(f"{evaluation.dataset}: {evaluation.accuracy:.4%} of {evaluation.samples}")

    write_manifest(arguments.out / "manifest.json", arguments.version, evaluations)
    if "rendered" in checks:
        picks = np.random.default_rng(arguments.seed).permutation(len(checks["rendered"]))[:GOLDEN_COUNT]
        write_golden(arguments.out / "golden.safetensors", model, checks["rendered"].pixels[picks])
    parameters, macs = count_cost(net)
    write_card(
        arguments.out / "MODEL_CARD.md",
        recipe=recipe,
        note=arguments.note,
        counts={
            "photographs trained on": len(train),
            "photographs held out for validation": len(validation_rows),
            "rendered signs trained on": 0 if rendered is None else len(rendered),
        },
        parameters=parameters,
        macs=macs,
        file_bytes=path.stat().st_size,
        evaluations=evaluations,
        latency=latency(path),
        training_seconds=seconds,
    )


if __name__ == "__main__":
    main()
