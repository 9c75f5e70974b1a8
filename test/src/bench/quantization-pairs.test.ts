import { describe, expect, it, vi } from "vitest";
import { pairVariants, poolPairs, printPairs } from "./quantization-pairs.js";

const labels = [0, 1, 2, 3, 4, 0];
const fp32 = { variant: "fp32", classes: [0, 1, 2, 3, 0, 1] };
const ours = { variant: "ours", classes: [0, 1, 2, 0, 4, 1] };
const theirs = { variant: "theirs", classes: [1, 2, 2, 3, 0, 0] };

describe("the quantization benchmark's comparison picture by picture", () => {
  it("counts what only one variant gets right, by the labels and by fp32", () => {
    expect(pairVariants(ours, [fp32, theirs], fp32, labels)).toEqual([
      { theirs: "fp32", labels: { onlyOurs: 1, onlyTheirs: 1 } },
      { theirs: "theirs", labels: { onlyOurs: 3, onlyTheirs: 2 }, fp32: { onlyOurs: 3, onlyTheirs: 2 } },
    ]);
    expect(pairVariants(ours, [theirs], fp32, undefined)).toEqual([
      { theirs: "theirs", fp32: { onlyOurs: 3, onlyTheirs: 2 } },
    ]);
  });

  it("adds the counts of several networks up before it tests them", () => {
    const one = [{ theirs: "a", labels: { onlyOurs: 1, onlyTheirs: 5 }, fp32: { onlyOurs: 2, onlyTheirs: 0 } }];
    const two = [{ theirs: "a", labels: { onlyOurs: 1, onlyTheirs: 5 }, fp32: { onlyOurs: 4, onlyTheirs: 0 } }];
    const pooled = poolPairs([one, two]);
    expect(pooled).toEqual([
      { theirs: "a", labels: { onlyOurs: 2, onlyTheirs: 10 }, fp32: { onlyOurs: 6, onlyTheirs: 0 } },
    ]);
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    printPairs("pooled", pooled);
    const printed = write.mock.calls.join("");
    write.mockRestore();
    // 2 of 12 and 0 of 6 fair coins, two-sided.
    expect(printed).toMatch(/\| a +\| 2 +\| 10 +\| 0\.039 +\| 6 +\| 0 +\| 0\.031 +\|/);
  });
});
