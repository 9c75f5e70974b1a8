import { tuningRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { FIRST_TUNING, toTuningRequest } from "./tuning-request.js";

describe("the form that has a device measure", () => {
  it("asks at first for what the server itself would take", () => {
    const request = toTuningRequest(FIRST_TUNING, undefined);
    expect(tuningRequestSchema.parse(request)).toEqual(tuningRequestSchema.parse({}));
  });

  it("asks for the time, share and version that were chosen, within bounds", () => {
    const request = toTuningRequest(
      { budgetMinutes: "0.5", cpuPercent: "20", apply: false },
      { model: "road-sign", version: "1.0.0" },
    );
    expect(tuningRequestSchema.parse(request)).toMatchObject({
      model: "road-sign",
      version: "1.0.0",
      budgetSeconds: 30,
      maximumCpuShare: 0.2,
      apply: false,
    });
  });
});
