import { SartorError } from "@sartor/shared/errors";
import type { SigningRequestDetail } from "@sartor/shared/protocol";
import { describeRequest } from "./describe-request.js";
import type { KeyFile } from "./key-file.js";
import type { KeyRing } from "./key-ring.js";
import type { TrustApi } from "./trust-api.js";
import { readMetadata, signWith } from "./tuf.js";

export interface SignOptions {
  readonly api: TrustApi;
  readonly ring: KeyRing;
  readonly requestId: string;
  readonly files: readonly KeyFile[];
  readonly say: (line: string) => void;
  /** Asks the person once it was shown what is to be signed. */
  readonly confirm: () => Promise<boolean>;
}

/**
 * Shows what is to be signed and signs it with those of the keys that are asked for. What is signed is what was shown: both come from the
 * same parsed metadata.
 *
 * @returns the request afterwards: published once there were enough signatures
 * @throws SartorError SRT_SIGNING_REQUEST_UNKNOWN, SRT_CONFLICT when it is not open, SRT_KEY_UNKNOWN when none of the keys is asked for,
 *   SRT_KEY_LOCKED
 */
export async function signRequest({
  api,
  ring,
  requestId,
  files,
  say,
  confirm,
}: SignOptions): Promise<SigningRequestDetail> {
  const request = await api.request(requestId);
  if (request.status !== "open") {
    throw new SartorError("SRT_CONFLICT", `The signing request is ${request.status}; see: sartor keys requests.`);
  }
  for (const line of describeRequest(request)) say(line);
  const missing = missingKeys(request);
  const usable = files.filter(({ keyId }) => missing.has(keyId));
  if (usable.length === 0) {
    const asked = [...missing].map((keyId) => keyId.slice(0, 12)).join(", ");
    throw new SartorError("SRT_KEY_UNKNOWN", `None of these keys is asked for; it could be signed by ${asked}.`);
  }
  say(`To be signed with: ${usable.map(({ name, keyId }) => `${name} (${keyId.slice(0, 12)})`).join(", ")}.`);
  if (!(await confirm())) throw new SartorError("SRT_CONFLICT", "Nothing was signed.");
  let after = request;
  for (const file of usable) {
    if (after.status !== "open" || !missingKeys(after).has(file.keyId)) continue;
    const metadata =
      request.role === "root" ? readMetadata("root", request.metadata) : readMetadata("targets", request.metadata);
    const signature = signWith(metadata, await ring.open(file));
    after = await api.addSignature(requestId, { keyId: file.keyId, signature });
  }
  say(after.status === "published" ? `Published ${after.role}, version ${after.version}.` : whatIsMissing(after));
  return after;
}

/** Keys that could still sign something that is not met. */
export function missingKeys({ needs }: Pick<SigningRequestDetail, "needs">): Set<string> {
  return new Set(
    needs
      .filter(({ threshold, signedBy }) => signedBy.length < threshold)
      .flatMap(({ keyIds, signedBy }) => keyIds.filter((keyId) => !signedBy.includes(keyId))),
  );
}

const NEED_NAMES = { keys: "its keys", old_root: "the root of now", new_root: "the new root" } as const;

/** Whose signatures are missing, in words. */
export function whatIsMissing({ needs }: Pick<SigningRequestDetail, "needs">): string {
  const parts = needs
    .filter(({ threshold, signedBy }) => signedBy.length < threshold)
    .map(({ by, threshold, signedBy }) => `${threshold - signedBy.length} more of ${NEED_NAMES[by]}`);
  return `Still to sign: ${parts.join(", ")}.`;
}
