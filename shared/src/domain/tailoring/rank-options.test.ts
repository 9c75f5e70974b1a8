import { describe, expect, it } from "vitest";
import type { ProviderCapability } from "../hardware/index.js";
import type { Option } from "./predict-cost.js";
import { orderOptions, type PricedOption, pickCandidates } from "./rank-options.js";

const cpu = { facts: { name: "cpu" } } as ProviderCapability;

interface Sketch {
  readonly name: string;
  readonly kind?: Option["variant"]["kind"];
  readonly threads: number;
  readonly ms: number;
  readonly spinning?: boolean;
  readonly measured?: boolean;
  readonly baseline?: boolean;
}

const priced = (sketch: Sketch): PricedOption => {
  const { name, kind = "int8-s8s8", threads, ms, spinning = false, measured = false, baseline = false } = sketch;
  return {
    option: {
      variant: { name, kind, fileBytes: 1 },
      provider: cpu,
      precision: { variant: kind, provider: "cpu", standing: "prefer", reason: "" } as Option["precision"],
      threads,
      spinning,
      baseline,
    },
    predicted: {
      basis: measured ? "measured" : "estimated",
      latencyMs: { low: ms, typical: ms, high: ms },
      memoryBytes: 1,
      memoryBasis: "estimated",
      devices: measured ? 1 : 0,
    },
  };
};
/** One variant with 1, 2 and 4 threads, each without and with spinning where there is more than one. */
const everyWay = (name: string, ms: number, rest: Partial<Sketch> = {}): PricedOption[] =>
  [1, 2, 4].flatMap((threads) =>
    [false, true]
      .filter((spinning) => !spinning || threads > 1)
      .map((spinning) => priced({ name, threads, ms: ms / threads, spinning, ...rest })),
  );
const pick = (...options: PricedOption[]) =>
  pickCandidates(orderOptions(options)).map(({ option }) => {
    return `${option.variant.name} ${option.threads}${option.spinning ? " spinning" : ""}`;
  });

describe("the candidates that a device measures", () => {
  const fp32 = everyWay("fp32", 20, { kind: "fp32", baseline: true });

  it("hold two variants of one kind, where two recipes make it", () => {
    const picked = pick(...everyWay("int8-s8s8", 8), ...everyWay("int8-s8s8-symmetric", 8.01), ...fp32);
    expect(picked).toContain("int8-s8s8 4");
    expect(picked).toContain("int8-s8s8-symmetric 4");
  });

  it("try spinning with the two best variants only, each beside the same without", () => {
    const picked = pick(...everyWay("int8-s8s8", 8), ...everyWay("int8-s8s8-symmetric", 9), ...fp32);
    expect(picked.filter((name) => name.endsWith("spinning"))).toEqual([
      "int8-s8s8 4 spinning",
      "int8-s8s8-symmetric 4 spinning",
    ]);
    expect(picked).toHaveLength(6);
    expect(picked[5]).toBe("fp32 4");
  });

  it("begin with spinning where it was measured to be faster", () => {
    const [plain, spun] = [false, true].map((spinning) =>
      priced({ name: "int8-s8s8", threads: 2, ms: spinning ? 7 : 9, spinning, measured: true }),
    ) as [PricedOption, PricedOption];
    expect(pick(plain, spun, ...fp32).slice(0, 2)).toEqual(["int8-s8s8 2 spinning", "int8-s8s8 2"]);
  });

  it("leave a place for a variant that was built after six others were measured, where it promises to be faster", () => {
    const known = ["a", "b", "c"].flatMap((name) =>
      [2, 4].map((threads) => priced({ name, threads, ms: 40 / threads, measured: true })),
    );
    const base = priced({ name: "fp32", kind: "fp32", threads: 4, ms: 30, baseline: true, measured: true });
    expect(pick(...known, base, ...everyWay("new", 8))).toEqual(["a 4", "b 4", "c 4", "a 2", "fp32 4", "new 4"]);
    expect(pick(...known, base, ...everyWay("slow", 80))).not.toContain("slow 4");
  });

  it("keep the last place for the whole network, which a pruned one in fp32 does not take", () => {
    const pruned = everyWay("fp32-pruned", 1, { kind: "fp32" });
    const others = ["a", "b", "c", "d", "e"].map((name) => priced({ name, threads: 1, ms: 2 }));
    const picked = pick(...pruned, ...others, ...fp32);
    expect(picked[0]).toBe("fp32-pruned 4");
    expect(picked[5]).toBe("fp32 4");
  });
});
