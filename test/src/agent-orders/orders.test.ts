import { TRUST_PATHS } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { DEVICE_ID } from "../support/test-credentials.js";
import { buildTinyClassifier, bundleOf, type TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { desiredOf, type OrdersDevice, startOrdersDevice } from "./orders-device.js";
import { releaseOf } from "./release-of.js";

/** So short that a test need not wait; so long that nothing comes by it. */
const SHORT_MS = 200;
const NEVER_MS = 3_600_000;
const DAY_MS = 86_400_000;

function bundle(version: string): TinyBundle {
  const seed = Number(version.replaceAll(".", ""));
  return bundleOf(buildTinyClassifier({ name: "tiny", version, width: 8, height: 8, seed }));
}
const [first, second] = [bundle("1.0.0"), bundle("2.0.0")];

let device: OrdersDevice;
afterEach(() => device?.stop());

/** A device on which the first bundle serves, by order 1. */
async function serving(periodMs = SHORT_MS): Promise<void> {
  device = await startOrdersDevice([first, second], periodMs);
  device.trust.release(releaseOf(first), 1);
  device.trust.order(desiredOf(1, first));
  await device.start();
  await device.serving(first);
}
const looks = () => device.server.sentTrust.filter((path) => path.endsWith("/timestamp.json")).length;
/** Waits for so many looks at the repositories more: what they hold now was seen by then. */
const looked = async (times = 3) => {
  const before = looks();
  await waitFor("the device to look again", () => looks() >= before + 2 * times);
};

describe("a device gets its orders", () => {
  it("from a silent broker, or without any broker at all: it looks for itself", async () => {
    await serving();
    expect(device.reported()?.generation).toBe(1);
    expect(device.reported()?.ordersRefusal).toBeNull();
    await device.broker.stop();
    device.trust.release(releaseOf(second), 2);
    device.trust.order(desiredOf(2, second));
    await waitFor("the second bundle to answer", async () => (await device.answering()) === "tiny 2.0.0");
    await device.broker.start();
    expect((await device.serving(second)).generation).toBe(2);
  });

  it("at once when it is told that there are any", async () => {
    await serving(NEVER_MS);
    device.trust.release(releaseOf(second), 2);
    device.trust.order(desiredOf(2, second));
    await device.broker.publishNudge(DEVICE_ID, 2);
    expect((await device.serving(second)).generation).toBe(2);
    // A second nudge of the same, heard with each connect, changes nothing.
    device.broker.cutLines();
    await waitFor("a second connection", () => device.broker.connects === 2);
    expect(device.reported()?.serving).toMatchObject({ state: "ready", bundleId: second.bundleId });
  });

  it("and nothing but a look by what a broker may send: false generations neither install nor drive it", async () => {
    await serving(NEVER_MS);
    const before = looks();
    for (let generation = 2; generation < 3_000; generation++) await device.broker.publishNudge(DEVICE_ID, generation);
    await waitFor("the device to look", () => looks() > before);
    // Three thousand hints within a moment, two looks at two repositories, and pauses that grow.
    expect(looks() - before).toBeLessThanOrEqual(2 * 6);
    expect(device.reported()).toMatchObject({ generation: 1, ordersRefusal: null });
    // A true one gets through.
    device.trust.release(releaseOf(second), 2);
    device.trust.order(desiredOf(4_000, second));
    await device.broker.publishNudge(DEVICE_ID, 4_000);
    await device.serving(second);
  });

  it("over few connections: what is refused on the way does not cost one", async () => {
    await serving();
    const connections = device.server.connections();
    await looked(10);
    expect(device.server.connections() - connections).toBeLessThanOrEqual(1);
  });

  it("only once its fleet has a root of trust: until then it says so, and nothing else", async () => {
    device = await startOrdersDevice([first], SHORT_MS);
    device.trust.isCeremonyHeld = false;
    await device.start();
    const waiting = await device.refused("SRT_TRUST_NO_ROOT");
    await waitFor("some more questions", () => device.server.sentTrust.length > 5);
    expect(new Set(device.server.sentTrust)).toEqual(new Set([TRUST_PATHS.roots]));
    expect(device.events()).toEqual([]);
    device.trust.isCeremonyHeld = true;
    device.trust.release(releaseOf(first));
    device.trust.order(desiredOf(1, first));
    const followed = await device.serving(first);
    expect(followed.ordersRefusal).toBeNull();
    expect(waiting.serving.state).toBe("none");
    // From then on its own roots are what it goes by.
    const asked = device.server.sentTrust.filter((path) => path === TRUST_PATHS.roots).length;
    await device.stopAgent();
    await device.start();
    await looked();
    expect(device.server.sentTrust.filter((path) => path === TRUST_PATHS.roots)).toHaveLength(asked);
  });
});

describe("a device refuses, says why, and goes on with what it has, when", () => {
  /** Has something wrong done, and looks at what becomes of it. */
  async function refuses(code: string, wrong: () => void): Promise<void> {
    await serving();
    wrong();
    const { ordersRefusal } = await device.refused(code);
    expect(ordersRefusal?.since).toBeGreaterThan(Date.now() - 3_600_000);
    await looked();
    const now = device.reported();
    expect(now).toMatchObject({ generation: 1, deployment: { status: "succeeded", bundleId: first.bundleId } });
    expect(now?.ordersRefusal).toMatchObject({ code, since: ordersRefusal?.since });
    expect(now?.serving).toMatchObject({ state: "ready", bundleId: first.bundleId, restarts: 0 });
    expect(await device.answering()).toBe("tiny 1.0.0");
    await waitFor("operators to be told", () => device.events().length > 0);
    expect(device.events()).toMatchObject([{ level: "error", code }]);
    expect(device.server.sentChunks.length).toBeGreaterThan(0);
  }
  /** Puts it right, and looks whether the device follows. */
  async function follows(right: () => void): Promise<void> {
    right();
    const now = await device.serving(second);
    expect(now.ordersRefusal).toBeNull();
    await waitFor("operators to be told", () => device.events().length === 2);
    expect(device.events().at(-1)).toMatchObject({ level: "info" });
  }

  it("a bundle is not signed yet, until it is", async () => {
    await refuses("SRT_TRUST_UNSIGNED", () => {
      device.trust.offer(releaseOf(second), 2);
      device.trust.order(desiredOf(2, second));
    });
    await follows(() => device.trust.release(releaseOf(second), 2));
  });

  it("director and image repository do not say the same", async () => {
    const order = desiredOf(2, second);
    await refuses("SRT_TRUST_MISMATCH", () => {
      device.trust.release(releaseOf(second), 2);
      device.trust.order(order, { releaseCounter: 3 });
    });
    await follows(() => device.trust.order({ ...order, generation: 3 }));
  });

  it("metadata is expired, also after a restart", async () => {
    await refuses("SRT_TRUST_EXPIRED", () => {
      device.trust.setTime(Date.now() - 2 * DAY_MS);
      device.trust.release(releaseOf(second), 2);
      device.trust.order(desiredOf(2, second));
    });
    await device.stopAgent();
    await device.start();
    const again = await device.refused("SRT_TRUST_EXPIRED");
    expect(again.generation).toBe(1);
    await device.serving(first);
    expect(await device.answering()).toBe("tiny 1.0.0");
  });

  it("another device's order is served in the place of its own", async () => {
    const foreign = desiredOf(2, second, "another-device");
    await refuses("SRT_TRUST_WRONG_DEVICE", () => {
      device.trust.release(releaseOf(second), 2);
      device.trust.order(foreign);
    });
    await follows(() => device.trust.order({ ...foreign, deviceId: DEVICE_ID, generation: 3 }));
  });

  it("a bundle is for other hardware", async () => {
    await refuses("SRT_TRUST_WRONG_HARDWARE", () => {
      device.trust.release(releaseOf(second), 2, { hardware: ["gate-camera-2"] });
      device.trust.order(desiredOf(2, second), { hardware: "gate-camera-2" });
    });
  });

  it("an older release is ordered than the one that it runs, until that is released again", async () => {
    await serving();
    device.trust.release(releaseOf(second), 5);
    device.trust.order(desiredOf(2, second));
    await device.serving(second);
    device.trust.order(desiredOf(3, first));
    const refused = await device.refused("SRT_TRUST_ROLLBACK");
    expect(refused.serving.bundleId).toBe(second.bundleId);
    // Neither a restart nor a lost database makes it forget what it ran.
    await device.stopAgent();
    await device.start();
    await looked();
    // It may have looked before its model was loaded.
    const answers = await waitFor("a model to answer", () => device.answering());
    expect(answers).toBe("tiny 2.0.0");
    device.trust.release(releaseOf(first), 6);
    device.trust.order(desiredOf(4, first));
    expect((await device.serving(first)).ordersRefusal).toBeNull();
  });

  it("yesterday's metadata is served again, signed as it is", async () => {
    await serving();
    const yesterday = [device.trust.director, device.trust.image].map((repository) => new Map(repository.files));
    device.trust.release(releaseOf(second), 2);
    device.trust.order(desiredOf(2, second));
    await device.serving(second);
    for (const [index, repository] of [device.trust.director, device.trust.image].entries()) {
      repository.files.clear();
      for (const [path, bytes] of yesterday[index] ?? []) repository.files.set(path, bytes);
    }
    const refused = await device.refused("SRT_TRUST_ROLLBACK");
    expect(refused).toMatchObject({ generation: 2, serving: { state: "ready", bundleId: second.bundleId } });
  });
});

describe("a device whose control plane is away", () => {
  it("serves what is committed at once, tells of nothing, and follows again when it is back", async () => {
    await serving();
    await device.stopAgent();
    const isHeld = device.trust.isCeremonyHeld;
    await device.broker.stop();
    // Every question is answered with nothing.
    device.trust.isCeremonyHeld = false;
    await device.start();
    await waitFor("the model to answer", async () => (await device.answering()) === "tiny 1.0.0");
    await looked();
    device.trust.isCeremonyHeld = isHeld;
    device.trust.release(releaseOf(second), 2);
    device.trust.order(desiredOf(2, second));
    await waitFor("the second bundle to answer", async () => (await device.answering()) === "tiny 2.0.0");
    await device.broker.start();
    expect((await device.serving(second)).ordersRefusal).toBeNull();
    expect(device.events().filter(({ level }) => level !== "info")).toEqual([]);
  });
});
