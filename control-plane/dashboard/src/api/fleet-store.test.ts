import type { DeviceSummary } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { countFleet, FleetStore } from "./fleet-store.js";

function device(deviceId: string, changes: Partial<DeviceSummary> = {}): DeviceSummary {
  return {
    deviceId,
    name: deviceId,
    group: "default",
    emulated: false,
    enrolledAt: 0,
    presence: { status: "online", since: 0 },
    lastSeenAt: 0,
    board: null,
    architecture: null,
    serving: null,
    deployment: null,
    latest: null,
    ...changes,
  };
}

async function* pagesOf(...pages: DeviceSummary[][]): AsyncGenerator<DeviceSummary[]> {
  yield* pages;
}

const shown = () => ({ code: "NETWORK", message: "unreachable" });
const idsOf = (store: FleetStore) => store.snapshot.devices.map((entry) => entry.deviceId).sort();

describe("the fleet on the page", () => {
  it("shows a device that enrolled after the list was read", async () => {
    const store = new FleetStore((callback) => callback());
    await store.load(pagesOf([device("a")], [device("b")]), shown);
    store.apply(device("c"));
    expect(idsOf(store)).toEqual(["a", "b", "c"]);
    expect(store.snapshot.complete).toBe(true);
  });

  it("keeps a live change that came while an older page was on its way", async () => {
    const store = new FleetStore((callback) => callback());
    async function* slowPages() {
      store.apply(device("a", { presence: { status: "offline", since: 5 } }));
      yield [device("a")];
    }
    await store.load(slowPages(), shown);
    expect(store.snapshot.devices[0]?.presence.status).toBe("offline");
  });

  it("forgets devices that are gone when the list is read again", async () => {
    const store = new FleetStore((callback) => callback());
    await store.load(pagesOf([device("a"), device("b")]), shown);
    await store.load(pagesOf([device("b")]), shown);
    expect(idsOf(store)).toEqual(["b"]);
  });

  it("forgets a device at once when it is removed, also while an older list is on its way", async () => {
    const store = new FleetStore((callback) => callback());
    async function* slowPages() {
      store.remove("a");
      yield [device("a"), device("b")];
    }
    await store.load(slowPages(), shown);
    expect(idsOf(store)).toEqual(["b"]);
  });

  it("keeps showing what it knows when reading again fails, and says why", async () => {
    const store = new FleetStore((callback) => callback());
    await store.load(pagesOf([device("a")]), shown);
    async function* broken(): AsyncGenerator<DeviceSummary[]> {
      yield [];
      throw new Error("gone");
    }
    await store.load(broken(), shown);
    expect(idsOf(store)).toEqual(["a"]);
    expect(store.snapshot.error?.code).toBe("NETWORK");
  });

  it("draws once for many changes", async () => {
    const pending: (() => void)[] = [];
    const store = new FleetStore((callback) => void pending.push(callback));
    let draws = 0;
    store.subscribe(() => {
      draws += 1;
    });
    for (let index = 0; index < 1000; index += 1) store.apply(device(`device-${index}`));
    for (const callback of pending) callback();
    expect(draws).toBe(1);
    expect(store.snapshot.devices).toHaveLength(1000);
  });

  it("counts a failed deployment as failing even while the old model serves", () => {
    const serving = { state: "ready", model: "road-sign", version: "1.0.0", variant: "fp32" } as const;
    const deployment = { deploymentId: "D", rolloutId: "R", status: "failed", step: "rolling_back" } as const;
    const fleet = [
      device("a", { serving }),
      device("b", { serving, deployment }),
      device("c", { presence: { status: "offline", since: 0 } }),
    ];
    expect(countFleet(fleet)).toEqual({ total: 3, online: 2, serving: 2, failing: 1 });
  });
});
