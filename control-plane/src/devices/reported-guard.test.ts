import { describe, expect, it } from "vitest";
import { acceptReport } from "./reported-guard.js";

describe("reported state", () => {
  const known = { sequence: 7, boots: ["run-2", "run-1"] };

  it.each([
    ["the first report is taken", undefined, { sequence: 0, bootId: "run-1" }, true],
    ["a newer report is taken", known, { sequence: 8, bootId: "run-2" }, true],
    ["the same report again is not news", known, { sequence: 7, bootId: "run-2" }, false],
    ["a stale report never overwrites a newer one", known, { sequence: 6, bootId: "run-2" }, false],
    ["a late report of an earlier run does not either", known, { sequence: 3, bootId: "run-1" }, false],
    ["a device that lost its state and counts anew is heard", known, { sequence: 1, bootId: "run-3" }, true],
    ["a restarted agent that counts on is heard", known, { sequence: 8, bootId: "run-3" }, true],
  ])("%s", (_title, before, report, taken) => {
    expect(acceptReport(before, report) !== undefined).toBe(taken);
  });

  it("remembers a bounded number of runs", () => {
    let position = acceptReport(undefined, { sequence: 0, bootId: "run-0" });
    for (let run = 1; run < 100; run++) position = acceptReport(position, { sequence: run, bootId: `run-${run}` });
    expect(position?.boots).toHaveLength(8);
    expect(position?.boots[0]).toBe("run-99");
  });
});
