import type { ModelTensor } from "@sartor/shared/domain/model";

export type { ModelTensor };

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
