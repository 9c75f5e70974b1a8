import { TestRepository } from "@sartor/agent/ota/testing";
import { bundleTargetPath, ORDER_TARGET } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { desiredOf } from "../agent-orders/orders-device.js";
import { releaseOf } from "../agent-orders/release-of.js";
import { DEVICE_ID } from "../support/test-credentials.js";
import { type AttackedDevice, COUNTER, first, GENERATION, second, startAttackedDevice } from "./attacked-device.js";

const NEXT = GENERATION + 1;
/** Keys that nobody gave any right. */
const foreign = new TestRepository().roles;
const foreignKeys = () => foreign.root?.keys ?? [];

let device: AttackedDevice;
beforeAll(async () => {
  device = await startAttackedDevice();
});
afterAll(() => device?.stop());

/** The keys of a role. */
const keysOf = (repository: TestRepository, role: string) => repository.roles[role]?.keys ?? [];
/** From now on others sign a role. */
function signAs(repository: TestRepository, role: string, signers: ReturnType<typeof foreignKeys>): void {
  Object.assign(repository.roles[role] ?? {}, { signers });
}
const orderSecond = (changes?: Parameters<AttackedDevice["trust"]["order"]>[1]) =>
  device.trust.order(desiredOf(NEXT, second), changes);
const releaseSecond = (changes?: Parameters<AttackedDevice["trust"]["release"]>[2]) =>
  device.trust.release(releaseOf(second), COUNTER + 1, changes);
const offerSecond = () => device.trust.offer(releaseOf(second), COUNTER + 1);
/** Whoever is on the line serves one file in another's place. */
const serveInPlaceOf = (repository: TestRepository, path: string, bytes: Buffer | undefined) =>
  repository.files.set(path, bytes ?? Buffer.alloc(0));

describe("arbitrary installation: who holds the line, but no key, has nothing installed", () => {
  it.each<[string, () => ReturnType<typeof foreignKeys>]>([
    ["by foreign keys", () => foreignKeys().slice(0, 1)],
    ["by nobody", () => []],
    [
      "by a foreign key under the real one's name",
      () => {
        const [real] = keysOf(device.trust.image, "targets");
        return foreignKeys()
          .slice(0, 1)
          .map((key) => ({ ...key, id: real?.id ?? "" }));
      },
    ],
  ])("when the release is signed %s", async (_title, signers) => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      signAs(device.trust.image, "targets", signers());
      releaseSecond();
      orderSecond();
    });
  });

  it("when the order is signed by foreign keys", async () => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      for (const role of ["targets", "snapshot", "timestamp"]) signAs(device.trust.director, role, foreignKeys());
      releaseSecond();
      orderSecond();
    });
  });

  it("when a root of its own takes the place of the real one", async () => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      const { image } = device.trust;
      Object.assign(image.roles, { root: { keys: foreignKeys(), threshold: 2 }, targets: foreign.targets });
      image.publishRoot();
      releaseSecond();
      orderSecond();
    });
  });

  it("when one of the two root keys that are needed was stolen", async () => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      const { image } = device.trust;
      const [stolen] = keysOf(image, "root");
      Object.assign(image.roles, { targets: foreign.targets });
      signAs(
        image,
        "root",
        [stolen, ...foreignKeys()].filter((key) => key !== undefined),
      );
      image.publishRoot();
      releaseSecond();
      orderSecond();
    });
  });

  it("when that one signs twice", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { image } = device.trust;
      const [stolen] = keysOf(image, "root");
      Object.assign(image.roles, { targets: foreign.targets });
      signAs(
        image,
        "root",
        [stolen, stolen].filter((key) => key !== undefined),
      );
      image.publishRoot();
      releaseSecond();
      orderSecond();
    });
  });
});

describe("rollback: what is older than what was accepted is refused", () => {
  it.each(["director", "image"] as const)("when the %s's former metadata is served again", async (which) => {
    const repository = device.trust[which];
    const former = new Map(repository.files);
    repository.publish();
    await device.looked(4);
    await device.refuses("SRT_TRUST_ROLLBACK", () => {
      repository.files.clear();
      for (const [path, bytes] of former) repository.files.set(path, bytes);
    });
  });

  it("when stolen online keys sign former targets into a new snapshot", async () => {
    const { image } = device.trust;
    const former = image.describe("targets");
    image.publish();
    await device.looked(4);
    await device.refuses("SRT_TRUST_ROLLBACK", () => image.publishSnapshot({ "targets.json": former }));
  });

  it("when an older release is ordered than the one that was installed", async () => {
    await device.refuses("SRT_TRUST_ROLLBACK", () => {
      device.trust.release(releaseOf(second), COUNTER - 1);
      orderSecond();
    });
  });

  it("when an order that was overtaken is signed again", async () => {
    await device.refuses("SRT_TRUST_ROLLBACK", () => {
      releaseSecond();
      device.trust.order(desiredOf(GENERATION - 1, second));
    });
  });
});

describe("freeze: metadata that nobody renews is believed until its end, and no longer", () => {
  it.each([
    ["director", "timestamp"],
    ["director", "snapshot"],
    ["director", "targets"],
    ["image", "timestamp"],
    ["image", "snapshot"],
    ["image", "targets"],
  ] as const)("the %s's %s, served for ever", async (which, role) => {
    const repository = device.trust[which];
    repository.now = Date.now();
    repository.lifeMs[role] = 2_000;
    repository.publish();
    await device.looked(2);
    // What is true meanwhile is held back by whoever is on the line: the device sees the same files again and again.
    const { message } = (await device.refuses("SRT_TRUST_EXPIRED", () => undefined)).ordersRefusal ?? {};
    expect(message).toContain(which);
    repository.lifeMs[role] = 86_400_000;
    repository.publish();
    await device.looked(2);
    await device.servesFirst();
  });
});

describe("mix and match: files of different moments do not go together", () => {
  it("former targets under the name that the new snapshot gives", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { image } = device.trust;
      const former = image.files.get(`metadata/${image.versions.targets}.targets.json`);
      releaseSecond();
      serveInPlaceOf(image, `metadata/${image.versions.targets}.targets.json`, former);
      orderSecond();
    });
  });

  it("a former snapshot under the name that the new timestamp gives", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      const { image } = device.trust;
      const former = image.files.get(`metadata/${image.versions.snapshot}.snapshot.json`);
      releaseSecond();
      serveInPlaceOf(image, `metadata/${image.versions.snapshot}.snapshot.json`, former);
      orderSecond();
    });
  });

  it("a former order under the name that the director's targets give", async () => {
    const { director } = device.trust;
    const before = new Map(director.files);
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      releaseSecond();
      orderSecond();
      const nameOf = (files: Map<string, Buffer>) => [...files.keys()].filter((path) => path.endsWith(ORDER_TARGET));
      const former = before.get(nameOf(before).at(-1) ?? "");
      for (const path of nameOf(director.files)) serveInPlaceOf(director, path, former);
    });
  });

  it("the director of today with the image repository of before the release", async () => {
    await device.refuses("SRT_TRUST_UNSIGNED", () => {
      offerSecond();
      orderSecond();
    });
  });

  it("the image repository of today, where the bundle was released again, with the director of before", async () => {
    await device.refuses("SRT_TRUST_MISMATCH", () => device.trust.release(releaseOf(first), COUNTER + 7));
  });
});

describe("cross-device replay: another device's orders are refused", () => {
  it("an order that the director signed for another device", async () => {
    await device.refuses("SRT_TRUST_WRONG_DEVICE", () => {
      releaseSecond();
      device.trust.order(desiredOf(NEXT, second, "another-device"));
    });
  });

  it("an own order that names a bundle as another device was told it", async () => {
    await device.refuses("SRT_TRUST_WRONG_DEVICE", () => {
      releaseSecond();
      orderSecond({ deviceId: "another-device" });
    });
  });
});

describe("a stolen director key orders nothing but what the image repository signed for this hardware", () => {
  it("a bundle that was never released", async () => {
    await device.refuses("SRT_TRUST_UNSIGNED", () => {
      offerSecond();
      orderSecond();
    });
  });

  it("content of its own under a path that was released", async () => {
    await device.refuses("SRT_TRUST_MISMATCH", () => {
      const { trust } = device;
      releaseSecond();
      orderSecond();
      const path = bundleTargetPath(releaseOf(second));
      const { custom } = trust.director.targets[path] as { custom: unknown };
      trust.director.addTarget(path, Buffer.from("{}"), custom);
      trust.director.publish();
    });
  });

  it("a bundle for other hardware, which it calls this device's own", async () => {
    await device.refuses("SRT_TRUST_WRONG_HARDWARE", () => {
      releaseSecond({ hardware: ["gate-camera-2"] });
      orderSecond();
    });
  });

  it("a bundle for other hardware, by its right name", async () => {
    await device.refuses("SRT_TRUST_WRONG_HARDWARE", () => {
      releaseSecond({ hardware: ["gate-camera-2"] });
      orderSecond({ hardware: "gate-camera-2" });
    });
  });

  it("an old release under a higher counter of its own", async () => {
    await device.refuses("SRT_TRUST_MISMATCH", () => {
      device.trust.release(releaseOf(second), COUNTER - 1);
      orderSecond({ releaseCounter: COUNTER + 9 });
    });
  });

  it("by keys that it delegates to", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => {
      releaseSecond();
      const { director } = device.trust;
      const [key] = foreignKeys();
      director.delegations = {
        keys: { [key?.id ?? ""]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: key?.publicHex } } },
        roles: [{ name: "evil", keyids: [key?.id], threshold: 1, terminating: true, paths: ["*/*/*"] }],
      };
      orderSecond();
    });
  });
});

describe("stolen online keys of the image repository add no bundle", () => {
  it("targets that they sign themselves", async () => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      const { image } = device.trust;
      signAs(image, "targets", [...keysOf(image, "snapshot"), ...keysOf(image, "timestamp")]);
      releaseSecond();
      orderSecond();
    });
  });

  it("a snapshot that knows of no targets at all", async () => {
    await device.refuses("SRT_TRUST_METADATA_INVALID", () => device.trust.image.publishSnapshot({}));
  });

  it("nor does one of them in the other's place", async () => {
    await device.refuses("SRT_TRUST_SIGNATURE", () => {
      signAs(device.trust.image, "snapshot", keysOf(device.trust.image, "timestamp"));
      device.trust.image.publishSnapshot();
    });
  });
});

describe("a stolen release key", () => {
  it("installs nothing without the director, who names the device", async () => {
    releaseSecond();
    await device.looked(6);
    expect(device.reported()).toMatchObject({ generation: GENERATION, deployment: { bundleId: first.bundleId } });
    await device.servesFirst();
  });
});

describe("after all of that", () => {
  it("the device follows its next honest order", async () => {
    device.orderHonestly(second, NEXT, COUNTER + 10);
    expect(await device.serving(second)).toMatchObject({ generation: NEXT, deviceId: DEVICE_ID, ordersRefusal: null });
    expect(await device.answering()).toBe("tiny 2.0.0");
  });
});
