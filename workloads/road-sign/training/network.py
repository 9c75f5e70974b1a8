"""The road-sign network: per-image standardisation, then a small residual CNN of Conv, Relu, Add and one Gemm.

Standardisation is inside the graph, so that a caller only divides bytes by 255: signs at dusk have a tenth of the contrast
of signs in the sun (contrast normalisation for GTSRB: P. Sermanet, Y. LeCun, IJCNN 2011). The rest is written for integer
quantization: every batch norm folds into its convolution, every Relu follows a Conv or a residual Add directly. Basic residual blocks: He et al., "Deep Residual
Learning for Image Recognition", CVPR 2016.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

CLASS_COUNT = 43
IMAGE_SIZE = 32
OPSET = 17
IR_VERSION = 8
# Added to the variance of an image, so that sensor noise of a black frame is not blown up to full contrast.
VARIANCE_FLOOR = 0.0025


def standardise(x: torch.Tensor) -> torch.Tensor:
    """Each image to mean 0 and about standard deviation 1, over all its pixels and colours together: colours stay."""
    centred = x - x.mean((1, 2, 3), keepdim=True)
    variance = (centred * centred).mean((1, 2, 3), keepdim=True)
    return centred / torch.sqrt(variance + VARIANCE_FLOOR)


class ConvUnit(nn.Module):
    """3 x 3 convolution and batch norm, and a Relu unless a residual Add follows."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1, relu: bool = True):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.conv(x))
        return torch.relu(y) if self.relu else y

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Weight [O, I, 3, 3] and bias [O] of the convolution with its batch norm folded in (float64 arithmetic)."""
        norm = self.norm
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = self.conv.weight.double() * scale[:, None, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * scale
        return weight.detach().float().numpy(), bias.detach().float().numpy()


class ResidualUnit(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = ConvUnit(channels, channels)
        self.second = ConvUnit(channels, channels, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


class RoadSignNet(nn.Module):
    """Image [N, 3, 32, 32], 0 to 1, to logits [N, 43]."""

    def __init__(self, widths: tuple[int, int, int, int], dropout: float):
        super().__init__()
        stem, *stages = widths
        units: list[nn.Module] = [ConvUnit(3, stem)]
        channels = stem
        for width in stages:
            units += [ConvUnit(channels, width, stride=2), ResidualUnit(width)]
            channels = width
        self.units = nn.ModuleList(units)
        self.dropout = nn.Dropout(dropout)
        side = IMAGE_SIZE >> len(stages)
        self.head = nn.Linear(channels * side * side, CLASS_COUNT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = standardise(x)
        for unit in self.units:
            x = unit(x)
        # reshape, not flatten of the storage: the order is channel, row, column whatever the memory format is.
        return self.head(self.dropout(x.reshape(x.shape[0], -1)))


def count_cost(net: RoadSignNet) -> tuple[int, int]:
    """Parameters after folding, and multiply-accumulates of one image."""
    parameters = 0
    macs = 0
    size = IMAGE_SIZE
    for unit in net.units:
        convs = [unit] if isinstance(unit, ConvUnit) else [unit.first, unit.second]
        for conv in convs:
            size //= conv.conv.stride[0]
            parameters += conv.conv.weight.numel() + conv.conv.out_channels
            macs += conv.conv.weight.numel() * size * size
    parameters += net.head.weight.numel() + net.head.bias.numel()
    macs += net.head.weight.numel()
    return parameters, macs


def to_onnx(net: RoadSignNet) -> onnx.ModelProto:
    """Writes the trained network as an ONNX graph with every batch norm folded."""
    nodes: list[onnx.NodeProto] = []
    weights: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def add_relu(x: str, name: str) -> str:
        nodes.append(helper.make_node("Relu", [x], [f"{name}.out"], name=name))
        return f"{name}.out"

    def add_conv(unit: ConvUnit, x: str, name: str) -> str:
        weight, bias = unit.folded()
        inputs = [x, constant(f"{name}.weight", weight), constant(f"{name}.bias", bias)]
        stride = unit.conv.stride[0]
        nodes.append(
            helper.make_node(
                "Conv", inputs, [f"{name}.out"], name=name,
                kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[stride, stride], dilations=[1, 1], group=1,
            )
        )
        return add_relu(f"{name}.out", f"{name}.relu") if unit.relu else f"{name}.out"

    def add_standardise(x: str) -> str:
        name = "standardise"

        def node(operator: str, inputs: list[str], step: str, **attributes: object) -> str:
            output = f"{name}.{step}.out"
            nodes.append(helper.make_node(operator, inputs, [output], name=f"{name}.{step}", **attributes))
            return output

        over = {"axes": [1, 2, 3], "keepdims": 1}
        centred = node("Sub", [x, node("ReduceMean", [x], "mean", **over)], "centre")
        variance = node("ReduceMean", [node("Mul", [centred, centred], "square")], "variance", **over)
        floor = constant(f"{name}.floor", np.array(VARIANCE_FLOOR))
        return node("Div", [centred, node("Sqrt", [node("Add", [variance, floor], "lift")], "root")], "scale")

    x = add_standardise("image")
    for index, unit in enumerate(net.units):
        if isinstance(unit, ConvUnit):
            x = add_conv(unit, x, f"conv{index}")
        else:
            branch = add_conv(unit.first, x, f"residual{index}.first")
            branch = add_conv(unit.second, branch, f"residual{index}.second")
            nodes.append(helper.make_node("Add", [x, branch], [f"residual{index}.sum"], name=f"residual{index}.add"))
            x = add_relu(f"residual{index}.sum", f"residual{index}.relu")
    nodes.append(helper.make_node("Flatten", [x], ["features"], name="flatten", axis=1))
    head = [
        "features",
        constant("head.weight", net.head.weight.detach().numpy()),
        constant("head.bias", net.head.bias.detach().numpy()),
    ]
    nodes.append(helper.make_node("Gemm", head, ["logits"], name="head", transB=1))
    graph = helper.make_graph(
        nodes,
        "road-sign",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, IMAGE_SIZE, IMAGE_SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASS_COUNT])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="sartor-road-sign")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model
