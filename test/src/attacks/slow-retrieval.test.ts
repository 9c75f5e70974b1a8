import { join } from "node:path";
import { IdentityStore } from "@sartor/agent/identity";
import { SLOWEST_DELIVERY } from "@sartor/agent/platform";
import { afterEach, describe, expect, it } from "vitest";
import { startFaultProxy } from "../support/fault-proxy.js";
import { identityAt } from "../support/test-credentials.js";
import { waitFor } from "../support/wait-for.js";
import { type AttackedDevice, COUNTER, first, GENERATION, startAttackedDevice, tinyBundle } from "./attacked-device.js";
import { drip, type Sent } from "./evil-answers.js";

/** The watchdog's window is 60 s long; here time runs six times as fast: a window of 10 s, and 48 kbit/s for 8. */
const FASTER = 6;
const slowestDelivery = { ...SLOWEST_DELIVERY, windowMs: SLOWEST_DELIVERY.windowMs / FASTER };
/** 8 kbit/s, the slowest line that is worked with. */
const SLOW_BYTES_A_SECOND = 1_000 * FASTER;
const DEADLINE_MS = 100_000;
/** Content that takes longer than a window at that rate. */
const large = tinyBundle("3.0.0", 26);
/** So rarely does the device on the slow line look for orders by itself that it does not compete with its own download. */
const NEVER_MS = 3_600_000;
const NEXT = GENERATION + 1;

const devices: AttackedDevice[] = [];
afterEach(async () => {
  for (const device of devices.splice(0)) await device.stop();
});
async function start(lookMs?: number): Promise<AttackedDevice> {
  const device = await startAttackedDevice([large], lookMs, { slowestDelivery });
  devices.push(device);
  return device;
}

/** Sends a byte a second of what was asked for: of everything that fits. */
function dripping(device: AttackedDevice, fits: RegExp, content: (path: string) => Uint8Array): Sent {
  const sent: Sent = { bytes: 0, answers: 0 };
  device.server.intercept = (path, response, { headers }) => {
    if (!fits.test(path)) return false;
    // What came of a chunk is kept, and the rest is asked for.
    drip(response, content(path), sent, headers.range === undefined ? 200 : 206);
    return true;
  };
  return sent;
}
const anything = () => Buffer.alloc(200_000, " ");

describe("slow retrieval: what drips is given up, what is only slow is not", () => {
  it(
    "a byte a second of metadata, of an order, of a manifest and of a chunk is; a line of 8 kbit/s is not",
    async () => {
      const dripped = async (fits: RegExp, code: string) => {
        const device = await start();
        const sent = dripping(device, fits, anything);
        device.orderHonestly(large, NEXT, COUNTER + 1);
        if (code === "SRT_TRUST_UNREACHABLE") {
          const { ordersRefusal } = await waitFor(
            `${code} of ${fits}`,
            () => {
              const now = device.reported();
              return now?.ordersRefusal?.code === code && now;
            },
            DEADLINE_MS,
          );
          expect(ordersRefusal?.message).toContain("bytes came in");
        } else {
          const { deployment } = await waitFor(
            `${code} of ${fits}`,
            () => {
              const now = device.reported();
              return now?.deployment?.error?.code === code && now;
            },
            DEADLINE_MS,
          );
          expect(deployment).toMatchObject({ status: "in_progress", bundleId: large.bundleId });
          expect(deployment?.error?.message).toContain("bytes came in");
        }
        await device.servesFirst();
        expect(sent.bytes).toBeLessThan(sent.answers * 200);
        // Nothing but the drip was in the way.
        device.server.intercept = () => false;
        await device.serving(large);
      };
      const slow = async () => {
        const device = await start(NEVER_MS);
        const line = await startFaultProxy({ host: "127.0.0.1", port: Number(new URL(device.server.url).port) });
        try {
          await device.stopAgent();
          const addresses = { mqttUrl: device.broker.url, httpUrl: `https://127.0.0.1:${line.port}` };
          new IdentityStore(join(device.folder, "identity")).write("current", identityAt(addresses));
          await device.start();
          await device.serving(first);
          line.setRate(SLOW_BYTES_A_SECOND);
          device.orderHonestly(large, NEXT, COUNTER + 1);
          await device.broker.publishNudge(device.trust.deviceId, NEXT);
          const began = line.downBytes;
          const served = await waitFor(
            "the bundle over a slow line",
            () => {
              const now = device.reported();
              return now?.deployment?.status === "succeeded" && now.serving.bundleId === large.bundleId && now;
            },
            DEADLINE_MS,
          );
          expect(served.deployment?.error).toBeUndefined();
          // More than a window of the watchdog brings at that rate.
          expect(line.downBytes - began).toBeGreaterThan((slowestDelivery.windowMs / 1_000) * SLOW_BYTES_A_SECOND);
        } finally {
          await line.close();
        }
      };
      await Promise.all([
        dripped(/image\/.*\/timestamp\.json$/, "SRT_TRUST_UNREACHABLE"),
        dripped(/\.desired\.json$/, "SRT_TRUST_UNREACHABLE"),
        dripped(/^\/api\/v1\/bundles\//, "SRT_DOWNLOAD_FAILED"),
        dripped(/^\/api\/v1\/chunks\//, "SRT_DOWNLOAD_FAILED"),
        slow(),
      ]);
    },
    DEADLINE_MS + 60_000,
  );
});
