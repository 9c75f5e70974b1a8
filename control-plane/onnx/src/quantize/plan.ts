import type { NodeProto } from "onnx-buf";

/** An activation that gets a Q and a DQ behind it. */
export interface PlannedActivation {
  readonly value: string;
  /** The value whose scale and zero point it takes: itself, or the one that it is a view of. */
  readonly like: string;
}

/** A node with constant weights that computes in int8. */
export interface PlannedLayer {
  readonly node: NodeProto;
  readonly input: string;
  readonly weight: string;
  /** Dimension of the weight that counts output channels. */
  readonly axis: number;
  readonly bias?: string;
  /** The value that the layer computes, before an activation function. */
  readonly output: string;
}

/** Why a node that might have been quantized stays in float. */
export interface KeptNode {
  readonly name: string;
  readonly operator: string;
  readonly reason: string;
}

/** What quantizing will do to a graph; nothing is changed yet. */
export interface QuantizationPlan {
  readonly activations: readonly PlannedActivation[];
  readonly layers: readonly PlannedLayer[];
  /** ReLU and Clip whose work the quantized range of their result does. */
  readonly vanishing: readonly NodeProto[];
  /** Constants that elementwise operators read; they are quantized like activations. */
  readonly constants: readonly string[];
  /** Values whose range is that of another one: what a ReLU cuts off need not be expressed. */
  readonly rangeOf: ReadonlyMap<string, string>;
  readonly kept: readonly KeptNode[];
}
