import type { VariantBuildView } from "@sartor/shared/protocol";
import { expect, it } from "vitest";
import { startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { ended, order, viewOf } from "./building.js";
import { classifier, prepare } from "./samples.js";

it("builds of one version run one after the other, those of several versions at once", async () => {
  const controlPlane = await startControlPlane({ env: { SARTOR_BUILDS_AT_ONCE: "2" } });
  try {
    await prepare(controlPlane);
    expect((await register(controlPlane, classifier({ seed: 2, version: "1.1.0" }))).status).toBe(201);
    const other = "/api/v1/models/tiny/versions/1.1.0";
    const byItself = (await rest<{ items: VariantBuildView[] }>(controlPlane, "GET", `${other}/builds`)).body.items[0];
    const request = { variants: ["int8-u8s8" as const] };
    const first = (await order(controlPlane, request)).body.buildId;
    const second = (await order(controlPlane, { ...request, equalise: false })).body.buildId;
    const ends = await ended(controlPlane, second);
    const before = await viewOf(controlPlane, first);
    expect([before.status, ends.status]).toEqual(["succeeded", "succeeded"]);
    expect(ends.startedAt).toBeGreaterThanOrEqual(before.finishedAt ?? Number.POSITIVE_INFINITY);
    const beside = await ended(controlPlane, byItself?.buildId ?? "");
    expect(before.startedAt).toBeLessThan(beside.finishedAt ?? 0);
  } finally {
    await controlPlane.stop();
  }
});
