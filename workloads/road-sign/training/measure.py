"""What ONNX Runtime says about the finished file: its answers and its time."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime


def open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class OnnxModel:
    """The file on disk together with its pre-processing."""

    def __init__(self, path: Path):
        self.session = open_session(path)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [N, 32, 32, 3] to float32 [N, 3, 32, 32], 0 to 1."""
        scaled = pixels.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    def run(self, prepared: np.ndarray) -> np.ndarray:
        return self.session.run(["logits"], {"image": prepared})[0]

    def classify(self, pixels: np.ndarray) -> np.ndarray:
        parts = [self.run(self.prepare(pixels[at : at + 256])).argmax(1) for at in range(0, len(pixels), 256)]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one frame, batch 1, one thread."""

    median: float
    tenth_percentile: float
    ninetieth_percentile: float


def latency(path: Path, runs: int = 3000) -> Latency:
    """Times single frames. Other jobs on the machine only ever add time, so the low percentile is the network's own."""
    session = open_session(path)
    frame = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    for _ in range(200):
        session.run(["logits"], {"image": frame})
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run(["logits"], {"image": frame})
        times.append((time.perf_counter() - start) * 1e3)
    low, middle, high = np.percentile(times, [10, 50, 90])
    return Latency(float(middle), float(low), float(high))


if __name__ == "__main__":
    import sys

    print(latency(Path(sys.argv[1])))
