import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SartorError } from "@sartor/shared/errors";
import {
  enrolmentReplySchema,
  enrolmentRequestSchema,
  errorReplySchema,
  PROTOCOL_VERSION,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { type Clock, type Logger, postJson } from "../platform/index.js";
import { writeFileDurably } from "../storage/index.js";

const identitySchema = enrolmentReplySchema.extend({ secret: enrolmentRequestSchema.shape.secret });
/** Who this device is, and where its control plane is. */
export type DeviceIdentity = z.infer<typeof identitySchema>;

const pendingSchema = z.object({ secret: enrolmentRequestSchema.shape.secret });

/** Longest wait between two attempts to reach the control plane, ms. */
const LONGEST_WAIT_MS = 30_000;

export interface EnrolmentOptions {
  readonly stateFolder: string;
  readonly controlPlaneUrl: string | undefined;
  readonly token: string | undefined;
  readonly deviceName: string;
  readonly emulated: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Loads the device's identity, or enrols: the device makes its secret and stores it before it redeems the token, so that a lost
 * reply or a crash costs nothing: the same token with the same secret gives the same identity.
 *
 * @throws SartorError SRT_CONFIG_INVALID without identity and without token; the control plane's own code when it refuses
 */
export async function loadOrEnrol(options: EnrolmentOptions): Promise<DeviceIdentity> {
  const path = join(options.stateFolder, "identity.json");
  const known = readJson(path, identitySchema);
  if (known !== undefined) return known;
  if (options.controlPlaneUrl === undefined || options.token === undefined) {
    throw new SartorError(
      "SRT_CONFIG_INVALID",
      "This device is not enrolled: set SARTOR_CONTROL_PLANE_URL and SARTOR_ENROLMENT_TOKEN (an operator makes a token).",
    );
  }
  const secret = loadOrMakeSecret(join(options.stateFolder, "enrolment.json"));
  const reply = await redeem(options, options.controlPlaneUrl, options.token, secret);
  const identity: DeviceIdentity = { ...reply, secret };
  writeFileDurably(path, `${JSON.stringify(identity, null, 2)}\n`, 0o600);
  options.logger.info("enrolled", { deviceId: identity.deviceId, controlPlane: options.controlPlaneUrl });
  return identity;
}

async function redeem(options: EnrolmentOptions, controlPlaneUrl: string, token: string, secret: string) {
  const url = new URL(controlPlaneUrl);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/api/v1/enrolments`;
  const request = {
    schemaVersion: PROTOCOL_VERSION,
    token,
    secret,
    name: options.deviceName,
    emulated: options.emulated,
  };
  for (let wait = 500; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    try {
      const { status, json } = await postJson(url, request, options.signal);
      if (status >= 200 && status < 300) return enrolmentReplySchema.parse(json);
      const refusal = errorReplySchema.safeParse(json);
      const error = refusal.success
        ? SartorError.fromBody(refusal.data.error)
        : new SartorError("SRT_UNAUTHENTICATED", `The control plane answered enrolment with status ${status}.`);
      if (status < 500 && status !== 429) throw error;
      options.logger.warn("enrolment is delayed", { code: error.code, message: error.message });
    } catch (thrown) {
      const error = SartorError.from(thrown);
      if (options.signal.aborted || error.code !== "SRT_DOWNLOAD_FAILED") throw error;
      options.logger.warn("the control plane cannot be reached; enrolment waits", {
        message: error.message,
        waitMs: wait,
      });
    }
    await options.clock.sleep(wait, options.signal);
  }
}

function loadOrMakeSecret(path: string): string {
  const pending = readJson(path, pendingSchema);
  if (pending !== undefined) return pending.secret;
  const secret = randomBytes(32).toString("base64url");
  writeFileDurably(path, JSON.stringify({ secret }), 0o600);
  return secret;
}

/** A damaged file counts as absent: an identity comes again with a new token. */
function readJson<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}
