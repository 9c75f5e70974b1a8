import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { TestRepository } from "@sartor/agent/ota/testing";
import type { ReportedState } from "@sartor/shared/protocol";
import { expect } from "vitest";
import { desiredOf, type OrdersDevice, startOrdersDevice } from "../agent-orders/orders-device.js";
import { releaseOf } from "../agent-orders/release-of.js";
import { buildTinyClassifier, bundleOf, type TinyBundle } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** How often the device looks for orders: an attack need not wait for it. */
const LOOK_MS = 200;
/** Looks after a refusal: whoever would follow at the second one has had its chance. */
const LOOKS_AFTER = 3;

/** Generation of the order, and release counter of the bundle, that hold before each attack. */
export const GENERATION = 10;
export const COUNTER = 5;

/** A bundle of the model `tiny`; other versions have other weights. */
export function tinyBundle(version: string, pixels = 8): TinyBundle {
  const seed = Number(version.replaceAll(".", ""));
  return bundleOf(buildTinyClassifier({ name: "tiny", version, width: pixels, height: pixels, seed }));
}

/** What serves before each attack, and what the attacker wants to have installed. */
export const [first, second] = [tinyBundle("1.0.0"), tinyBundle("2.0.0")];

/**
 * The real agent over real TLS, with a control plane that turns evil: it holds every key that the attack says it holds, and serves what it
 * likes. The device serves {@link first} by an order of {@link GENERATION}.
 */
export interface AttackedDevice extends OrdersDevice {
  /** Waits until the device has looked at the repositories so often again. */
  looked(times?: number): Promise<void>;
  /** Releases a bundle with all keys, as honest people do, and orders it. */
  orderHonestly(bundle: TinyBundle, generation: number, releaseCounter: number): void;
  /**
   * Tries an attack on signed metadata: it is refused with that code, nothing comes of it, and what honest people publish afterwards is
   * followed as if nothing had been.
   */
  refuses(code: string, attack: () => void): Promise<ReportedState>;
  /** That a deployment of a bundle ends, or hangs, with that code, and that the old bundle serves all the while. */
  fails(bundle: Pick<TinyBundle, "bundleId">, code: string): Promise<ReportedState>;
  /** That the device serves {@link first} and never left it. */
  servesFirst(): Promise<void>;
}

/**
 * Starts a device that serves {@link first}.
 *
 * @param others bundles that the server holds besides {@link first} and {@link second}
 * @param lookMs how often it looks for orders without being told
 */
export async function startAttackedDevice(
  others: readonly TinyBundle[] = [],
  lookMs: number = LOOK_MS,
  more: Parameters<typeof startOrdersDevice>[2] = {},
): Promise<AttackedDevice> {
  const device = await startOrdersDevice([first, second, ...others], lookMs, more);
  const { trust } = device;
  const orderHonestly = (bundle: TinyBundle, generation: number, releaseCounter: number) => {
    trust.setTime(Date.now());
    trust.release(releaseOf(bundle), releaseCounter);
    trust.order(desiredOf(generation, bundle));
  };
  orderHonestly(first, GENERATION, COUNTER);
  await device.start();
  await device.serving(first);

  const asked = () => device.server.sentTrust.filter((path) => path.endsWith("/timestamp.json")).length;
  const looked = async (times = LOOKS_AFTER) => {
    const before = asked();
    await waitFor("the device to look again", () => asked() >= before + times);
  };
  const servesFirst = async () => {
    expect(device.reported()?.serving).toMatchObject({ state: "ready", bundleId: first.bundleId, restarts: 0 });
    expect(device.reported()?.slots.active).toMatchObject({ bundleId: first.bundleId });
    expect(await device.answering()).toBe("tiny 1.0.0");
  };
  return Object.assign(device, {
    looked,
    orderHonestly,
    servesFirst,
    async refuses(code: string, attack: () => void) {
      const recoveries = [trust.director, trust.image].map(rememberHonest);
      attack();
      await device.refused(code);
      await looked();
      const refused = await device.refused(code);
      expect(refused).toMatchObject({
        generation: GENERATION,
        deployment: { status: "succeeded", bundleId: first.bundleId },
      });
      expect(refused.slots.inactive).toBeNull();
      await servesFirst();
      device.server.intercept = () => false;
      for (const recover of recoveries) recover();
      await waitFor("the device to follow honest people again", () => device.reported()?.ordersRefusal === null);
      await servesFirst();
      return refused;
    },
    async fails({ bundleId }: Pick<TinyBundle, "bundleId">, code: string) {
      const failed = await waitFor(`the deployment to meet ${code}`, () => {
        const now = device.reported();
        return now?.deployment?.bundleId === bundleId && now.deployment.error?.code === code && now;
      });
      expect(failed.slots.inactive).toBeNull();
      await servesFirst();
      return failed;
    },
  });
}

/** Remembers what honest people publish; the returned function publishes it again, in versions above all that were seen. */
function rememberHonest(repository: TestRepository): () => void {
  const { delegations } = repository;
  const targets = { ...repository.targets };
  const lives = { ...repository.lifeMs };
  const versions = { ...repository.versions };
  const files = new Map(repository.files);
  const keys = Object.entries(repository.roles).map(
    ([role, { keys, threshold }]) => [role, { keys, threshold }] as const,
  );
  return () => {
    for (const role of Object.keys(versions)) {
      repository.versions[role] =
        role === "root" ? (versions[role] ?? 1) : Math.max(versions[role] ?? 0, repository.versions[role] ?? 0);
    }
    repository.files.clear();
    for (const [path, bytes] of files) repository.files.set(path, bytes);
    Object.assign(repository, { targets, delegations, now: Date.now() });
    Object.assign(repository.lifeMs, lives);
    Object.assign(repository.roles, Object.fromEntries(keys));
    repository.publish();
  };
}

/** What a folder holds: every file's path and content, and where links lead; empty for a folder that is not there. */
export function contentOf(folder: string): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return new Map(
    names.sort().map((name) => {
      const path = join(folder, name);
      const found = lstatSync(path);
      if (found.isSymbolicLink()) return [name, `-> ${readlinkSync(path)}`];
      return [name, found.isDirectory() ? "a folder" : readFileSync(path, "base64")];
    }),
  );
}
