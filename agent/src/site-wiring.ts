import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { SartorError } from "@sartor/shared/errors";
import type { AgentSettings } from "./config/index.js";
import { addressOf, checkPeer, type DeviceIdentity, Revocations } from "./identity/index.js";
import type { Link } from "./link/index.js";
import {
  type BundleSource,
  ContentStore,
  fetchFrom,
  getFromOwnCache,
  HttpBundleSource,
  type InstalledBundle,
  InstalledContent,
  LONG_PATIENCE,
  type NearbySource,
  NearestSource,
  type Patience,
  SiteCache,
  SiteCacheServer,
} from "./ota/index.js";
import { type BandwidthLimit, type Clock, type Logger, type MinimumRate, NeighbourLine } from "./platform/index.js";

const OWN_CACHE = "this device's own cache";
const LISTEN_RETRY_MS = 5_000;

/** A neighbour is near: one that is slower than this is of no use, and the control plane is asked. */
const PATIENCE_WITH_NEIGHBOURS: Patience = {
  idleTimeoutMs: 10_000,
  minimumRate: { bytes: 8 * 1024, windowMs: 20_000 },
};

export interface SiteOptions {
  readonly settings: Pick<AgentSettings, "stateFolder" | "siteCaches" | "siteCache">;
  readonly identity: DeviceIdentity;
  /** Shared by all that comes from the control plane. */
  readonly bandwidth: BandwidthLimit;
  /** What lies on this disk whole. */
  readonly bundles: () => readonly InstalledBundle[];
  readonly tell: (event: Parameters<Link["publishLog"]>[0]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the control plane delivers more slowly is given up; 4 KiB in 60 s by default. */
  readonly slowest?: MinimumRate | undefined;
  readonly revocationsPeriodMs?: number | undefined;
}

/** Where bundles come from, and what this device does for its neighbours. */
export interface Site {
  readonly source: BundleSource;
  /** Gives back the disk that the cache takes. */
  makeRoom(): void;
  /** Serves neighbours until the signal. */
  run(signal: AbortSignal): Promise<void>;
}

/** Neighbours that cache, the device's own cache, the control plane: whatever of it the settings name. */
export function createSite(options: SiteOptions): Site {
  const { settings, identity, bandwidth, clock, logger, tell } = options;
  const { httpUrl, tls } = identity;
  const patience = { ...LONG_PATIENCE, ...(options.slowest === undefined ? {} : { minimumRate: options.slowest }) };
  const origin = new HttpBundleSource({ httpUrl, tls, bandwidth, patience });
  if (settings.siteCaches.length === 0 && settings.siteCache === undefined)
    return { source: origin, makeRoom: () => undefined, run: async () => undefined };

  const revocations = new Revocations({
    httpUrl,
    tls,
    file: join(settings.stateFolder, "identity", "revocations.crl"),
    clock,
    logger,
    random: Math.random,
    periodMs: options.revocationsPeriodMs,
  });
  const identify = (socket: TLSSocket): string =>
    checkPeer(socket, {
      authorities: tls.credential.ca,
      now: clock.now(),
      isRevoked: (serial) => revocations.isRevoked(serial),
    });
  const line = new NeighbourLine(tls, identify);
  const nearby: NearbySource[] = settings.siteCaches.map((address) => ({
    name: address,
    source: new HttpBundleSource({ httpUrl: address, tls: line, patience: PATIENCE_WITH_NEIGHBOURS }),
  }));
  const own = settings.siteCache === undefined ? undefined : openCache(options, settings.siteCache, identify);
  if (own !== undefined) {
    const get = getFromOwnCache(own.cache);
    nearby.push({ name: OWN_CACHE, source: new HttpBundleSource({ httpUrl: "https://localhost", tls, get }) });
  }
  const onFailed = (name: string, { code, message }: SartorError) => {
    // Its trouble is the control plane's or the disk's, and told as such.
    if (name === OWN_CACHE) return;
    tell({
      level: "warning",
      code: "SRT_SITE_CACHE_FAILED",
      message: `The site cache ${name} is left alone for a while, and the control plane asked instead: ${message} [${code}]`,
    });
  };
  return {
    source: new NearestSource({ nearby, origin, clock, logger, onFailed }),
    makeRoom: () => own?.store.clear(),
    run: async (signal) => {
      await Promise.all([revocations.run(signal), own?.serve(signal)]);
      line.close();
    },
  };
}

function openCache(
  { settings, identity, bandwidth, bundles, tell, clock, logger }: SiteOptions,
  { host, port, maximumBytes }: NonNullable<AgentSettings["siteCache"]>,
  identify: (socket: TLSSocket) => string,
) {
  const { httpUrl, tls } = identity;
  const ending = new AbortController();
  const store = new ContentStore({ folder: join(settings.stateFolder, "site-cache"), maximumBytes, clock, logger });
  const cache = new SiteCache({
    installed: new InstalledContent(bundles),
    store,
    fetch: fetchFrom({ addressOf: (path) => addressOf(httpUrl, path), tls, bandwidth }),
    logger,
    signal: ending.signal,
  });
  const server = new SiteCacheServer({ cache, tls, listen: { host, port }, identify, clock, logger });

  /** Serves until the signal; a port that is taken is told once and tried again. */
  async function serve(signal: AbortSignal): Promise<void> {
    for (let told = false; !signal.aborted; told = true) {
      try {
        logger.info("site cache is up", { host, port: await server.start() });
        break;
      } catch (thrown) {
        const sentence = `The site cache cannot listen on ${host}:${port}: ${SartorError.from(thrown).message}.`;
        if (!told) tell({ level: "error", code: "SRT_CONFIG_INVALID", message: sentence });
        logger.error(sentence);
        await clock.sleep(LISTEN_RETRY_MS, signal).catch(() => undefined);
      }
    }
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    ending.abort();
    await server.stop();
    await cache.ended();
    logger.info("site cache has ended", { ...cache.totals });
  }
  return { cache, store, serve };
}
