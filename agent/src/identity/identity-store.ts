import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { enrolmentReplySchema } from "@sartor/shared/protocol";
import { z } from "zod";
import { Generations, syncFolder, writeFileDurably } from "../storage/index.js";
import { type CertificateFacts, checkCertificate } from "./check-certificate.js";
import { makeDeviceKey } from "./device-key.js";

const addressesSchema = enrolmentReplySchema.pick({ deviceId: true, mqttUrl: true, httpUrl: true }).extend({
  /** Made at the enrolment, stays over renewals: the same device that was enrolled again has another. Absent where a former release enrolled it. */
  enrolmentId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
});
/** Who the device is, by which enrolment, and where its control plane is. */
export type DeviceAddresses = z.infer<typeof addressesSchema>;

/** One generation of the identity, whole. */
export interface StoredIdentity extends DeviceAddresses {
  /** PEM. */
  readonly key: string;
  /** Leaf, then intermediates, PEM. */
  readonly certificate: string;
  /** The control plane's root, PEM. */
  readonly authorities: string;
}

/** A generation that was read and fits together. */
export interface ReadIdentity extends StoredIdentity {
  readonly facts: CertificateFacts;
}

/** Which generation a name stands for. */
export type GenerationName =
  /** The one in use. */
  | "current"
  /** A renewed one that was not used yet. */
  | "next";

/** Keys that have no certificate yet. */
export type PendingKey = "enrolment" | "renewal";

/**
 * The identity on the disk:
 *
 *     enrolment-key.pem, renewal-key.pem    keys that wait for their certificate
 *     generation-1/ ...                     key.pem, certificate.pem, authorities.pem, identity.json (written last)
 *     current -> generation-1
 *     next -> generation-2                  renewed, and not proved yet
 *
 * Everything is durable when a method returns; keys are readable for the agent only (0600 in a folder of 0700).
 */
export class IdentityStore {
  readonly #folder: string;
  readonly #generations: Generations;

  /** @param folder made when it is missing */
  constructor(folder: string) {
    this.#folder = folder;
    this.#generations = new Generations({ folder, prefix: "generation-" });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
  }

  /** A generation; undefined when there is none, or when it is damaged. */
  read(name: GenerationName): ReadIdentity | undefined {
    const folder = this.#path(name);
    if (!existsSync(folder)) return undefined;
    try {
      const text = (file: string) => readFileSync(join(folder, file), "utf8");
      const stored: StoredIdentity = {
        ...addressesSchema.parse(JSON.parse(text("identity.json"))),
        key: text("key.pem"),
        certificate: text("certificate.pem"),
        authorities: text("authorities.pem"),
      };
      const facts = checkCertificate(stored);
      return facts.deviceId === stored.deviceId ? { ...stored, facts } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Stores a whole generation in a folder of its own, and only then lets the name stand for it. */
  write(name: GenerationName, identity: StoredIdentity): void {
    const { key, certificate, authorities, deviceId, enrolmentId, mqttUrl, httpUrl } = identity;
    const generation = this.#generations.next();
    const folder = this.#generations.path(generation);
    mkdirSync(folder, { mode: 0o700 });
    writeFileDurably(join(folder, "key.pem"), key, 0o600);
    writeFileDurably(join(folder, "certificate.pem"), certificate, 0o600);
    writeFileDurably(join(folder, "authorities.pem"), authorities, 0o600);
    const addresses = `${JSON.stringify({ deviceId, enrolmentId, mqttUrl, httpUrl }, null, 2)}\n`;
    writeFileDurably(join(folder, "identity.json"), addresses, 0o600);
    syncFolder(this.#folder);
    this.#generations.link(name, generation);
    this.#tidy();
  }

  /** `next` becomes `current`: the new certificate was used, the former one is not needed any more. */
  promote(): void {
    const generation = this.#generations.linked("next");
    if (generation === undefined) return;
    this.#generations.link("current", generation);
    this.discardNext();
  }

  /** Forgets what was renewed. */
  discardNext(): void {
    rmSync(this.#path("next"), { force: true });
    syncFolder(this.#folder);
    this.#tidy();
  }

  /** The key that waits for its certificate; made when there is none: the same one after a kill. */
  pendingKey(kind: PendingKey): string {
    const path = this.#path(`${kind}-key.pem`);
    if (existsSync(path)) {
      const key = readFileSync(path, "utf8");
      if (/^-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----\s*$/.test(key)) return key;
    }
    const key = makeDeviceKey();
    writeFileDurably(path, key, 0o600);
    return key;
  }

  forgetPendingKey(kind: PendingKey): void {
    rmSync(this.#path(`${kind}-key.pem`), { force: true });
    syncFolder(this.#folder);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  /** Removes generations that no name stands for. */
  #tidy(): void {
    this.#generations.keep([this.#generations.linked("current"), this.#generations.linked("next")]);
  }
}
