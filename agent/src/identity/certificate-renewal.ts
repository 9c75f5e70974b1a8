import { createHash } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import { renewalNonceSchema, renewalReplySchema, TRUST_LIMITS, TRUST_PATHS } from "@sartor/shared/protocol";
import {
  type Clock,
  httpGet,
  type JsonReply,
  type Logger,
  postJson,
  readBody,
  TlsIdentity,
  tlsRefusal,
} from "../platform/index.js";
import { makeCertificateRequest } from "./certificate-request.js";
import { checkCertificate } from "./check-certificate.js";
import { addressOf } from "./control-plane-address.js";
import { credentialOf, type DeviceIdentity } from "./device-identity.js";
import { signWith } from "./device-key.js";
import { sameAuthorities } from "./enrol.js";
import type { ReadIdentity } from "./identity-store.js";
import { planRenewal, planRetry, type RenewalStep } from "./plan-renewal.js";
import { refusalOf } from "./refusal.js";

/** Codes that only a person can do something about: the device goes on serving. */
const LASTING: readonly string[] = [
  "SRT_CERTIFICATE_EXPIRED",
  "SRT_CERTIFICATE_REVOKED",
  "SRT_CERTIFICATE_UNKNOWN",
  "SRT_DEVICE_UNKNOWN",
];
const IDLE_TIMEOUT_MS = 30_000;
const NONCE_BYTES = 4 * 1024;

export interface CertificateRenewalOptions {
  readonly identity: DeviceIdentity;
  /** The least that the time can be, ms since 1970. */
  readonly earliest: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Tells operators that a person is needed. */
  readonly onRefused?: (error: SartorError) => void;
}

/**
 * Keeps the device's certificate young: looks at it, asks for the next one in time, uses that once, and only then forgets the old one. Each
 * step is durable before the next begins, so that a kill between any two is followed by the same step again. Trouble here is logged and
 * never stops what the device does.
 */
export class CertificateRenewal {
  readonly #is: CertificateRenewalOptions;
  #saidExpired = false;
  #isDoubted = false;
  #failures = 0;
  #told: string | undefined;
  #wake = new AbortController();

  constructor(options: CertificateRenewalOptions) {
    this.#is = options;
  }

  /** The broker refused the certificate: time to find out why, since the own clock may be wrong. */
  noteRefused(): void {
    this.#isDoubted = true;
    this.#wake.abort();
  }

  /** Runs until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#is;
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const waitMs = await this.step(signal);
      await clock.sleep(waitMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
    }
  }

  /** Looks at the certificate and does one thing about it; never throws. Returns how long to wait before the next look, ms. */
  async step(signal: AbortSignal): Promise<number> {
    const { store } = this.#is.identity;
    const current = store.read("current") ?? store.read("next");
    if (current === undefined) return planRetry(this.#failures++, Number.MAX_SAFE_INTEGER, this.#is.random);
    const plan = this.#plan(current);
    if (plan.step === "wait" && !this.#isDoubted) return plan.milliseconds;
    try {
      if (plan.step === "wait") {
        this.#isDoubted = false;
        await this.#use(current, signal);
        return plan.milliseconds;
      }
      await this.#perform(plan.step, current, signal);
      if (plan.step === "prove") this.#failures = 0;
      return 0;
    } catch (thrown) {
      if (signal.aborted) return 0;
      return this.#failed(SartorError.from(thrown, "SRT_DOWNLOAD_FAILED"), plan.step, current);
    }
  }

  #now(current: ReadIdentity): number {
    // It was issued when it begins or later: the control plane vouches for that.
    return Math.max(this.#is.clock.now(), this.#is.earliest, current.facts.notBefore);
  }

  #plan(current: ReadIdentity): RenewalStep {
    const { fingerprint, notBefore, notAfter } = current.facts;
    return planRenewal({
      now: this.#now(current),
      notBefore,
      notAfter,
      draw: Number.parseInt(fingerprint.slice(0, 8), 16) / 2 ** 32,
      isProposed: this.#is.identity.store.read("next") !== undefined,
      saidExpired: this.#saidExpired,
    });
  }

  async #perform(step: "prove" | "renew" | "renewLate", current: ReadIdentity, signal: AbortSignal): Promise<void> {
    if (step === "prove") return this.#prove(signal);
    const { store } = this.#is.identity;
    let key = store.pendingKey("renewal");
    if (key === current.key) {
      // Killed after it became the current one: each certificate has a key of its own.
      store.forgetPendingKey("renewal");
      key = store.pendingKey("renewal");
    }
    const csr = await makeCertificateRequest(key);
    const reply = step === "renew" ? await this.#ask(csr, signal) : await this.#askLate(csr, current, signal);
    this.#take(reply, key, current);
    store.forgetPendingKey("renewal");
  }

  #ask(csr: string, signal: AbortSignal): Promise<JsonReply> {
    const { httpUrl, tls } = this.#is.identity;
    return postJson(addressOf(httpUrl, "/api/v1/certificates/renewals"), { csr }, tls, signal);
  }

  /** Anonymous in TLS, which trusts the pinned root as always; who asks is shown by the signature of the old key. */
  async #askLate(csr: string, current: ReadIdentity, signal: AbortSignal): Promise<JsonReply> {
    const { httpUrl } = this.#is.identity;
    const tls = new TlsIdentity({ ca: current.authorities });
    try {
      const address = addressOf(httpUrl, "/api/v1/certificates/nonces/new");
      const answer = await httpGet(address, { tls, maximumBytes: NONCE_BYTES, idleTimeoutMs: IDLE_TIMEOUT_MS, signal });
      const json: unknown = JSON.parse(Buffer.from(await readBody(answer)).toString("utf8"));
      const refusal = refusalOf({ status: answer.status, json }, "the request for a nonce");
      if (refusal !== undefined) throw refusal.error;
      const { nonce } = renewalNonceSchema.parse(json);
      const digest = createHash("sha256").update(csr).digest("hex");
      const signature = signWith(current.key, `sartor-late-renewal\n${nonce}\n${digest}`);
      const body = { certificate: current.certificate, nonce, signature, csr };
      return await postJson(addressOf(httpUrl, "/api/v1/certificates/late-renewals"), body, tls, signal);
    } finally {
      tls.close();
    }
  }

  #take(reply: JsonReply, key: string, current: ReadIdentity): void {
    const refusal = refusalOf(reply, "the renewal of the certificate");
    if (refusal !== undefined) throw refusal.error;
    const { certificate, authorities } = renewalReplySchema.parse(reply.json);
    if (!sameAuthorities(authorities, current.authorities))
      throw new SartorError(
        "SRT_AUTHORITY_MISMATCH",
        "The control plane named another root than the one that this device trusts.",
      );
    const facts = checkCertificate({ certificate, key, authorities: current.authorities, now: this.#now(current) });
    if (facts.deviceId !== current.deviceId)
      throw new SartorError("SRT_CERTIFICATE_UNKNOWN", `The renewed certificate is for ${facts.deviceId}.`);
    this.#is.identity.store.write("next", { ...current, key, certificate });
    this.#saidExpired = false;
  }

  /** Uses the new certificate once; then it takes over. */
  async #prove(signal: AbortSignal): Promise<void> {
    const { identity, logger } = this.#is;
    const next = identity.store.read("next");
    if (next === undefined) return;
    try {
      await this.#use(next, signal);
    } catch (thrown) {
      const error = SartorError.from(thrown);
      if (!(LASTING.includes(error.code) || tlsRefusal(error) === "expired" || tlsRefusal(error) === "refused"))
        throw error;
      identity.store.discardNext();
      const message = `The renewed certificate is not accepted, another one is asked for: ${error.message}`;
      throw new SartorError("SRT_DOWNLOAD_FAILED", message);
    }
    identity.store.promote();
    identity.store.forgetPendingKey("enrolment");
    identity.tls.swap(credentialOf(next));
    this.#told = undefined;
    logger.info("the certificate was renewed", {
      serial: next.facts.serial,
      until: new Date(next.facts.notAfter).toISOString(),
    });
  }

  /**
   * Asks for something that only an enrolled device gets.
   *
   * @throws SartorError what the control plane has against the certificate; SRT_DOWNLOAD_FAILED when nobody can tell
   */
  async #use(stored: ReadIdentity, signal: AbortSignal): Promise<void> {
    const tls = new TlsIdentity(credentialOf(stored));
    try {
      const address = addressOf(stored.httpUrl, `${TRUST_PATHS.director(stored.deviceId)}/metadata/timestamp.json`);
      const limits = { maximumBytes: TRUST_LIMITS.timestampBytes, idleTimeoutMs: IDLE_TIMEOUT_MS };
      const answer = await httpGet(address, { tls, ...limits, signal });
      const body = Buffer.from(await readBody(answer)).toString("utf8");
      const { status } = answer;
      // Without a key ceremony there is no metadata yet, but the control plane knew who asked.
      const knowsUs = status < 500 && ![401, 403, 429].includes(status);
      if (knowsUs || body.includes('"SRT_TRUST_NO_ROOT"')) return;
      const refusal = refusalOf({ status, json: parseOrNothing(body) }, "the use of the certificate");
      const code = status === 401 || status === 403 ? "SRT_CERTIFICATE_UNKNOWN" : "SRT_DOWNLOAD_FAILED";
      const error = refusal?.error ?? new SartorError(code, `The control plane answered with status ${status}.`);
      throw LASTING.includes(error.code) ? error : new SartorError(code, error.message);
    } finally {
      tls.close();
    }
  }

  #failed(error: SartorError, step: RenewalStep["step"], current: ReadIdentity): number {
    const { logger, random, onRefused } = this.#is;
    this.#failures += 1;
    const expired = error.code === "SRT_CERTIFICATE_EXPIRED" || tlsRefusal(error) === "expired";
    if (step !== "renewLate" && step !== "prove" && expired) {
      this.#saidExpired = true;
      return 0;
    }
    const { notBefore, notAfter } = current.facts;
    const waitMs = planRetry(
      LASTING.includes(error.code) ? Number.MAX_SAFE_INTEGER : this.#failures,
      notAfter - notBefore,
      random,
    );
    const facts = { code: error.code, message: error.message, step, failures: this.#failures, waitMs };
    if (!LASTING.includes(error.code)) logger.warn("the certificate could not be renewed yet", facts);
    else if (this.#told === error.code) logger.debug("the certificate is refused still", facts);
    else {
      this.#told = error.code;
      logger.error(
        "the certificate cannot be renewed; the model goes on serving, a person has to enrol the device again",
        facts,
      );
      onRefused?.(error);
    }
    return waitMs;
  }
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
