import { describe, expect, it } from "vitest";
import { EditableGraph, ELEMENT, readIntegers } from "../graph/index.js";
import { ramp, sketchModel } from "../testing/build-graph.js";
import type { BuildContext } from "./build-context.js";
import type { BuildNetwork } from "./build-network.js";
import { planConverted } from "./plan-converted.js";

const model = sketchModel({ constants: [ramp("w", [4, 8])], nodes: [["MatMul", ["x", "w"], ["y"]]] });

/** Greatest int8 weight of dynamic int8 that a processor builds, and what the card will say. */
async function built(saturates: boolean): Promise<{ greatest: number; notes: readonly string[] }> {
  const context = { processor: { name: "Old", saturates, signedKernels: false }, signalSamples: () => undefined };
  const plan = await planConverted(
    "int8-dynamic",
    { model, batch: 1 } as unknown as BuildNetwork,
    context as unknown as BuildContext,
  );
  const draft = await plan.build(new Set());
  const weights = EditableGraph.decode(draft.model).initializers.filter(
    ({ dataType, dims }) => dataType === ELEMENT.int8 && dims.length === 2,
  );
  expect(weights).toHaveLength(1);
  return {
    greatest: Math.max(...weights.flatMap((tensor) => [...readIntegers(tensor)].map(Math.abs))),
    notes: plan.notes,
  };
}

describe("dynamic int8", () => {
  it("has 8-bit weights where this machine computes them rightly", async () => {
    expect(await built(false)).toEqual({ greatest: 127, notes: [] });
  });

  it("has 7-bit weights where its kernels would saturate, as its golden vectors would hold for such machines only", async () => {
    const { greatest, notes } = await built(true);
    expect(greatest).toBe(64);
    expect(notes.join()).toContain("Old");
  });
});
