import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { Clock } from "../../platform/index.js";
import type { MetadataTransport } from "./bounded-download.js";

/** For tests: an ed25519 key and its TUF key id. */
export interface TestKey {
  readonly id: string;
  readonly publicHex: string;
  readonly secret: KeyObject;
}

export function testKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const publicHex = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
  return { id: sha256(canonical(keyJson(publicHex))), publicHex, secret: privateKey };
}

const keyJson = (publicHex: string) => ({ keytype: "ed25519", scheme: "ed25519", keyval: { public: publicHex } });
const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");

/** Canonical JSON of what the tests sign: sorted keys, no white space. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`)
    .join(",")}}`;
}

export const NOW = Date.UTC(2026, 5, 1);
export const DAY = 86_400_000;
const date = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, "Z");

interface RoleKeys {
  keys: TestKey[];
  threshold: number;
  /** Who signs; the role's keys unless an attack says otherwise. */
  signers?: TestKey[];
}

/** For tests: a TUF repository in memory whose every byte an attacker may change. It signs by itself, so that no library checks its own work. */
export class TestRepository {
  readonly files = new Map<string, Buffer>();
  readonly roles: Record<string, RoleKeys> = {
    root: { keys: [testKey(), testKey(), testKey()], threshold: 2 },
    timestamp: { keys: [testKey()], threshold: 1 },
    snapshot: { keys: [testKey()], threshold: 1 },
    targets: { keys: [testKey()], threshold: 1 },
  };
  readonly versions: Record<string, number> = { root: 0, timestamp: 0, snapshot: 0, targets: 0 };
  readonly lifeMs: Record<string, number> = { root: 365 * DAY, timestamp: DAY, snapshot: 7 * DAY, targets: 90 * DAY };
  targets: Record<string, unknown> = {};
  delegations: unknown;
  /** When it signs. */
  now: number;
  requests: string[] = [];

  constructor(now = NOW) {
    this.now = now;
    this.publishRoot();
    this.publish();
  }

  get factoryRoot(): Buffer {
    const root = this.files.get("metadata/1.root.json");
    if (root === undefined) throw new Error("no root");
    return root;
  }

  addTarget(path: string, bytes: Buffer, custom: unknown): void {
    const hash = sha256(bytes);
    this.targets[path] = { length: bytes.byteLength, hashes: { sha256: hash }, custom };
    const slash = path.lastIndexOf("/") + 1;
    this.files.set(`targets/${path.slice(0, slash)}${hash}.${path.slice(slash)}`, bytes);
  }

  publishRoot(): void {
    const all = Object.values(this.roles).flatMap(({ keys }) => keys);
    const file = this.sign("root", {
      consistent_snapshot: true,
      keys: Object.fromEntries(all.map((key) => [key.id, keyJson(key.publicHex)])),
      roles: Object.fromEntries(
        Object.entries(this.roles).map(([name, { keys, threshold }]) => [
          name,
          { keyids: keys.map(({ id }) => id), threshold },
        ]),
      ),
    });
    this.files.set(`metadata/${this.versions.root}.root.json`, file);
  }

  /** Publishes new targets, snapshot and timestamp. */
  publish(): void {
    const targets = this.sign("targets", { targets: this.targets, delegations: this.delegations });
    this.files.set(`metadata/${this.versions.targets}.targets.json`, targets);
    this.publishSnapshot();
  }

  /** Delegates a model to a key of its own, and publishes what it signs. */
  publishFamily(name: string, path: string): void {
    const [key] = this.roles[name]?.keys ?? [testKey()];
    if (key === undefined) throw new Error("no key");
    this.roles[name] = { keys: [key], threshold: 1 };
    this.delegations = {
      keys: { [key.id]: keyJson(key.publicHex) },
      roles: [{ name, keyids: [key.id], threshold: 1, terminating: true, paths: [`${name}/*/*`] }],
    };
    const targets = { [path]: { length: 1, hashes: { sha256: sha256(Buffer.from([0])) }, custom: {} } };
    const family = this.sign(name, { _type: "targets", targets });
    this.files.set(`metadata/${this.versions[name]}.${name}.json`, family);
    this.files.set(
      `metadata/${(this.versions.targets ?? 0) + 1}.targets.json`,
      this.sign("targets", { targets: this.targets, delegations: this.delegations }),
    );
    this.publishSnapshot({ "targets.json": this.describe("targets"), [`${name}.json`]: this.describe(name) });
  }

  publishSnapshot(meta: Record<string, unknown> = { "targets.json": this.describe("targets") }): void {
    const snapshot = this.sign("snapshot", { meta });
    this.files.set(`metadata/${this.versions.snapshot}.snapshot.json`, snapshot);
    this.publishTimestamp();
  }

  publishTimestamp(meta: Record<string, unknown> = this.describe("snapshot")): void {
    this.files.set("metadata/timestamp.json", this.sign("timestamp", { meta: { "snapshot.json": meta } }));
  }

  /** Version, length and hash of a role's newest file. */
  describe(role: string): Record<string, unknown> {
    const bytes = this.files.get(`metadata/${this.versions[role]}.${role}.json`) ?? Buffer.alloc(0);
    return { version: this.versions[role], length: bytes.byteLength, hashes: { sha256: sha256(bytes) } };
  }

  sign(role: string, body: object): Buffer {
    const version = (this.versions[role] ?? 0) + 1;
    this.versions[role] = version;
    const signed = {
      _type: role,
      spec_version: "1.0.31",
      version,
      expires: date(this.now + (this.lifeMs[role] ?? DAY)),
      ...body,
    };
    const { keys = [], signers = keys } = this.roles[role] ?? {};
    const signatures = signers.map(({ id, secret }) => ({
      keyid: id,
      sig: sign(null, Buffer.from(canonical(signed)), secret).toString("hex"),
    }));
    return Buffer.from(JSON.stringify({ signatures, signed: JSON.parse(canonical(signed)) }));
  }

  /** Serves the files under any host, path after path. */
  readonly transport: MetadataTransport = async (url) => {
    const path = decodeURIComponent(url.pathname.slice(1));
    this.requests.push(path);
    const bytes = this.files.get(path);
    return bytes === undefined ? { status: 404, body: pieces([]) } : { status: 200, body: pieces([bytes]) };
  };
}

export async function* pieces(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* list;
}

/** A clock that the test sets; nothing that sleeps wakes up. */
export function testClock(now = NOW): Clock & { time: number; passed: number } {
  return {
    time: now,
    passed: 0,
    now() {
      return this.time;
    },
    monotonic() {
      return this.passed;
    },
    sleep: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  };
}
