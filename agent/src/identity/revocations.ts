import { existsSync, readFileSync } from "node:fs";
import { SartorError } from "@sartor/shared/errors";
import { type Clock, httpGet, type Logger, readBody, type TlsIdentity } from "../platform/index.js";
import { writeFileDurably } from "../storage/index.js";
import { readCertificates } from "./check-certificate.js";
import { addressOf } from "./control-plane-address.js";

/** How often the list is looked for, ms, a fifth earlier or later. */
const PERIOD_MS = 300_000;
const JITTER = 0.2;
/** Some 100,000 entries. */
const MAXIMUM_BYTES = 4 * 1024 * 1024;
const IDLE_TIMEOUT_MS = 30_000;

export interface RevocationsOptions {
  /** Of the control plane. */
  readonly httpUrl: string;
  readonly tls: TlsIdentity;
  /** Where the last list is kept, for the time without a network. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly periodMs?: number | undefined;
}

/**
 * Which certificates ended before their time, as far as this device knows: the control plane's revocation list, signed by the authority that issued
 * this device's own certificate. Without a network the last one counts on, however old: what devices say to each other is checked by other means.
 */
export class Revocations {
  readonly #is: RevocationsOptions;
  #serials: ReadonlySet<string> = new Set();
  #issuedAt = Number.NEGATIVE_INFINITY;
  #known: Uint8Array = Buffer.alloc(0);

  constructor(options: RevocationsOptions) {
    this.#is = options;
  }

  /** @param serial hex, in either case */
  isRevoked(serial: string): boolean {
    return this.#serials.has(normalized(serial));
  }

  /** Reads the last list, then keeps it up to date; ends with the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { file, clock, logger, random, periodMs = PERIOD_MS } = this.#is;
    try {
      if (existsSync(file)) await this.#accept(readFileSync(file));
    } catch (error) {
      logger.warn("the revocation list that was kept cannot be used", { error });
    }
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#refresh(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (failures === 1) logger.warn("the revocation list cannot be fetched; the last one counts on", { error });
      }
      await clock.sleep(periodMs * (1 - JITTER + 2 * JITTER * random()), signal).catch(() => undefined);
    }
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    const { httpUrl, tls, file } = this.#is;
    const answer = await httpGet(addressOf(httpUrl, "/api/v1/certificates/crl"), {
      tls,
      maximumBytes: MAXIMUM_BYTES,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      signal,
    });
    if (answer.status !== 200) {
      answer.discard();
      throw new SartorError("SRT_DOWNLOAD_FAILED", `The revocation list was answered with status ${answer.status}.`);
    }
    const der = await readBody(answer);
    if (await this.#accept(der)) writeFileDurably(file, der, 0o600);
  }

  /** Takes a list that is ours and newer; tells whether it was. @throws SartorError SRT_CERTIFICATE_UNKNOWN for one that is not ours */
  async #accept(der: Uint8Array): Promise<boolean> {
    if (Buffer.compare(der, this.#known) === 0) return false;
    // Loaded only by those who speak with neighbours: the library takes memory that other devices can do without.
    await import("reflect-metadata");
    const { X509Crl, X509Certificate } = await import("@peculiar/x509");
    const list = new X509Crl(new Uint8Array(der));
    const { client } = this.#is.tls.credential;
    const issuers = readCertificates(client?.certificate ?? "").slice(1);
    const signatures = issuers.map((issuer) =>
      list.verify({ publicKey: new X509Certificate(new Uint8Array(issuer.raw)).publicKey }),
    );
    if (!(await Promise.all(signatures)).includes(true))
      throw new SartorError("SRT_CERTIFICATE_UNKNOWN", "The revocation list is not signed by this fleet's authority.");
    const issuedAt = list.thisUpdate.getTime();
    // Lists count whole seconds: one of the same second may say more.
    if (issuedAt < this.#issuedAt) return false;
    this.#issuedAt = issuedAt;
    this.#known = der;
    this.#serials = new Set(list.entries.map(({ serialNumber }) => normalized(serialNumber)));
    this.#is.logger.debug("another revocation list counts", { issuedAt, entries: this.#serials.size });
    return true;
  }
}

/** Programs write serials with and without zeros in front, in either case. */
const normalized = (serial: string): string => serial.toLowerCase().replace(/^0+/, "");
