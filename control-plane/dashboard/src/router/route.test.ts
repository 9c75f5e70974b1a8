import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cardPath,
  devicePath,
  newRolloutPath,
  PEOPLE_PARTS,
  parseRoute,
  peoplePath,
  rolloutPath,
  VERSION_PARTS,
  versionPath,
} from "./route.js";

describe("addresses of the dashboard", () => {
  it("lead to their pages", () => {
    expect(parseRoute("/")).toEqual({ page: "fleet" });
    expect(parseRoute("/devices/")).toEqual({ page: "fleet" });
    expect(parseRoute("/rollouts")).toEqual({ page: "rollouts" });
    expect(parseRoute("/models/")).toEqual({ page: "models" });
    expect(parseRoute("/people")).toEqual({ page: "people", part: "users" });
    for (const part of PEOPLE_PARTS) expect(parseRoute(peoplePath(part))).toEqual({ page: "people", part });
    for (const page of ["trust", "audit", "account", "enrolment"]) expect(parseRoute(`/${page}`)).toEqual({ page });
  });

  it("can be sent to a colleague: every id comes back as it was", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (id) => {
        expect(parseRoute(devicePath(id))).toEqual({ page: "device", deviceId: id });
        expect(parseRoute(rolloutPath(id))).toEqual({ page: "rollout", rolloutId: id });
      }),
    );
  });

  it("lead to a version's parts and to a variant's card, and never look like a file", () => {
    for (const part of VERSION_PARTS) {
      const path = versionPath("road-sign", "1.0.0", part);
      expect(parseRoute(path)).toEqual({ page: "version", model: "road-sign", version: "1.0.0", part });
      expect(path).not.toMatch(/\.[a-z0-9]+$/i);
    }
    const card = { page: "card", model: "m", version: "1.0.0-rc.1", variant: "int8-u8s8" };
    expect(parseRoute(cardPath("m", "1.0.0-rc.1", "int8-u8s8"))).toEqual(card);
    expect(parseRoute("/new-rollout")).toEqual({ page: "new-rollout" });
    expect(newRolloutPath("m", "1.0.0")).toBe("/new-rollout?model=m&version=1.0.0");
  });

  it("that do not exist are named, not guessed", () => {
    for (const path of [
      "/nothing",
      "/devices/a/b",
      "/constructor",
      "/__proto__",
      "/people/nobody",
      "/models/x",
      "/models/x/1.0.0/nothing",
      "/models/x/1.0.0/builds/y",
      "/devices/%E0%A4%A",
    ]) {
      expect(parseRoute(path)).toEqual({ page: "unknown", path });
    }
  });
});
