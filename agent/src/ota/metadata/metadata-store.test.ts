import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRUST_LIMITS } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { downloadBounded, type MetadataTransport } from "./bounded-download.js";
import { MetadataStore } from "./metadata-store.js";
import { DAY, NOW, pieces, TestRepository, testClock, testKey } from "./test-repository.js";
import { TrustedTime } from "./trusted-time.js";

let folder: string;
let repository: TestRepository;
let clock: ReturnType<typeof testClock>;
const { signal } = new AbortController();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sartor-metadata-"));
  repository = new TestRepository();
  clock = testClock();
  MetadataStore.provision(join(folder, "image"), repository.factoryRoot);
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(transport: MetadataTransport = repository.transport): MetadataStore {
  const time = new TrustedTime({ path: join(folder, "time.json"), buildTime: NOW - 100 * DAY, clock });
  return new MetadataStore({
    repository: "image",
    folder: join(folder, "image"),
    metadataUrl: "https://sartor.test/metadata",
    transport,
    time,
    clock,
  });
}
const refresh = (store = open()) => store.update(signal, async ({ targets, root }) => ({ targets, root }));
const refused = (code: string, role?: string) =>
  expect.objectContaining({
    code,
    message: expect.stringContaining("image repository"),
    ...(role === undefined ? {} : { details: expect.objectContaining({ role }) }),
  });
const currentVersions = (store = open()) => {
  const current = store.currentFolder() ?? "";
  return Object.fromEntries(
    readdirSync(current).map((file) => [file, JSON.parse(readFileSync(join(current, file), "utf8")).signed.version]),
  );
};

describe("a repository's metadata", () => {
  it("is fetched, verified and kept; a refresh that brings nothing new writes nothing", async () => {
    await refresh();
    expect(currentVersions()).toEqual({ "root.json": 1, "snapshot.json": 1, "targets.json": 1, "timestamp.json": 1 });
    const before = open().currentFolder();
    await refresh();
    expect(open().currentFolder()).toBe(before);
  });

  it("keeps the generation before the current one, and no more", async () => {
    for (let round = 0; round < 4; round++) {
      await refresh();
      repository.publish();
    }
    expect(readdirSync(join(folder, "image", "generations")).sort()).toEqual(["3", "4"]);
  });

  it("follows a chain of three roots whose keys all changed, as after 90 days offline", async () => {
    await refresh();
    for (let round = 0; round < 3; round++) {
      const old = repository.roles.root?.keys ?? [];
      const keys = [testKey(), testKey(), testKey()];
      repository.roles.root = { keys, threshold: 2, signers: [...old, ...keys] };
      repository.publishRoot();
    }
    repository.now = NOW + 90 * DAY;
    clock.time = NOW + 90 * DAY;
    repository.publish();
    expect((await refresh()).root.version).toBe(4);
  });

  it("says so when the device was never given a root", async () => {
    rmSync(join(folder, "image", "factory-root.json"));
    await expect(refresh()).rejects.toMatchObject({ code: "SRT_TRUST_NO_ROOT" });
  });
});

describe("damage on the device", () => {
  it.each([
    ["empty", (file: string) => truncateSync(file, 0)],
    ["truncated", (file: string) => truncateSync(file, 100)],
    ["zeroed", (file: string) => writeFileSync(file, Buffer.alloc(500))],
  ])(
    "of each %s file is outlived, and what was accepted before is still the least that is accepted",
    async (_, damage) => {
      for (const file of ["root.json", "timestamp.json", "snapshot.json", "targets.json"]) {
        repository.publish();
        await refresh();
        damage(join(open().currentFolder() ?? "", file));
        await refresh();
        const old = new Map(repository.files);
        repository.publish();
        await refresh();
        for (const [path, bytes] of old) repository.files.set(path, bytes);
        // Both generations gone: only the factory root and the floors are left.
        for (const generation of readdirSync(join(folder, "image", "generations"))) {
          damage(join(folder, "image", "generations", generation, file));
        }
        await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK"));
        repository.publishTimestamp();
        repository.publishTimestamp();
        await refresh();
      }
    },
  );

  it("of a kill between new floors and the metadata that raised them is outlived, also where a delegated role was new", async () => {
    const path = "road-sign/1.0.0/bundle.json";
    const ask = () => open().update(signal, ({ targetInfo }) => targetInfo(path));
    repository.publishFamily("road-sign", path);
    await ask();
    const before = join(folder, "before");
    const [generations, current] = ["generations", "current"].map((name) => join(folder, "image", name)) as [
      string,
      string,
    ];
    cpSync(generations, before, { recursive: true });
    const link = readlinkSync(current);
    repository.publishFamily("road-sign", path);
    await ask();
    // The floors are as they are now, the generations as they were.
    rmSync(generations, { recursive: true });
    cpSync(before, generations, { recursive: true });
    rmSync(current);
    symlinkSync(link, current);
    expect(currentVersions()["road-sign.json"]).toBe(1);
    expect(await ask()).toMatchObject({ path });
    expect(currentVersions()["road-sign.json"]).toBe(2);
    // What the snapshot names is held against the floors before it is fetched.
    repository.publishSnapshot({ "targets.json": repository.describe("targets"), "road-sign.json": { version: 1 } });
    await expect(ask()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK"));
  });

  it("of one copy of the floors changes nothing", async () => {
    const old = new Map(repository.files);
    repository.publish();
    await refresh();
    truncateSync(join(folder, "image", "floors.json"), 0);
    rmSync(join(folder, "image", "generations"), { recursive: true });
    for (const [path, bytes] of old) repository.files.set(path, bytes);
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK"));
    expect(existsSync(join(folder, "image", "generations", "1"))).toBe(false);
  });

  it("of the floors themselves is outlived: the generation that is left says what was accepted", async () => {
    const old = new Map(repository.files);
    repository.publish();
    await refresh();
    for (const copy of ["floors.json", "floors.json.copy"]) truncateSync(join(folder, "image", copy), 0);
    await refresh();
    rmSync(join(folder, "image", "generations"), { recursive: true });
    for (const [path, bytes] of old) repository.files.set(path, bytes);
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK"));
  });
});

describe("the attacks that TUF names", () => {
  it("arbitrary software: metadata that other keys signed is refused", async () => {
    await refresh();
    for (const role of ["timestamp", "snapshot", "targets"]) {
      const keys = repository.roles[role];
      if (keys !== undefined) keys.signers = [testKey()];
      repository.publish();
      await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_SIGNATURE", role));
      if (keys !== undefined) delete keys.signers;
    }
    repository.publish();
    await refresh();
  });

  it("a new root needs the threshold of the old keys and of the new ones", async () => {
    const [first] = repository.roles.root?.keys ?? [];
    if (first === undefined || repository.roles.root === undefined) throw new Error("no key");
    repository.roles.root.signers = [first];
    repository.publishRoot();
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_SIGNATURE", "root"));
  });

  it("threshold: one key that signs twice, or stands under two ids, counts once", async () => {
    const [first] = repository.roles.root?.keys ?? [];
    if (first === undefined || repository.roles.root === undefined) throw new Error("no key");
    repository.roles.root.signers = [first, first];
    repository.publishRoot();
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_METADATA_INVALID", "root"));

    repository.versions.root = 1;
    const alias = { ...first, id: "a".repeat(64) };
    repository.roles.timestamp = { keys: [first, alias], threshold: 2 };
    repository.roles.root.signers = repository.roles.root.keys;
    repository.publishRoot();
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_METADATA_INVALID", "root"));
  });

  it("rollback of the timestamp, of the snapshot and of the targets", async () => {
    repository.publish();
    const old = new Map(repository.files);
    repository.publish();
    await refresh();
    const newest = new Map(repository.files);
    for (const [path, bytes] of old) repository.files.set(path, bytes);
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK", "timestamp"));

    for (const [path, bytes] of newest) repository.files.set(path, bytes);
    repository.publishTimestamp({ version: 1 });
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK", "timestamp"));
    repository.publishSnapshot({ "targets.json": { version: 1 } });
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK", "snapshot"));
    expect(currentVersions()["targets.json"]).toBe(3);
  });

  it("a repository whose stolen key signed absurd versions recovers by rotating the keys", async () => {
    repository.versions.timestamp = 1_000_000;
    repository.publishTimestamp();
    await refresh();
    repository.roles.timestamp = { keys: [testKey()], threshold: 1 };
    repository.publishRoot();
    repository.versions.timestamp = 1;
    repository.publishTimestamp();
    await refresh();
    expect(currentVersions()["timestamp.json"]).toBe(2);
  });

  it("freeze: expired metadata is refused, and accepted again when it is signed anew", async () => {
    for (const [role, days] of Object.entries({ timestamp: 2, snapshot: 8, targets: 91 })) {
      clock.time = NOW + days * DAY;
      repository.now = clock.time;
      const life = repository.lifeMs[role] ?? 0;
      repository.lifeMs[role] = -DAY;
      repository.publish();
      await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_EXPIRED", role));
      repository.lifeMs[role] = life;
      repository.publish();
      await refresh();
    }
  });

  it("mix and match: a snapshot or targets file that is not the one that was named", async () => {
    await refresh();
    repository.publish();
    const other = repository.files.get("metadata/1.targets.json") ?? Buffer.alloc(0);
    repository.files.set("metadata/2.targets.json", other);
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_METADATA_INVALID", "targets"));
    repository.publishSnapshot({ "targets.json": { version: 2 } });
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_ROLLBACK", "targets"));
  });

  it("endless data: a body without end is cut at the limit, a signed length does not lift it", async () => {
    let sent = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        sent += 1024;
        yield Buffer.alloc(1024, 0x20);
      }
    }
    repository.publishTimestamp({ version: 1, length: Number.MAX_SAFE_INTEGER });
    for (const [file, role, limit] of [
      ["timestamp.json", "timestamp", TRUST_LIMITS.timestampBytes],
      ["1.snapshot.json", "snapshot", TRUST_LIMITS.snapshotBytes],
    ] as const) {
      sent = 0;
      const store = open(async (url, options) =>
        url.pathname.endsWith(file) ? { status: 200, body: endless() } : repository.transport(url, options),
      );
      await expect(refresh(store)).rejects.toMatchObject({
        code: "SRT_TRUST_METADATA_INVALID",
        message: expect.stringContaining(role),
      });
      expect(sent).toBeLessThanOrEqual(limit + 2_048);
    }
  });

  it("slow retrieval: a server that drips is given up, a slow honest line is not", async () => {
    const drip =
      (bytes: number): MetadataTransport =>
      async () => ({
        status: 200,
        body: (async function* () {
          for (let count = 0; count < 120; count++) {
            clock.passed += 1_000;
            yield Buffer.alloc(bytes);
          }
        })(),
      });
    const limits = { idleTimeoutMs: 30_000, minimumRate: { bytes: 3_000, windowMs: 30_000 } };
    const load = (bytes: number) =>
      downloadBounded(
        { url: new URL("https://sartor.test/x"), what: "x", maximumBytes: 1e6, signal },
        { transport: drip(bytes), limits, clock },
      );
    await expect(load(10)).rejects.toMatchObject({ code: "SRT_TRUST_UNREACHABLE" });
    expect(await load(1_000)).toHaveLength(120_000);
  });

  it("slow retrieval: a server that says nothing at all is given up after the idle timeout", async () => {
    const impatient = { ...clock, sleep: async () => undefined };
    const silent: MetadataTransport = () => new Promise(() => undefined);
    const load = downloadBounded(
      { url: new URL("https://sartor.test/x"), what: "the timestamp", maximumBytes: 10, signal },
      { transport: silent, limits: { idleTimeoutMs: 5, minimumRate: { bytes: 1, windowMs: 5 } }, clock: impatient },
    );
    await expect(load).rejects.toMatchObject({
      code: "SRT_TRUST_UNREACHABLE",
      message: expect.stringContaining("the timestamp"),
    });
  });

  it("roles that are named like another file, and more targets than a device can parse", async () => {
    const key = testKey();
    for (const name of ["root", "timestamp", "__proto__", "constructor"]) {
      repository.delegations = {
        keys: { [key.id]: { keytype: "ed25519", scheme: "ed25519", keyval: { public: key.publicHex } } },
        roles: [{ name, keyids: [key.id], threshold: 1, terminating: true, paths: ["*"] }],
      };
      repository.publish();
      await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_METADATA_INVALID", "targets"));
    }
    repository.delegations = undefined;
    for (let index = 0; index <= TRUST_LIMITS.targetsARole; index++)
      repository.addTarget(`t${index}`, Buffer.from("t"), {});
    repository.publish();
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_METADATA_INVALID", "targets"));
  });
});

describe("the network", () => {
  it("that fails is unreachable, and what is known stays", async () => {
    await refresh();
    const before = currentVersions();
    const down = open(() => Promise.reject(new Error("ECONNREFUSED")));
    await expect(refresh(down)).rejects.toMatchObject({ code: "SRT_TRUST_UNREACHABLE" });
    const broken = open(async () => ({ status: 503, body: pieces([]) }));
    await expect(refresh(broken)).rejects.toEqual(refused("SRT_TRUST_UNREACHABLE"));
    expect(currentVersions()).toEqual(before);
  });

  it("is left alone once the update is aborted", async () => {
    const abort = new AbortController();
    const store = open(async () => {
      abort.abort(new Error("stop"));
      return new Promise(() => undefined);
    });
    await expect(store.update(abort.signal, async () => 1)).rejects.toThrow("stop");
  });
});

describe("time", () => {
  it("on a device whose clock says 1970 is the last verified time", async () => {
    const path = join(folder, "time.json");
    const options = { path, buildTime: NOW - 100 * DAY, clock };
    new TrustedTime(options).raise(NOW + 3 * DAY, NOW + 30 * DAY);
    clock.time = 0;
    expect(new TrustedTime(options).now()).toBe(NOW + 3 * DAY);
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_EXPIRED", "timestamp"));
    repository.now = NOW + 3 * DAY;
    repository.publish();
    await refresh();
  });

  it("of a clock that is ten years ahead defers, leaves nothing behind, and recovers", async () => {
    await refresh();
    clock.time = NOW + 3_650 * DAY;
    await expect(refresh()).rejects.toEqual(refused("SRT_TRUST_EXPIRED"));
    clock.time = NOW;
    await refresh();
  });

  it("is never raised past the expiry of what vouched for it, and never falls", () => {
    const time = new TrustedTime({ path: join(folder, "time.json"), buildTime: 1_000, clock });
    time.raise(1e14, 5_000);
    expect(time.reference).toBe(5_000);
    time.raise(2_000, 9_000);
    expect(time.reference).toBe(5_000);
  });
});
