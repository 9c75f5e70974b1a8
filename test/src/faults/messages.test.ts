import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { AttackedDevice } from "../attacks/attacked-device.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { runBrokerFaults, runNudgeFaults, runReportFaults, startMessagesDevice } from "./messages.js";

const drawSeed = () => Math.floor(Math.random() * 2 ** 31);

describe("messages that come twice, late, in any order, or never", () => {
  let device: AttackedDevice | undefined;
  afterEach(() => device?.stop());

  it("hints: each order is followed, and nothing else", async () => {
    device = await startMessagesDevice();
    const seed = drawSeed();
    const { violations } = await runNudgeFaults(device, { seed, injections: 400 });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  });

  it("a broker that is killed while orders come: none is lost", async () => {
    device = await startMessagesDevice();
    const seed = drawSeed();
    const { violations } = await runBrokerFaults(device, { seed, injections: 3 });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  });
});

describe("reports that come twice, late and in any order", () => {
  let controlPlane: RunningControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane();
    await register(controlPlane, buildTinyClassifier({ goldenVectors: 2 }));
  });
  afterAll(() => controlPlane?.stop());

  it("the newest counts, and what ended has ended once", async () => {
    const seed = drawSeed();
    const { violations } = await runReportFaults(controlPlane, { seed, injections: 300 });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
  });
});
