import type { VariantCard, VariantKind, VariantName } from "@sartor/shared/protocol";
import type { LayerError } from "../precision/index.js";
import { type KeptNode, STATIC_RECIPES, type StaticRecipeName } from "../quantize/index.js";
import type { BuildNetwork } from "./build-network.js";

/** A variant as bytes, not judged yet. */
export interface Draft {
  readonly model: Uint8Array;
  /** Nodes that this kind of variant cannot change. */
  readonly kept: readonly KeptNode[];
}

/** How a variant is made, and what its card will tell of it. */
export interface VariantPlan {
  readonly name: VariantName;
  readonly network: BuildNetwork;
  /** Makes it with these layers in fp32. The same layers give the same bytes. */
  readonly build: (keepFloat: ReadonlySet<string>) => Promise<Draft>;
  /** What each layer loses by itself; empty where nothing can return to fp32. */
  readonly errors: readonly LayerError[];
  readonly calibration: VariantCard["calibration"];
  readonly notes: readonly string[];
  /** Evaluated without fused kernels, where this machine's would compute something else. */
  readonly unfused: boolean;
  /** Samples of one run of the evaluation. */
  readonly batch: number;
  /** The same arithmetic in a form that this machine runs in fused kernels, where it does not so run the variant. */
  readonly twin?: (keepFloat: ReadonlySet<string>) => Promise<Uint8Array>;
  /** Whether a device may round more than the CPU can show; the tolerance then takes the distance from fp32 in. */
  readonly roundsMoreOnDevices: boolean;
  /** Whether what ONNX Runtime fuses on this CPU says something about it. */
  readonly linted: boolean;
}

const PRUNED = "-pruned";

/** The kind of a variant: its name without what was done to the network. */
export function kindOf(name: VariantName): VariantKind {
  switch (name) {
    case "int8-s8s8-symmetric":
    case "int8-s8s8-pruned":
      return "int8-s8s8";
    case "int8-u8s8-pruned":
      return "int8-u8s8";
    case "fp32-pruned":
      return "fp32";
    default:
      return name;
  }
}

/** The static int8 recipe of a variant; undefined for other kinds. */
export function recipeOf(name: VariantName): StaticRecipeName | undefined {
  if (name === "int8-s8s8-symmetric") return "s8s8-symmetric";
  const recipe = kindOf(name).replace(/^int8-/, "");
  return Object.hasOwn(STATIC_RECIPES, recipe) ? (recipe as StaticRecipeName) : undefined;
}

/** Whether a variant is made of the pruned network. */
export function isPruned(name: VariantName): boolean {
  return name.endsWith(PRUNED);
}
