import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devicePath, parseRoute, rolloutPath } from "./route.js";

describe("addresses of the dashboard", () => {
  it("lead to their pages", () => {
    expect(parseRoute("/")).toEqual({ page: "fleet" });
    expect(parseRoute("/devices/")).toEqual({ page: "fleet" });
    expect(parseRoute("/rollouts")).toEqual({ page: "rollouts" });
    expect(parseRoute("/models/")).toEqual({ page: "models" });
  });

  it("can be sent to a colleague: every id comes back as it was", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (id) => {
        expect(parseRoute(devicePath(id))).toEqual({ page: "device", deviceId: id });
        expect(parseRoute(rolloutPath(id))).toEqual({ page: "rollout", rolloutId: id });
      }),
    );
  });

  it("that do not exist are named, not guessed", () => {
    for (const path of ["/nothing", "/devices/a/b", "/models/x", "/devices/%E0%A4%A"]) {
      expect(parseRoute(path)).toEqual({ page: "unknown", path });
    }
  });
});
