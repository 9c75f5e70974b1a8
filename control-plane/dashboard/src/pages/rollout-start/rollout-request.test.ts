import { rolloutRequestSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { FIRST_ROLLOUT, toRolloutRequest } from "./rollout-request.js";

const key = { model: "road-sign", version: "1.0.0" };

describe("the form that starts a rollout", () => {
  it("goes at first to all devices, each by its own plan, without limits", () => {
    const request = rolloutRequestSchema.parse(toRolloutRequest(FIRST_ROLLOUT, key));
    expect(request).toEqual(rolloutRequestSchema.parse({ name: "road-sign 1.0.0", ...key, devices: "all" }));
  });

  it("carries the devices, the variant and the limits that were chosen", () => {
    const request = toRolloutRequest(
      {
        ...FIRST_ROLLOUT,
        name: "pilot ",
        whom: "devices",
        deviceIds: new Set(["edge-1", "edge-2"]),
        variant: "fp32",
        maximumP95Ms: "12.5",
        minimumAccuracyPercent: "98.7",
        maximumMemoryMib: "200",
        maximumPowerWatts: "7.5",
        deadlineMinutes: "2",
        tune: "never",
      },
      key,
    );
    expect(rolloutRequestSchema.parse(request)).toMatchObject({
      name: "pilot",
      devices: ["edge-1", "edge-2"],
      deadlineSeconds: 120,
      tailoring: {
        variant: "fp32",
        tune: "never",
        policy: {
          maximumP95Ms: 12.5,
          minimumAccuracy: 0.987,
          maximumMemoryBytes: 200 * 2 ** 20,
          maximumPowerMilliwatts: 7500,
        },
      },
    });
  });
});
