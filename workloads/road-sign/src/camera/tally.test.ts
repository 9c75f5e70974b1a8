import { describe, expect, it } from "vitest";
import { Tally } from "./tally.js";

describe("camera's report", () => {
  it("tells the time since the last report apart from the whole run", () => {
    const tally = new Tally();
    tally.answered(true);
    tally.answered(false);
    expect(tally.report()).toBe(
      "frames 2 correct 1 accuracy 50.0 % failed 0; in all frames 2 correct 1 accuracy 50.0 % failed 0",
    );
    tally.answered(true);
    tally.answered(true);
    tally.failed();
    expect(tally.report()).toBe(
      "frames 2 correct 2 accuracy 100.0 % failed 1; in all frames 4 correct 3 accuracy 75.0 % failed 1",
    );
    expect(tally.report()).toContain("frames 0 correct 0 accuracy - failed 0;");
  });
});
