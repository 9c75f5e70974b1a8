import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, startFleet } from "../support/fleet.js";
import { waitFor } from "../support/wait-for.js";

/** Length of each outage, s; the minute is run with SARTOR_TEST_OUTAGE_S=60. */
const OUTAGE_SECONDS = Number(process.env.SARTOR_TEST_OUTAGE_S ?? 3);

describe("when the broker is away", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
    await waitFor("the first telemetry", async () => (await fleet.telemetry()).points.length > 0);
  }, 120_000);
  afterAll(() => fleet?.stop());

  /** Telemetry goes on after `since`, and no window of the stream is missing. */
  async function expectNothingLost(windowsBefore: number): Promise<void> {
    const after = await waitFor(
      "the telemetry to catch up",
      async () => {
        const reply = await fleet.telemetry();
        return reply.windows.received >= windowsBefore + OUTAGE_SECONDS && reply.windows.missing === 0 && reply;
      },
      60_000,
    );
    expect(after.windows).toMatchObject({ missing: 0, dropped: 0 });
  }

  it("because the line is cut, no telemetry window is lost", async () => {
    const { windows } = await fleet.telemetry();
    fleet.mqttLine.cut();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_SECONDS * 1000));
    fleet.mqttLine.heal();
    await expectNothingLost(windows.received);
  }, 240_000);

  it("because the control plane was killed, no telemetry window is lost and the device comes back by itself", async () => {
    // An agent that just lost its line waits longer and longer before it tries again: this outage is the first one for its agent.
    await fleet.agent.stop();
    const former = (await fleet.telemetry()).windows.received;
    await fleet.restartAgent();
    await waitFor("telemetry of this agent", async () => (await fleet.telemetry()).windows.received > former + 1);
    const { windows } = await fleet.telemetry();
    await fleet.controlPlane.kill();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_SECONDS * 1000));
    await fleet.controlPlane.restart();
    await expectNothingLost(windows.received);
    await waitFor("the device to be online", async () => (await fleet.device()).presence.status === "online", 60_000);
  }, 240_000);
});
