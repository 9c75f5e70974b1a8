import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { Logger } from "@nestjs/common";
import type { Digest, VariantKind } from "@sartor/shared/protocol";
import { familyPaths } from "@sartor/shared/protocol";
import { Metadata, Root, Targets } from "@tufjs/models";
import type { BundlesService } from "../../bundles/index.js";
import { type Ids, loadSettings, SystemIds } from "../../config/index.js";
import { Database } from "../../database/index.js";
import { EventBus } from "../../events/index.js";
import type { ModelsService } from "../../models/index.js";
import { SetClock } from "../../testing/set-clock.js";
import { DirectorRepository } from "../director.repository.js";
import { DirectorService } from "../director.service.js";
import { keyIdOf, publicHexOf, type SigningKey, signMetadata, tufKey } from "../ed25519.js";
import { FamilyRequests } from "../family-requests.service.js";
import { ImageRepository } from "../image-repository.service.js";
import { KeyStore, type OnlineKeyName } from "../key-store.js";
import { expiresAfter, parseMetadata, SPEC_VERSION, serializeMetadata, sha256Hex } from "../metadata.js";
import { SigningRequests } from "../signing-requests.service.js";
import { TrustRepository } from "../trust.repository.js";

export const DAY = 86_400_000;

export function newKey(): SigningKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const hex = publicHexOf(createPublicKey(privateKey));
  return { keyId: keyIdOf(hex), public: hex, privateKey };
}

class MemoryKeys extends KeyStore {
  readonly #keys = new Map<OnlineKeyName, SigningKey>();
  override get(name: OnlineKeyName): SigningKey {
    const key = this.#keys.get(name) ?? newKey();
    this.#keys.set(name, key);
    return key;
  }
  /** Forgets a key; another one takes its place. */
  lose(name: OnlineKeyName): void {
    this.#keys.delete(name);
  }
}

/** Keys that people hold. */
export const people = {
  imageRoot: [newKey(), newKey(), newKey()],
  imageTargets: [newKey(), newKey(), newKey()],
  directorRoot: [newKey(), newKey(), newKey()],
  release: newKey(),
};

type Role = { readonly keys: readonly SigningKey[]; readonly threshold: number };

export function rootOf(roles: Record<string, Role>, version: number, now: number): Metadata<Root> {
  const keys = Object.values(roles).flatMap((role) => role.keys);
  return new Metadata(
    Root.fromJSON({
      _type: "root",
      spec_version: SPEC_VERSION,
      version,
      expires: expiresAfter(now, 365 * DAY),
      consistent_snapshot: true,
      keys: Object.fromEntries(keys.map((key) => [key.keyId, tufKey(key.public).toJSON()])),
      roles: Object.fromEntries(
        Object.entries(roles).map(([name, role]) => [
          name,
          { keyids: role.keys.map(({ keyId }) => keyId), threshold: role.threshold },
        ]),
      ),
    }),
  );
}

export function topTargetsOf(families: Record<string, SigningKey>, version: number, now: number): Metadata<Targets> {
  return new Metadata(
    Targets.fromJSON({
      _type: "targets",
      spec_version: SPEC_VERSION,
      version,
      expires: expiresAfter(now, 90 * DAY),
      targets: {},
      delegations: {
        keys: Object.fromEntries(Object.values(families).map((key) => [key.keyId, tufKey(key.public).toJSON()])),
        roles: Object.entries(families).map(([name, key]) => ({
          name,
          keyids: [key.keyId],
          threshold: 1,
          terminating: true,
          paths: familyPaths(name),
        })),
      },
    }),
  );
}

export const base64 = (metadata: Metadata<Root> | Metadata<Targets>): string =>
  Buffer.from(serializeMetadata(metadata)).toString("base64");

/** The signing module on a real database, with models and bundles that a test chooses. */
export class TrustBench {
  readonly clock = new SetClock(Date.parse("2026-06-01T12:00:00Z"));
  readonly ids: Ids = new SystemIds(this.clock);
  readonly keys = new MemoryKeys();
  readonly events = new EventBus();
  readonly offered = new Map<string, { bundleId: Digest; kind: VariantKind }[]>();
  readonly trust: TrustRepository;
  readonly directors: DirectorRepository;
  readonly image: ImageRepository;
  readonly requests: SigningRequests;
  readonly families: FamilyRequests;
  readonly director: DirectorService;

  private constructor(readonly database: Database) {
    this.trust = new TrustRepository(database);
    this.directors = new DirectorRepository(database);
    this.image = new ImageRepository(this.trust, this.keys, this.events, this.clock);
    this.requests = new SigningRequests(this.trust, this.image, this.keys, this.events, this.clock, this.ids);
    const bundles = {
      ofVersion: async (model: string, version: string) =>
        (this.offered.get(`${model} ${version}`) ?? []).map(({ bundleId }) => {
          return { bundleId, variantId: bundleId, model, version, manifestBytes: 10, totalBytes: 1_000 };
        }),
    } as unknown as BundlesService;
    const models = {
      list: async () => ({ items: [], nextCursor: null }),
      recordOf: async () => ({}),
      get: async (model: string, version: string) => ({
        variants: (this.offered.get(`${model} ${version}`) ?? []).map(({ bundleId, kind }) => {
          return { bundleId, kind, name: kind };
        }),
      }),
    } as unknown as ModelsService;
    this.families = new FamilyRequests(this.trust, this.image, bundles, models, this.events, this.clock, this.ids);
    const settings = loadSettings({ SARTOR_STATE_DIR: "/nonexistent" });
    this.director = new DirectorService(this.directors, this.image, this.keys, this.clock, settings);
  }

  /** @param url where the database is; in memory by default */
  static async open(url = "sqlite::memory:"): Promise<TrustBench> {
    // What is published is said in the log of a server; tests say it themselves.
    Logger.overrideLogger(false);
    return new TrustBench(await Database.open(url));
  }

  /** Roles of the image root as the ceremony makes them. */
  imageRoles(): Record<string, Role> {
    return {
      root: { keys: people.imageRoot, threshold: 2 },
      targets: { keys: people.imageTargets, threshold: 2 },
      snapshot: { keys: [this.keys.get("image-snapshot")], threshold: 1 },
      timestamp: { keys: [this.keys.get("image-timestamp")], threshold: 1 },
    };
  }

  async ceremony(signers = 2): Promise<void> {
    const now = this.clock.now();
    const online = { keys: [this.keys.get("director-online")], threshold: 1 };
    const imageRoot = rootOf(this.imageRoles(), 1, now);
    const directorRoot = rootOf(
      { root: { keys: people.directorRoot, threshold: 2 }, targets: online, snapshot: online, timestamp: online },
      1,
      now,
    );
    const imageTargets = topTargetsOf({ signs: people.release }, 1, now);
    for (const key of people.imageRoot.slice(0, signers)) signMetadata(imageRoot, key);
    for (const key of people.directorRoot.slice(0, signers)) signMetadata(directorRoot, key);
    for (const key of people.imageTargets.slice(0, signers)) signMetadata(imageTargets, key);
    await this.requests.ceremony({
      imageRoot: base64(imageRoot),
      imageTargets: base64(imageTargets),
      directorRoot: base64(directorRoot),
    });
    await this.settle();
  }

  /** A version with one bundle a kind appears; returns the bundles' ids. */
  async offer(version: string, kinds: readonly VariantKind[] = ["fp32"]): Promise<Digest[]> {
    const made = kinds.map((kind) => ({ bundleId: `sha256:${sha256Hex(`${version} ${kind}`)}` as Digest, kind }));
    this.offered.set(`signs ${version}`, made);
    await this.events.emitAndWait("model.changed", { model: "signs", version });
    return made.map(({ bundleId }) => bundleId);
  }

  /** Signs a request with some keys, as the command does it. */
  async sign(requestId: string, keys: readonly SigningKey[]): Promise<void> {
    for (const key of keys) {
      const { metadata, role } = await this.requests.get(requestId);
      const parsed = parseMetadata(role === "root" ? "root" : "targets", Buffer.from(metadata, "base64"));
      signMetadata(parsed, key);
      const signature = parsed.signatures[key.keyId]?.sig ?? "";
      await this.requests.addSignature(requestId, { keyId: key.keyId, signature });
    }
    await this.settle();
  }

  async openRequest(role = "signs") {
    return (await this.requests.list(false)).find((request) => request.role === role);
  }

  /** Offers a version and signs it. */
  async release(version: string, kinds?: readonly VariantKind[]): Promise<Digest[]> {
    const ids = await this.offer(version, kinds);
    const request = await this.openRequest();
    if (request !== undefined) await this.sign(request.requestId, [people.release]);
    return ids;
  }

  /** Waits for what events began. */
  async settle(): Promise<void> {
    await this.families.reconcileAll();
  }

  async close(): Promise<void> {
    await this.image.onModuleDestroy();
    await this.database.close();
  }
}
