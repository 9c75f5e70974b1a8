import { SartorError } from "@sartor/shared/errors";
import type { KeyFile } from "./key-file.js";
import { type KeyRing, publicOf } from "./key-ring.js";
import type { TrustApi } from "./trust-api.js";
import { buildRoot, buildTopTargets, signWith, toBase64 } from "./tuf.js";

/** Keys of a role that people hold, and how many of them have to sign. */
const HOLDERS = 3;
const THRESHOLD = 2;

export interface CeremonyOptions {
  readonly api: TrustApi;
  readonly ring: KeyRing;
  /** Model families that get a release key at once. */
  readonly families: readonly string[];
  readonly now: number;
  /** Tells the person what happens. */
  readonly say: (line: string) => void;
}

/** The key of a family that is made first; further ones count on. */
export const releaseKeyName = (family: string): string => `release-${family}-1`;
export const releaseKeyPurpose = (family: string): string => `signs releases of the model ${family}`;

/**
 * The key ceremony: makes the keys, signs version 1 of both roots and of the top-level targets, and hands them in. Private keys stay in
 * the folder. It can be cut off at any point and run again: keys that are there are used, and the control plane takes all or nothing.
 *
 * @throws SartorError SRT_KEY_LOCKED; SRT_CONFLICT when a ceremony with other keys was held
 */
export async function holdCeremony({ api, ring, families, now, say }: CeremonyOptions): Promise<void> {
  const { ready } = await api.status();
  const imageRoot = await makeKeys(ring, "image-root", "root of the image repository", say);
  const imageTargets = await makeKeys(ring, "image-targets", "names who may sign which model", say);
  const directorRoot = await makeKeys(ring, "director-root", "root of the director", say);
  const releases = new Map<string, KeyFile>();
  for (const family of families) {
    const { file, made } = await ring.ensure(releaseKeyName(family), releaseKeyPurpose(family));
    if (made) say(`Made ${file.name}: ${file.purpose}.`);
    releases.set(family, file);
  }
  if (ready) {
    const { root } = (await api.root("image")).signed.roles;
    if (imageRoot.every(({ keyId }) => root?.keyIDs.includes(keyId) === true)) {
      say("The ceremony was held with these keys already; nothing to do.");
      return;
    }
    throw new SartorError("SRT_CONFLICT", "A key ceremony was held before: change keys with sartor keys rotate.");
  }
  const online = await api.onlineKeys();
  const byPeople = (files: readonly KeyFile[]) => ({ threshold: THRESHOLD, keys: files.map(publicOf) });
  const alone = (key: { keyId: string; public: string }) => ({ threshold: 1, keys: [key] });
  const image = buildRoot(
    {
      root: byPeople(imageRoot),
      targets: byPeople(imageTargets),
      snapshot: alone(online.image.snapshot),
      timestamp: alone(online.image.timestamp),
    },
    1,
    now,
  );
  const director = buildRoot(
    {
      root: byPeople(directorRoot),
      targets: alone(online.director),
      snapshot: alone(online.director),
      timestamp: alone(online.director),
    },
    1,
    now,
  );
  const plan = new Map([...releases].map(([family, file]) => [family, { threshold: 1, keys: [publicOf(file)] }]));
  const targets = buildTopTargets(plan, 1, now);
  // As many as have to sign: the third key of each role need not be opened at all.
  for (const [metadata, files] of [
    [image, imageRoot],
    [director, directorRoot],
    [targets, imageTargets],
  ] as const) {
    for (const file of files.slice(0, THRESHOLD)) signWith(metadata, await ring.open(file));
  }
  await api.ceremony({
    imageRoot: toBase64(image),
    imageTargets: toBase64(targets),
    directorRoot: toBase64(director),
  });
  say("The control plane took both roots. Devices that enrol from now on believe what these keys sign.");
  say(`Now move the key files out of ${ring.folder}: one to each holder, each with a copy in a second place.`);
}

async function makeKeys(ring: KeyRing, stem: string, purpose: string, say: (line: string) => void): Promise<KeyFile[]> {
  const files: KeyFile[] = [];
  for (let holder = 1; holder <= HOLDERS; holder++) {
    const { file, made } = await ring.ensure(
      `${stem}-${holder}`,
      `${purpose} (${THRESHOLD} of ${HOLDERS} have to sign)`,
    );
    if (made) say(`Made ${file.name}: ${file.purpose}.`);
    files.push(file);
  }
  return files;
}
