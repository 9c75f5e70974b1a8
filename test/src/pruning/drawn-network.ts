import { type EditableGraph, ELEMENT, floatOf, intOf, intsOf, makeTensor } from "@sartor/onnx";
import type { AttributeProto } from "onnx-buf";
import { emptyGraph } from "../quantization/networks.js";
import { seededRandom } from "../support/tiny-model.js";

/** What a drawn network is made of, from the input to the head. */
export const PARTS = [
  "conv",
  "depthwise",
  "residual",
  "concat",
  "squeeze-excite",
  "mask",
  "grouped",
  "norm",
  "scale",
  "prelu",
  "hard-swish",
  "max-pool",
  "pad",
  "resize",
] as const;
export type Part = (typeof PARTS)[number];
export const HEADS = ["pool-gemm", "flatten-gemm", "reshape-matmul", "mean-gemm", "conv"] as const;
export type Head = (typeof HEADS)[number];

export interface Drawing {
  readonly seed: number;
  readonly parts: readonly Part[];
  readonly head: Head;
  /** Borders of zeros around convolutions. */
  readonly padded: boolean;
}

export const SIDE = 12;
export const CLASSES = 5;

/** Draws networks whose channels go every way that pruning claims to follow. Nothing in them makes more of a channel of zeros than zeros. */
class Draughtsman {
  readonly #random: () => number;
  #count = 0;
  #channels = 3;
  #side = SIDE;
  #at = "image";

  constructor(
    private readonly graph: EditableGraph,
    seed: number,
    private readonly padded: boolean,
  ) {
    this.#random = seededRandom(seed);
  }

  add(part: Part): void {
    const width = this.#width();
    switch (part) {
      case "conv":
        this.#advance(
          this.#node("Relu", [this.#conv(this.#at, this.#channels, width, this.#kernel())]),
          width,
          this.#shrink(),
        );
        return;
      case "depthwise": {
        const weight = this.#constant([this.#channels, 1, this.#kernel(), this.#kernel()]);
        this.#at = this.#node("Conv", [this.#at, weight], this.#window(this.#kernel(), this.#channels));
        this.#side = this.#shrink();
        return;
      }
      case "residual": {
        const first = this.#node("LeakyRelu", [this.#conv(this.#at, this.#channels, width, 1)]);
        const [second, skip] = [this.#conv(first, width, width, 1), this.#conv(this.#at, this.#channels, width, 1)];
        const added = this.#node("Relu", [this.#node("Add", [second, skip])]);
        const again = this.#node("Add", [added, this.#conv(added, width, width, 1)]);
        this.#advance(again, width, this.#side);
        return;
      }
      case "concat": {
        const [left, right] = [
          this.#conv(this.#at, this.#channels, width, 1),
          this.#conv(this.#at, this.#channels, 8, 1),
        ];
        const joined = this.#node("Concat", [this.#node("Relu", [left]), right, left], [intOf("axis", 1)]);
        this.#advance(joined, 2 * width + 8, this.#side);
        return;
      }
      case "squeeze-excite": {
        const pooled = this.#node("GlobalAveragePool", [this.#at]);
        const hidden = this.#node("Relu", [this.#conv(pooled, this.#channels, 4, 1)]);
        const gate = this.#node("Sigmoid", [this.#conv(hidden, 4, this.#channels, 1)]);
        this.#at = this.#node("Mul", [this.#at, gate]);
        return;
      }
      case "mask":
        this.#at = this.#node("Mul", [this.#node("Sigmoid", [this.#conv(this.#at, this.#channels, 1, 1)]), this.#at]);
        return;
      case "grouped": {
        const even = this.#conv(this.#at, this.#channels, 8, 1);
        const weight = this.#constant([12, 4, this.#kernel(), this.#kernel()]);
        this.#advance(this.#node("Conv", [even, weight], this.#window(this.#kernel(), 2)), 12, this.#shrink());
        return;
      }
      case "norm": {
        const zeros = () => this.#tensor([this.#channels], () => 0);
        const scale = this.#constant([this.#channels]);
        const variance = this.#tensor([this.#channels], () => 0.5 + this.#random());
        this.#at = this.#node("BatchNormalization", [this.#at, scale, zeros(), zeros(), variance]);
        return;
      }
      case "scale":
        this.#at = this.#node("Mul", [this.#constant([this.#channels, 1, 1]), this.#at]);
        return;
      case "prelu":
        this.#at = this.#node("PRelu", [this.#at, this.#constant([this.#channels, 1, 1])]);
        return;
      case "hard-swish": {
        const [three, zero, six] = [3, 0, 6].map((value) => this.#tensor([], () => value)) as [string, string, string];
        const gate = this.#node("Clip", [this.#node("Add", [this.#at, three]), zero, six]);
        this.#at = this.#node("Div", [this.#node("Mul", [this.#at, gate]), six]);
        return;
      }
      case "max-pool":
        if (this.#side < 4) return;
        this.#at = this.#node("MaxPool", [this.#at], [intsOf("kernel_shape", [2, 2]), intsOf("strides", [2, 2])]);
        this.#side = Math.floor(this.#side / 2);
        return;
      case "pad":
        if (!this.padded) return;
        this.#at = this.#node("Pad", [this.#at, this.#integers([0, 0, 1, 0, 0, 0, 0, 1])]);
        this.#side += 1;
        return;
      case "resize": {
        if (this.#side > SIDE) return;
        const sizes = this.#integers([1, this.#channels, 2 * this.#side, 2 * this.#side]);
        this.#at = this.#node("Resize", [this.#at, "", "", sizes]);
        this.#side *= 2;
        return;
      }
    }
  }

  /** A last convolution, so that there is something to prune, and what makes classes of its channels. */
  finish(head: Head): Uint8Array {
    this.add("conv");
    if (this.#side > 12) this.add("max-pool");
    const { graph } = this;
    const classes = (opType: string, features: string, length: number, transposed = false) => {
      const weight = this.#constant(transposed ? [CLASSES, length] : [length, CLASSES]);
      const attributes = opType === "Gemm" ? [intOf("transB", transposed ? 1 : 0), floatOf("alpha", 0.5)] : [];
      graph.addNode({ opType, inputs: [features, weight], outputs: ["logits"], attributes });
    };
    const all = this.#channels * this.#side ** 2;
    switch (head) {
      case "pool-gemm":
        classes("Gemm", this.#node("Flatten", [this.#node("GlobalAveragePool", [this.#at])]), this.#channels, true);
        break;
      case "flatten-gemm":
        classes("Gemm", this.#node("Dropout", [this.#node("Flatten", [this.#at])]), all);
        break;
      case "reshape-matmul":
        classes("MatMul", this.#node("Reshape", [this.#at, this.#integers([0, -1])]), all);
        break;
      case "mean-gemm": {
        const mean = this.#node("ReduceMean", [this.#at], [intsOf("axes", [2, 3]), intOf("keepdims", 1)]);
        classes("Gemm", this.#node("Reshape", [mean, this.#integers([-1, this.#channels])]), this.#channels, true);
        break;
      }
      case "conv": {
        const map = this.#conv(this.#at, this.#channels, CLASSES, 1);
        const pooled = this.#node("GlobalAveragePool", [map]);
        graph.addNode({ opType: "Flatten", inputs: [pooled], outputs: ["logits"] });
      }
    }
    return graph.encode();
  }

  #advance(at: string, channels: number, side: number): void {
    [this.#at, this.#channels, this.#side] = [at, channels, side];
  }

  /** Without a border a plane may become too small for 3 x 3. */
  #kernel(): number {
    return this.padded || this.#side >= 3 ? 3 : 1;
  }

  /** The side after a window of {@link #kernel}. */
  #shrink(): number {
    return this.padded ? this.#side : this.#side - this.#kernel() + 1;
  }

  #window(kernel: number, group: number): AttributeProto[] {
    const pad = this.padded ? (kernel - 1) / 2 : 0;
    return [intsOf("kernel_shape", [kernel, kernel]), intsOf("pads", [pad, pad, pad, pad]), intOf("group", group)];
  }

  #conv(input: string, from: number, to: number, kernel: number): string {
    return this.#node(
      "Conv",
      [input, this.#constant([to, from, kernel, kernel]), this.#constant([to])],
      this.#window(kernel, 1),
    );
  }

  #node(opType: string, inputs: string[], attributes: AttributeProto[] = []): string {
    const output = `${opType}${this.#count++}`;
    this.graph.addNode({ opType, inputs, outputs: [output], attributes });
    return output;
  }

  #width(): number {
    return 4 + Math.floor(this.#random() * 37);
  }

  /** Weights that keep values about as large as they were. */
  #constant(shape: number[]): string {
    const fanIn = shape.length < 2 ? 1 : shape.slice(1).reduce((product, size) => product * size, 1);
    return this.#tensor(shape, () => (this.#random() * 2 - 1) * Math.sqrt(6 / Math.max(1, fanIn)));
  }

  #tensor(shape: number[], draw: () => number): string {
    const length = shape.reduce((product, size) => product * size, 1);
    const name = `constant${this.#count++}`;
    this.graph.addInitializer(makeTensor(name, ELEMENT.float, shape, Float32Array.from({ length }, draw)));
    return name;
  }

  #integers(values: number[]): string {
    const name = `shape${this.#count++}`;
    this.graph.addInitializer(makeTensor(name, ELEMENT.int64, [values.length], BigInt64Array.from(values, BigInt)));
    return name;
  }
}

/** Image N x 3 x 12 x 12 to N x 5 logits; with "resize" one image at a time. */
export function drawNetwork({ seed, parts, head, padded }: Drawing): Uint8Array {
  const draughtsman = new Draughtsman(emptyGraph(["batch", 3, SIDE, SIDE], ["batch", CLASSES]), seed, padded);
  draughtsman.add("conv");
  for (const part of parts) draughtsman.add(part);
  return draughtsman.finish(head);
}
