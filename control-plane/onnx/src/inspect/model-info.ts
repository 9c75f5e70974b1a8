import type { TensorType } from "@sartor/shared/protocol";

/** One input or output of a model. */
export interface ModelTensor {
  readonly name: string;
  readonly dataType: TensorType;
  /** Dimensions, -1 for one that is symbolic or not stated; `null` where the model states no shape at all. */
  readonly shape: readonly number[] | null;
}

/** What a model says of itself. */
export interface ModelInfo {
  readonly irVersion: number;
  readonly producer: string;
  /** Operator-set version by domain; the default domain is written `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** Inputs that a caller must give: initializers that older models list among the inputs are left out. */
  readonly inputs: readonly ModelTensor[];
  readonly outputs: readonly ModelTensor[];
  /** Elements of all initializers, subgraphs included. */
  readonly parameters: number;
  /** How often each operator occurs, subgraphs and functions included; `domain.Operator` outside the default domain. */
  readonly operators: Readonly<Record<string, number>>;
  /** Names of tensors whose data lies outside the file. */
  readonly externalTensors: readonly string[];
}
