import type { TLSSocket } from "node:tls";
import { Injectable, Logger, type OnModuleDestroy } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { DeviceCertificatesReply, HardwareId } from "@sartor/shared/protocol";
import { Clock, Settings } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { type CertificateOfDevice, CertificatesRepository } from "./certificates.repository.js";
import { type DeviceConnection, DeviceConnections } from "./device-connections.js";
import { expired, type PeerCertificate, peerCertificateOf, revoked, unknown } from "./peer-certificate.js";
import { RevocationList } from "./revocation-list.service.js";

/** Most devices whose certificate's state is kept in memory, so that chunk after chunk does not ask the database. */
const CACHE_SIZE = 20_000;
/** How often connections are ended whose certificate has ended, ms. */
const SWEEP_MS = 60_000;
const DAY_MS = 86_400_000;
/** How long certificates are remembered after the last moment in which they could be renewed, ms. */
const REMEMBER_MS = 30 * DAY_MS;

/** Says which device is at the other end of a connection, and ends the access of devices. */
@Injectable()
export class DeviceIdentities implements OnModuleDestroy {
  readonly #logger = new Logger(DeviceIdentities.name);
  /** State of the certificate used last, by device, the longest unused first. */
  readonly #cache = new Map<string, CertificateOfDevice>();
  /** Rises with each end of a certificate: a state that was read before one must not enter the cache after it. */
  #changes = 0;
  readonly #registered = new WeakSet<TLSSocket>();
  readonly #timer: NodeJS.Timeout;
  #prunedAt = 0;

  constructor(
    private readonly repository: CertificatesRepository,
    private readonly connections: DeviceConnections,
    private readonly revocations: RevocationList,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /**
   * The device behind a TLS connection. Asked with every request; the connection is closed as soon as the device's access ends.
   *
   * @param close ends the connection; destroys the socket by default
   * @throws SartorError SRT_UNAUTHENTICATED, SRT_CERTIFICATE_UNKNOWN, SRT_CERTIFICATE_EXPIRED, SRT_CERTIFICATE_REVOKED
   */
  async identify(
    socket: TLSSocket,
    kind: DeviceConnection["kind"],
    close: () => void = () => socket.destroy(),
  ): Promise<PeerCertificate> {
    const peer = peerCertificateOf(socket);
    // Registered before the state is read: whatever ends the access while it is being read closes the connection.
    if (!this.#registered.has(socket)) {
      this.#registered.add(socket);
      const connection = { ...peer, kind, close };
      this.connections.add(connection);
      socket.once("close", () => this.connections.remove(connection));
    }
    await this.check(peer);
    return peer;
  }

  /**
   * Checks that a certificate counts now; its first use ends the ones before it.
   *
   * @throws SartorError SRT_CERTIFICATE_UNKNOWN, SRT_CERTIFICATE_EXPIRED, SRT_CERTIFICATE_REVOKED
   */
  async check(peer: PeerCertificate): Promise<CertificateOfDevice> {
    const state = await this.#stateOf(peer);
    if (state === undefined || state.device_id !== peer.deviceId) throw unknown();
    const now = this.clock.now();
    if (state.revoked_at !== null || state.device_revoked_at !== null) throw revoked();
    if (state.not_after <= now) throw expired();
    if (state.first_used_at === null) await this.#firstUse(state, now);
    return state;
  }

  /** The certificate's state by fingerprint: undefined when it is none of an enrolled device. */
  find(fingerprint: string): Promise<CertificateOfDevice | undefined> {
    return this.repository.find(fingerprint);
  }

  /**
   * Ends a device's access at once: its certificates and its live connections.
   *
   * @returns how many certificates ended
   * @throws SartorError SRT_DEVICE_UNKNOWN
   */
  async revoke(deviceId: string): Promise<number> {
    const ended = await this.repository.revoke(deviceId, this.clock.now());
    if (ended === undefined) throw unknownDevice(deviceId);
    this.end(deviceId);
    return ended;
  }

  /** The same when the device is removed. */
  async remove(deviceId: string): Promise<void> {
    await this.repository.remove(deviceId, this.clock.now());
    this.end(deviceId);
  }

  /** Closes a device's connections after its certificates ended; `keep` names one that goes on. */
  end(deviceId: string, keep?: string): void {
    this.#forget(deviceId);
    this.revocations.outdate();
    this.connections.close(deviceId, ({ serial }) => serial !== keep);
    if (keep === undefined) this.events.emit("device.revoked", { deviceId });
  }

  /** @throws SartorError SRT_DEVICE_UNKNOWN */
  async certificatesOf(deviceId: string): Promise<DeviceCertificatesReply> {
    const identity = await this.repository.findIdentity(deviceId);
    if (identity === undefined) throw unknownDevice(deviceId);
    const rows = await this.repository.listOf(deviceId);
    return {
      deviceId,
      generation: identity.generation,
      revokedAt: identity.revoked_at,
      certificates: rows.map((row) => ({
        serial: row.serial,
        fingerprint: row.fingerprint,
        keyFingerprint: row.key_fingerprint,
        notBefore: row.not_before,
        notAfter: row.not_after,
        firstUsedAt: row.first_used_at,
        revokedAt: row.revoked_at,
        reason: row.reason,
      })),
    };
  }

  /** Tells whether a device is enrolled, revoked or not. */
  async isEnrolled(deviceId: string): Promise<boolean> {
    return (await this.repository.findIdentity(deviceId)) !== undefined;
  }

  /**
   * Kinds of hardware that devices said they are when they enrolled, the most special first; without those that are not enrolled.
   *
   * @param deviceIds at most 1,000
   */
  async hardwareOf(deviceIds: readonly string[]): Promise<ReadonlyMap<string, HardwareId[]>> {
    const rows = await this.repository.hardwareOf(deviceIds);
    return new Map([...rows].map(([deviceId, hardware]) => [deviceId, JSON.parse(hardware) as HardwareId[]]));
  }

  async #firstUse(state: CertificateOfDevice, now: number): Promise<void> {
    const { device_id: deviceId, serial } = state;
    const ended = await this.repository.markUsed(deviceId, serial, now);
    this.#forget(deviceId);
    // What is under way over HTTPS may end: each request is asked anyway. A session would go on for days.
    this.connections.close(deviceId, (connection) => connection.kind === "mqtt" && ended.includes(connection.serial));
  }

  #forget(deviceId: string): void {
    this.#changes++;
    this.#cache.delete(deviceId);
  }

  async #stateOf({ deviceId, fingerprint }: PeerCertificate): Promise<CertificateOfDevice | undefined> {
    const cached = this.#cache.get(deviceId);
    if (cached?.fingerprint === fingerprint) {
      this.#cache.delete(deviceId);
      this.#cache.set(deviceId, cached);
      return cached;
    }
    const before = this.#changes;
    const state = await this.repository.find(fingerprint);
    if (state?.device_id !== deviceId || before !== this.#changes) return state;
    this.#cache.set(deviceId, state);
    const oldest = this.#cache.keys().next();
    if (this.#cache.size > CACHE_SIZE && !oldest.done) this.#cache.delete(oldest.value);
    return state;
  }

  #sweep(): void {
    const now = this.clock.now();
    this.connections.closeEnded(now);
    if (now - this.#prunedAt < DAY_MS) return;
    this.#prunedAt = now;
    const before = now - this.settings.certificateGraceDays * DAY_MS - REMEMBER_MS;
    this.repository.forgetEndedBefore(before).catch((error: unknown) => {
      this.#logger.error(`Old certificates could not be forgotten: ${error instanceof Error ? error.message : error}`);
    });
  }
}

function unknownDevice(deviceId: string): SartorError {
  return new SartorError("SRT_DEVICE_UNKNOWN", `No device ${deviceId} is enrolled.`, { details: { deviceId } });
}
