import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { Digest } from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { InTurn } from "./in-turn.js";
import { KeyStore, type OnlineKeyName } from "./key-store.js";
import { LIVES } from "./lives.js";
import { endOf, expiresAfter, parseMetadata } from "./metadata.js";
import { makeSnapshot, makeTimestamp, onlineVersion } from "./online-metadata.js";
import { type Publication, TrustRepository } from "./trust.repository.js";
import { type SignedBundle, TrustState } from "./trust-state.js";
import { requireOnlineKeys } from "./verify.js";

/** How often it is looked at whether something ends soon, ms. */
const RENEWAL_INTERVAL_MS = 10 * 60_000;

/** The published image repository: what is in it, and its snapshot and timestamp, which this control plane signs by itself. */
@Injectable()
export class ImageRepository implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(ImageRepository.name);
  readonly #turns = new InTurn();
  #state = new TrustState([]);
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly repository: TrustRepository,
    private readonly keys: KeyStore,
    private readonly events: EventBus,
    private readonly clock: Clock,
  ) {}

  async onModuleInit(): Promise<void> {
    this.#state = new TrustState(await this.repository.newest());
    await this.renewLogged();
    this.#timer = setInterval(() => void this.renewLogged(), RENEWAL_INTERVAL_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turns.run(async () => undefined);
  }

  /** What is published now. */
  get state(): TrustState {
    return this.#state;
  }

  /** @throws SartorError SRT_TRUST_NO_ROOT before the key ceremony */
  requireReady(): TrustState {
    if (this.#state.ready) return this.#state;
    throw new SartorError("SRT_TRUST_NO_ROOT", "The key ceremony was not held yet.");
  }

  /** A bundle that devices find in the image repository now. */
  signedBundle(bundleId: Digest | string): SignedBundle | undefined {
    return this.#state.bundle(bundleId, this.clock.now());
  }

  /** Runs what reads the state and then publishes, so that nothing is published in between. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(work);
  }

  /**
   * Publishes metadata that was verified, with a snapshot and a timestamp that name it, in one transaction. Called within
   * {@link exclusively}.
   *
   * @param requestIds signing requests that it came from
   * @throws SartorError SRT_TRUST_METADATA_INVALID when the root does not name this control plane's online keys
   */
  async publish(publications: readonly Publication[], requestIds: readonly string[]): Promise<void> {
    const now = this.clock.now();
    const next = this.#state.with(publications);
    const image = publications.some(({ repository }) => repository === "image");
    if (image) this.#requireNamed(next);
    const online = image ? this.#signOnline(next, now, true) : [];
    await this.repository.publish([...publications, ...online], requestIds, now);
    this.#state = next.with(online);
    for (const { repository, role, version } of publications) {
      this.#logger.log(`Published ${repository} ${role}, version ${version}.`);
    }
    const models = [...this.#state.families.keys()];
    this.events.emit("signing.published", { models });
  }

  /** Signs snapshot and timestamp anew where they end soon, or where a new root names other keys for them. */
  renew(): Promise<void> {
    return this.exclusively(async () => {
      if (!this.#state.ready) return;
      const now = this.clock.now();
      const snapshotDue = this.#isDue("snapshot", now);
      if (!snapshotDue && !this.#isDue("timestamp", now)) return;
      // What the lost key signed last is better than what nobody believes.
      this.#requireNamed(this.#state);
      const online = this.#signOnline(this.#state, now, snapshotDue);
      await this.repository.publish(online, [], now);
      this.#state = this.#state.with(online);
    });
  }

  #requireNamed({ imageRoot }: TrustState): void {
    if (imageRoot === undefined) return;
    const id = (name: OnlineKeyName) => this.keys.get(name).keyId;
    requireOnlineKeys("image", imageRoot, { snapshot: id("image-snapshot"), timestamp: id("image-timestamp") });
  }

  #isDue(role: "snapshot" | "timestamp", now: number): boolean {
    const found = this.#state.find("image", role);
    if (found === undefined) return true;
    const metadata = parseMetadata(role, Buffer.from(found.text, "utf8"));
    const ownKey = metadata.signatures[this.keys.get(`image-${role}`).keyId] !== undefined;
    return !ownKey || endOf(metadata) - now < LIVES[role].soonMs;
  }

  #signOnline(state: TrustState, now: number, withSnapshot: boolean): Publication[] {
    const old = (role: string) => state.find("image", role);
    const oldSnapshot = old("snapshot");
    const snapshot =
      withSnapshot || oldSnapshot === undefined
        ? makeSnapshot(
            state.targetsRoles(),
            onlineVersion(oldSnapshot?.version, now),
            expiresAfter(now, LIVES.snapshot.lifeMs),
            this.keys.get("image-snapshot"),
          )
        : oldSnapshot;
    const timestamp = makeTimestamp(
      snapshot,
      onlineVersion(old("timestamp")?.version, now),
      expiresAfter(now, LIVES.timestamp.lifeMs),
      this.keys.get("image-timestamp"),
    );
    const publications: Publication[] = [{ repository: "image", role: "timestamp", ...pick(timestamp) }];
    if (snapshot !== oldSnapshot) publications.push({ repository: "image", role: "snapshot", ...pick(snapshot) });
    return publications;
  }

  private async renewLogged(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      this.#logger.error(`Snapshot and timestamp were not renewed: ${(error as Error).message}`);
    }
  }
}

const pick = ({ version, text }: { version: number; text: string }) => ({ version, text });
