import { createHash, type KeyObject, sign } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import { familyPaths, type TrustPublicKey } from "@sartor/shared/protocol";
import { Key, Metadata, Root, Signature, Targets } from "@tufjs/models";

/** Version of the TUF specification that metadata follows. */
const SPEC_VERSION = "1.0.31";
const DAY_MS = 86_400_000;
export const ROOT_LIFE_MS = 365 * DAY_MS;
export const TARGETS_LIFE_MS = 90 * DAY_MS;
/** Bytes before the key in an ed25519 SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX_BYTES = 12;
/** Names that TUF keeps for itself. */
const RESERVED = new Set(["root", "targets", "snapshot", "timestamp"]);

/** TUF's id of an ed25519 key: SHA-256 of the key in canonical JSON, hex (TUF 1.0, section 4.2). */
export function keyIdOf(publicHex: string): string {
  const canonical = `{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519"}`;
  return createHash("sha256").update(canonical).digest("hex");
}

/** The 32 bytes of a public ed25519 key, hex. */
export function publicHexOf(publicKey: KeyObject): string {
  return publicKey.export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX_BYTES).toString("hex");
}

/** Who may sign, and how many have to. */
export interface RolePlan {
  readonly threshold: number;
  readonly keys: readonly TrustPublicKey[];
}

/** What a root says. */
export interface RootPlan {
  readonly root: RolePlan;
  readonly targets: RolePlan;
  readonly snapshot: RolePlan;
  readonly timestamp: RolePlan;
}

/** What the top-level targets of the image repository say: who may sign which model family. */
export type FamiliesPlan = ReadonlyMap<string, RolePlan>;

const ROLES = ["root", "targets", "snapshot", "timestamp"] as const;

export function buildRoot(plan: RootPlan, version: number, now: number): Metadata<Root> {
  const keys = ROLES.flatMap((role) => plan[role].keys);
  const json = {
    _type: "root",
    spec_version: SPEC_VERSION,
    version,
    expires: expiresAfter(now, ROOT_LIFE_MS),
    consistent_snapshot: true,
    keys: Object.fromEntries(keys.map((key) => [key.keyId, tufKey(key)])),
    roles: Object.fromEntries(ROLES.map((role) => [role, roleJson(plan[role])])),
  };
  return new Metadata(Root.fromJSON(json));
}

export function readRoot(root: Metadata<Root>): RootPlan {
  const { keys, roles } = root.signed;
  const read = (name: (typeof ROLES)[number]): RolePlan => {
    const role = roles[name];
    return role === undefined
      ? { threshold: 1, keys: [] }
      : { threshold: role.threshold, keys: listed(role.keyIDs, keys) };
  };
  return { root: read("root"), targets: read("targets"), snapshot: read("snapshot"), timestamp: read("timestamp") };
}

/** @throws SartorError SRT_INVALID_REQUEST when a family has a name that TUF keeps for itself */
export function buildTopTargets(families: FamiliesPlan, version: number, now: number): Metadata<Targets> {
  for (const family of families.keys()) {
    if (!RESERVED.has(family)) continue;
    throw new SartorError(
      "SRT_INVALID_REQUEST",
      `A model named ${family} cannot be signed: TUF keeps that name for itself.`,
    );
  }
  const keys = [...families.values()].flatMap((plan) => plan.keys);
  const json = {
    _type: "targets",
    spec_version: SPEC_VERSION,
    version,
    expires: expiresAfter(now, TARGETS_LIFE_MS),
    targets: {},
    delegations: {
      keys: Object.fromEntries(keys.map((key) => [key.keyId, tufKey(key)])),
      roles: [...families].map(([name, plan]) => ({
        name,
        ...roleJson(plan),
        terminating: true,
        paths: familyPaths(name),
      })),
    },
  };
  return new Metadata(Targets.fromJSON(json));
}

export function readFamilies(targets: Metadata<Targets>): FamiliesPlan {
  const { delegations } = targets.signed;
  const roles = Object.values(delegations?.roles ?? {});
  return new Map(
    roles.map((role) => [role.name, { threshold: role.threshold, keys: listed(role.keyIDs, delegations?.keys ?? {}) }]),
  );
}

/** @throws SartorError SRT_TRUST_METADATA_INVALID */
export function readMetadata(kind: "root", base64: string): Metadata<Root>;
export function readMetadata(kind: "targets", base64: string): Metadata<Targets>;
export function readMetadata(kind: "root" | "targets", base64: string): Metadata<Root> | Metadata<Targets> {
  try {
    const json = JSON.parse(Buffer.from(base64, "base64").toString("utf8")) as Parameters<typeof Metadata.fromJSON>[1];
    return Metadata.fromJSON(kind as never, json) as Metadata<Root> | Metadata<Targets>;
  } catch (cause) {
    throw new SartorError(
      "SRT_TRUST_METADATA_INVALID",
      `The metadata of ${kind} cannot be read: ${(cause as Error).message}.`,
      {
        cause,
      },
    );
  }
}

/** Metadata as it travels. */
export function toBase64(metadata: Metadata<Root> | Metadata<Targets>): string {
  return Buffer.from(JSON.stringify(metadata.toJSON()), "utf8").toString("base64");
}

/** Signs metadata and returns the signature, hex. */
export function signWith(
  metadata: Metadata<Root> | Metadata<Targets>,
  key: { readonly keyId: string; readonly privateKey: KeyObject },
): string {
  let signature = "";
  metadata.sign((bytes) => {
    signature = sign(null, bytes, key.privateKey).toString("hex");
    return new Signature({ keyID: key.keyId, sig: signature });
  });
  return signature;
}

function expiresAfter(now: number, lifeMs: number): string {
  return new Date(now + lifeMs).toISOString().replace(/\.\d+Z$/, "Z");
}

const roleJson = ({ threshold, keys }: RolePlan) => ({ keyids: keys.map(({ keyId }) => keyId), threshold });

const tufKey = ({ keyId, public: hex }: TrustPublicKey) =>
  new Key({ keyID: keyId, keyType: "ed25519", scheme: "ed25519", keyVal: { public: hex } }).toJSON();

function listed(keyIds: readonly string[], keys: Readonly<Record<string, Key>>): TrustPublicKey[] {
  return keyIds.map((keyId) => ({ keyId, public: keys[keyId]?.keyVal.public ?? "" }));
}
