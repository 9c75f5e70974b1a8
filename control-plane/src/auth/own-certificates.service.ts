import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import { Clock, PublicAddresses } from "../config/index.js";
import { generateKeys, keyPemOf } from "./authority-material.js";
import { CertificateAuthority } from "./certificate-authority.js";

const LIFE_MS = 30 * 86_400_000;
const RENEW_BEFORE_MS = LIFE_MS / 3;
/** How often their end, and this machine's names, are looked at, ms. */
const CHECK_MS = 600_000;
/** The control plane's name at an external broker. */
const SERVICE_NAME = "sartor-control-plane";

/** Key and certificates of one side of TLS, PEM, and whom it trusts. */
export interface TlsCredentials {
  readonly key: string;
  /** The certificate, then the intermediate. */
  readonly cert: string;
  /** Root and intermediate: what devices' certificates chain to. */
  readonly ca: string[];
}

/**
 * The control plane's own certificates: as a TLS server for devices, and as a client of an external broker. They are made at each start and
 * live in memory only: devices trust the root, so nothing has to last. Renewed long before their end, and when this machine's names change.
 */
@Injectable()
export class OwnCertificates implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(OwnCertificates.name);
  readonly #listeners = new Set<() => void>();
  #server: TlsCredentials | undefined;
  #client: TlsCredentials | undefined;
  #names = "";
  #endsAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly authority: CertificateAuthority,
    private readonly addresses: PublicAddresses,
    private readonly clock: Clock,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.renewIfDue();
    this.#timer = setInterval(() => {
      this.renewIfDue().catch((error: Error) => this.#logger.error(`No new server certificate: ${error.message}`));
    }, CHECK_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** For TLS servers. */
  get server(): TlsCredentials {
    if (this.#server === undefined) throw new Error("the server certificate is not made yet");
    return this.#server;
  }

  /** For connections to an external broker. */
  get client(): TlsCredentials {
    if (this.#client === undefined) throw new Error("the client certificate is not made yet");
    return this.#client;
  }

  /** Calls back after each renewal. */
  onRenewed(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Renews when the end is near or the names are others; tells whether it did. */
  async renewIfDue(): Promise<boolean> {
    const now = this.clock.now();
    const names = this.addresses.tlsNames();
    if (this.#names === names.join() && now < this.#endsAt - RENEW_BEFORE_MS) return false;
    const server = await this.#make((key) => this.authority.issueServer(names, key, now, LIFE_MS));
    const client = await this.#make((key) => this.authority.issueService(SERVICE_NAME, key, now, LIFE_MS));
    this.#server = server;
    this.#client = client;
    this.#names = names.join();
    this.#endsAt = now + LIFE_MS;
    if (this.authority.endsAt < now + 2 * LIFE_MS) {
      this.#logger.warn(`The intermediate ends on ${new Date(this.authority.endsAt).toISOString()}; make a new one.`);
    }
    for (const listener of this.#listeners) listener();
    return true;
  }

  async #make(issue: (publicKey: Buffer) => Promise<{ pem: string }>): Promise<TlsCredentials> {
    const { publicKey, privateKey } = await generateKeys();
    const spki = Buffer.from(await webcrypto.subtle.exportKey("spki", publicKey));
    const { pem } = await issue(spki);
    return {
      key: await keyPemOf(privateKey),
      cert: pem,
      ca: [this.authority.rootPem, this.authority.intermediatePem],
    };
  }
}
