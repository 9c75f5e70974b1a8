import { describe, expect, it } from "vitest";
import { ELEMENT } from "../graph/index.js";
import { STATIC_RECIPES } from "../quantize/index.js";
import { saturatesIn, twinOf } from "./plan-static.js";

const vnni = { name: "x86 with VNNI", saturates: false, signedKernels: false };
const old = { name: "x86 before VNNI", saturates: true, signedKernels: false };
const arm = { name: "ARM", saturates: false, signedKernels: true };

describe("a static int8 variant is checked by kernels that do what its device's do", () => {
  it("runs itself where this machine has kernels for it", () => {
    expect(twinOf(STATIC_RECIPES.u8s8, vnni)).toBeUndefined();
    expect(twinOf(STATIC_RECIPES["u8s8-reduced"], old)).toBeUndefined();
    expect(twinOf(STATIC_RECIPES.s8s8, arm)).toBeUndefined();
  });

  it("has a twin of unsigned activations where x86 has none for signed ones, symmetric if it is", () => {
    const twin = twinOf(STATIC_RECIPES.s8s8, vnni);
    expect([twin?.activation, twin?.reducedWeights]).toEqual([ELEMENT.uint8, false]);
    expect(twinOf(STATIC_RECIPES["s8s8-symmetric"], vnni)?.symmetricActivations).toBe(true);
    expect(twinOf(STATIC_RECIPES.tensorrt, arm)?.quantizedResults).toBe(true);
  });

  it("keeps to 7 bits where 8 would saturate, and evaluates no weights of 8 bits by kernels that do", () => {
    const { "u8s8-reduced": reduced, ...others } = STATIC_RECIPES;
    for (const recipe of Object.values(others)) {
      expect(twinOf(recipe, old)?.reducedWeights).toBe(true);
      expect(saturatesIn(recipe, old)).toBe(true);
    }
    expect(saturatesIn(reduced, old)).toBe(false);
    expect(saturatesIn(STATIC_RECIPES.u8s8, vnni)).toBe(false);
  });
});
