import { create, toBinary } from "@bufbuild/protobuf";
import { EditableGraph, ELEMENT, intOf, intsOf, makeTensor } from "@sartor/onnx";
import * as onnx from "onnx-buf";
import { seededRandom } from "../support/tiny-model.js";

/** Networks of well-known shapes with drawn weights, batch norms folded: what real models look like to a quantizer. */
class NetworkBuilder {
  readonly #graph: EditableGraph;
  readonly #random: () => number;
  #count = 0;

  constructor(
    side: number,
    private readonly classes: number,
    seed: number,
  ) {
    this.#random = seededRandom(seed);
    this.#graph = emptyGraph(["batch", 3, side, side], ["batch", classes]);
  }

  /** A number from a normal distribution (Box and Muller). */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
  }

  #weights(name: string, shape: number[], deviation: number): string {
    const count = shape.reduce((product, size) => product * size, 1);
    const perChannel = count / (shape[0] ?? 1);
    // Channels differ in size, as batch norms folded into weights make them.
    const gains = Array.from({ length: shape[0] ?? 1 }, () => Math.exp(this.#normal() * 0.4));
    const data = Float32Array.from({ length: count }, (_, index) => {
      return this.#normal() * deviation * (gains[Math.floor(index / perChannel)] ?? 1);
    });
    this.#graph.addInitializer(makeTensor(name, ELEMENT.float, shape, data));
    return name;
  }

  #bias(name: string, length: number, deviation: number): string {
    const data = Float32Array.from({ length }, () => this.#normal() * deviation);
    this.#graph.addInitializer(makeTensor(name, ELEMENT.float, [length], data));
    return name;
  }

  node(opType: string, inputs: string[], attributes: onnx.AttributeProto[] = []): string {
    const output = `${opType.toLowerCase()}${this.#count++}`;
    this.#graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  }

  conv(input: string, from: number, to: number, kernel: number, stride = 1, group = 1, gain = 1): string {
    const fanIn = (from / group) * kernel * kernel;
    const name = `conv${this.#count}`;
    const weight = this.#weights(`${name}.weight`, [to, from / group, kernel, kernel], gain * Math.sqrt(2 / fanIn));
    const pad = Math.floor(kernel / 2);
    return this.node(
      "Conv",
      [input, weight, this.#bias(`${name}.bias`, to, 0.1)],
      [
        intsOf("kernel_shape", [kernel, kernel]),
        intsOf("strides", [stride, stride]),
        intsOf("pads", [pad, pad, pad, pad]),
        intOf("group", group),
      ],
    );
  }

  relu(input: string): string {
    return this.node("Relu", [input]);
  }

  relu6(input: string): string {
    for (const [name, value] of [
      ["zero", 0],
      ["six", 6],
    ] as const) {
      if (this.#graph.initializer(name) === undefined) {
        this.#graph.addInitializer(makeTensor(name, ELEMENT.float, [], Float32Array.of(value)));
      }
    }
    return this.node("Clip", [input, "zero", "six"]);
  }

  /** Mean over the plane, then a dense layer to the logits. */
  finish(input: string, channels: number): Uint8Array {
    const features = this.node("Flatten", [this.node("GlobalAveragePool", [input])]);
    const weight = this.#weights("head.weight", [this.classes, channels], Math.sqrt(1 / channels));
    this.#graph.addNode({
      opType: "Gemm",
      inputs: [features, weight, this.#bias("head.bias", this.classes, 0.1)],
      outputs: ["logits"],
      attributes: [intOf("transB", 1)],
    });
    return this.#graph.encode();
  }
}

/** A graph with an input `image` and an output `logits`, and nothing in between yet. */
export function emptyGraph(input: (number | string)[], output: (number | string)[], opset = 17): EditableGraph {
  const empty = create(onnx.ModelProtoSchema, {
    irVersion: 8n,
    producerName: "sartor-test",
    opsetImport: [create(onnx.OperatorSetIdProtoSchema, { domain: "", version: BigInt(opset) })],
    graph: create(onnx.GraphProtoSchema, {
      name: "network",
      input: [valueInfo("image", input)],
      output: [valueInfo("logits", output)],
    }),
  });
  return EditableGraph.decode(toBinary(onnx.ModelProtoSchema, empty));
}

/** A float value with its dimensions; a text is an open one. */
export function valueInfo(name: string, dims: (number | string)[]) {
  const dim = dims.map((size) =>
    create(onnx.TensorShapeProto_DimensionSchema, {
      value: typeof size === "string" ? { case: "dimParam", value: size } : { case: "dimValue", value: BigInt(size) },
    }),
  );
  return create(onnx.ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType: ELEMENT.float, shape: { dim } } } },
  });
}

/** ResNet18 (He et al., 2016): 11.7 M weights. `width` is 64 in the original; less gives a smaller sibling. */
export function buildResNet18(side = 224, width = 64, classes = 1000, seed = 18): Uint8Array {
  const network = new NetworkBuilder(side, classes, seed);
  let at = network.relu(network.conv("image", 3, width, 7, 2));
  at = network.node(
    "MaxPool",
    [at],
    [intsOf("kernel_shape", [3, 3]), intsOf("strides", [2, 2]), intsOf("pads", [1, 1, 1, 1])],
  );
  let channels = width;
  for (let stage = 0; stage < 4; stage++) {
    const wider = width * 2 ** stage;
    for (let block = 0; block < 2; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const first = network.relu(network.conv(at, channels, wider, 3, stride));
      const second = network.conv(first, wider, wider, 3, 1, 1, 0.5);
      const shortcut = stride > 1 ? network.conv(at, channels, wider, 1, stride, 1, 0.7) : at;
      at = network.relu(network.node("Add", [second, shortcut]));
      channels = wider;
    }
  }
  return network.finish(at, channels);
}

/** MobileNetV2 (Sandler et al., 2018): 3.5 M weights, inverted residuals with depthwise convolutions and ReLU6. */
export function buildMobileNetV2(side = 224, width = 1, classes = 1000, seed = 2): Uint8Array {
  const network = new NetworkBuilder(side, classes, seed);
  const scaled = (channels: number) => Math.max(8, Math.round((channels * width) / 8) * 8);
  let channels = scaled(32);
  let at = network.relu6(network.conv("image", 3, channels, 3, 2));
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ] as const;
  for (const [expansion, out, repeats, firstStride] of stages) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const stride = repeat === 0 ? firstStride : 1;
      const hidden = channels * expansion;
      const to = scaled(out);
      let inner = expansion === 1 ? at : network.relu6(network.conv(at, channels, hidden, 1));
      inner = network.relu6(network.conv(inner, hidden, hidden, 3, stride, hidden));
      const projected = network.conv(inner, hidden, to, 1, 1, 1, 0.7);
      at = stride === 1 && channels === to ? network.node("Add", [at, projected]) : projected;
      channels = to;
    }
  }
  return network.finish(network.relu6(network.conv(at, channels, scaled(1280), 1)), scaled(1280));
}

/** Pictures that look a little like pictures: soft blobs of colour with noise, normalised to about -2..2. N x 3 x side x side. */
export function drawImages(count: number, side: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const images = new Float32Array(count * 3 * side * side);
  for (let image = 0; image < count; image++) {
    const blobs = Array.from({ length: 6 }, () => ({
      x: random() * side,
      y: random() * side,
      width: (0.1 + 0.3 * random()) * side,
      colour: [random() * 3 - 1.5, random() * 3 - 1.5, random() * 3 - 1.5],
    }));
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          let value = (random() - 0.5) * 0.4;
          for (const blob of blobs) {
            const distance = ((x - blob.x) ** 2 + (y - blob.y) ** 2) / blob.width ** 2;
            if (distance < 8) value += (blob.colour[channel] ?? 0) * Math.exp(-distance);
          }
          images[((image * 3 + channel) * side + y) * side + x] = value;
        }
      }
    }
  }
  return images;
}
