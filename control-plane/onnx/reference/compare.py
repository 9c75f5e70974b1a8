"""Quantizes a model with onnxruntime.quantization, to be compared with. For development only; nothing of it is shipped.

    python compare.py FOLDER

FOLDER holds model.onnx, calibration.f32 (float32, little endian) and calibration.json: {"input": name, "shape": [n, ...]}. Each
configuration is written to FOLDER/<configuration>.onnx, with the seconds it took in FOLDER/reference.json.

Needs: pip install onnxruntime==1.30.0 onnx numpy
"""

import json
import sys
import time
from pathlib import Path

import numpy
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static


class Samples(CalibrationDataReader):
    """One sample a run, in the order of the file."""

    def __init__(self, folder: Path):
        about = json.loads((folder / "calibration.json").read_text())
        values = numpy.fromfile(folder / "calibration.f32", dtype="<f4").reshape(about["shape"])
        self.feeds = iter([{about["input"]: value[None]} for value in values])

    def get_next(self):
        return next(self.feeds, None)


class OneThread(onnxruntime.SessionOptions):
    """Sums of floats depend on how threads share them; ours are computed by one."""

    def __init__(self):
        super().__init__()
        self.intra_op_num_threads = 1


onnxruntime.SessionOptions = OneThread

U8, S8 = QuantType.QUInt8, QuantType.QInt8
CONFIGURATIONS = {
    "u8s8": {"activation_type": U8, "weight_type": S8, "per_channel": True},
    "u8s8-reduced": {"activation_type": U8, "weight_type": S8, "per_channel": True, "reduce_range": True},
    "s8s8": {"activation_type": S8, "weight_type": S8, "per_channel": True},
    "s8s8-symmetric": {
        "activation_type": S8,
        "weight_type": S8,
        "per_channel": True,
        "extra_options": {"ActivationSymmetric": True},
    },
    "u8s8-per-tensor": {"activation_type": U8, "weight_type": S8, "per_channel": False},
    "u8u8": {"activation_type": U8, "weight_type": U8, "per_channel": False},
    "u8s8-percentile": {
        "activation_type": U8,
        "weight_type": S8,
        "per_channel": True,
        "calibrate_method": CalibrationMethod.Percentile,
    },
    "u8s8-entropy": {
        "activation_type": U8,
        "weight_type": S8,
        "per_channel": True,
        "calibrate_method": CalibrationMethod.Entropy,
    },
}


def main() -> None:
    folder = Path(sys.argv[1])
    wanted = sys.argv[2:] or list(CONFIGURATIONS)
    seconds = {}
    for name in wanted:
        start = time.perf_counter()
        quantize_static(
            folder / "model.onnx",
            folder / f"{name}.onnx",
            Samples(folder),
            quant_format=QuantFormat.QDQ,
            **CONFIGURATIONS[name],
        )
        seconds[name] = time.perf_counter() - start
    (folder / "reference.json").write_text(json.dumps({"onnxruntime": onnxruntime.__version__, "seconds": seconds}))


main()
