import { ELEMENT } from "../graph/index.js";

/** The static int8 recipes, by the name that a variant carries. */
export const STATIC_RECIPE_NAMES = ["u8s8", "u8s8-reduced", "s8s8", "s8s8-symmetric", "tensorrt"] as const;
export type StaticRecipeName = (typeof STATIC_RECIPE_NAMES)[number];

/** How a model is quantized to int8 with scales fixed in advance. Weights are int8, symmetric, one scale a channel, in all of them. */
export interface StaticRecipe {
  readonly name: StaticRecipeName;
  /** Element type of activations. */
  readonly activation: typeof ELEMENT.uint8 | typeof ELEMENT.int8;
  /** Symmetric activations have their zero point in the middle of the integers. */
  readonly symmetricActivations: boolean;
  /** Weights in 7 bits (-64..64), for CPUs whose 8-bit multiply-add saturates (x86 before VNNI). */
  readonly reducedWeights: boolean;
  /** int32 biases; else they stay float. */
  readonly quantizedBiases: boolean;
  /** Whether what Conv, Gemm and MatMul compute is quantized; TensorRT wants only what they read. */
  readonly quantizedResults: boolean;
  /** Whether ConvTranspose is quantized: ONNX Runtime's CPU provider has no int8 kernel for it. */
  readonly convTranspose: boolean;
}

const CPU = {
  symmetricActivations: false,
  reducedWeights: false,
  quantizedBiases: true,
  quantizedResults: true,
  convTranspose: false,
} as const;

/**
 * - `u8s8`: x86 with VNNI or AMX.
 * - `u8s8-reduced`: x86 with AVX2 or AVX512 without VNNI.
 * - `s8s8`: ARM; a ReLU vanishes, because its range begins at the least integer.
 * - `s8s8-symmetric`: ARM with zero points 0; ReLUs stay.
 * - `tensorrt`: zero points 0, float biases, no quantized results of Conv and MatMul.
 */
export const STATIC_RECIPES: Readonly<Record<StaticRecipeName, StaticRecipe>> = {
  u8s8: { name: "u8s8", activation: ELEMENT.uint8, ...CPU },
  "u8s8-reduced": { name: "u8s8-reduced", activation: ELEMENT.uint8, ...CPU, reducedWeights: true },
  s8s8: { name: "s8s8", activation: ELEMENT.int8, ...CPU },
  "s8s8-symmetric": { name: "s8s8-symmetric", activation: ELEMENT.int8, ...CPU, symmetricActivations: true },
  tensorrt: {
    name: "tensorrt",
    activation: ELEMENT.int8,
    symmetricActivations: true,
    reducedWeights: false,
    quantizedBiases: false,
    quantizedResults: false,
    convTranspose: true,
  },
};
