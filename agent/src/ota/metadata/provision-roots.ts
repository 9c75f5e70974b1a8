import { SartorError } from "@sartor/shared/errors";
import {
  describeProblems,
  errorReplySchema,
  TRUST_LIMITS,
  TRUST_REPOSITORIES,
  type TrustRepository,
  trustRootsSchema,
} from "@sartor/shared/protocol";
import { TrustedMetadataStore } from "tuf-js/dist/store.js";
import { type DownloadTools, type Fetched, fetchBounded } from "./bounded-download.js";
import { MetadataStore } from "./metadata-store.js";
import { checkMetadata } from "./signed-metadata.js";
import { trustError } from "./trust-errors.js";

/** Both roots as base64 in JSON, bytes. */
const REPLY_BYTES = 2 * Math.ceil((TRUST_LIMITS.rootBytes * 4) / 3) + 1024;

export interface ProvisionOptions extends DownloadTools {
  /** Folder of each repository's metadata. */
  readonly folders: Readonly<Record<TrustRepository, string>>;
  /** Where the control plane hands out the first roots; only over a connection that shows the device's certificate and knows the server's. */
  readonly url: URL;
}

/**
 * Sees to it that the device has a root of either repository: what it was not given yet is asked for over the line that its enrolment pinned,
 * and kept. One that is there is never replaced: from then on only its own keys change a root.
 *
 * @throws SartorError SRT_TRUST_NO_ROOT while the key ceremony was not held, SRT_TRUST_UNREACHABLE, other SRT_TRUST_* for what is no root;
 * what the disk throws; the signal's reason
 */
export async function provisionRoots(options: ProvisionOptions, signal: AbortSignal): Promise<void> {
  const { folders, url } = options;
  const missing = TRUST_REPOSITORIES.filter((name) => !MetadataStore.isProvisioned(folders[name]));
  if (missing.length === 0) return;
  const what = "the first roots of trust";
  const roots = parseRoots(await fetchBounded({ url, what, maximumBytes: REPLY_BYTES, signal }, options));
  for (const name of missing) checkRoot(name, roots[name]);
  for (const name of missing) MetadataStore.provision(folders[name], roots[name]);
}

function parseRoots({ status, body }: Fetched): Record<TrustRepository, Buffer> {
  const json = parseOrNothing(body);
  if (status !== 200) throw refusal(status, json);
  const result = trustRootsSchema.safeParse(json);
  if (!result.success) {
    const problems = describeProblems(result.error).join("; ");
    throw new SartorError("SRT_TRUST_METADATA_INVALID", `The control plane handed out no roots: ${problems}.`);
  }
  const { image, director } = result.data;
  return { image: Buffer.from(image, "base64"), director: Buffer.from(director, "base64") };
}

function refusal(status: number, json: unknown): SartorError {
  const said = errorReplySchema.safeParse(json);
  const { code, message } = said.success ? said.data.error : { code: undefined, message: `status ${status}` };
  // A control plane that does not know the question has no roots either.
  if (code === "SRT_TRUST_NO_ROOT" || status === 404) {
    return new SartorError(
      "SRT_TRUST_NO_ROOT",
      "The control plane has no root of trust yet: nothing is installed before its key ceremony was held.",
    );
  }
  const sentence = `Could not fetch the first roots of trust: the server answered ${code ?? status} (${message}).`;
  return new SartorError("SRT_TRUST_UNREACHABLE", sentence);
}

/** What is kept must be a root that its own keys signed: anything else would be refused for ever. */
function checkRoot(repository: TrustRepository, bytes: Buffer): void {
  if (bytes.byteLength > TRUST_LIMITS.rootBytes) {
    const message = `The first root of the ${repository} repository has ${bytes.byteLength} bytes.`;
    throw new SartorError("SRT_TRUST_METADATA_INVALID", message);
  }
  try {
    checkMetadata(bytes, "root");
    new TrustedMetadataStore(bytes);
  } catch (error) {
    throw trustError(repository, "root", error);
  }
}

function parseOrNothing(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
