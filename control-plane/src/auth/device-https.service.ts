import { Injectable, type OnModuleDestroy } from "@nestjs/common";
import { HttpAdapterHost } from "@nestjs/core";
import type { FastifyInstance } from "fastify";
import { Clock, PublicAddresses, Settings } from "../config/index.js";
import { DeviceListener, Metrics } from "../http/index.js";
import { OwnCertificates } from "./own-certificates.service.js";

/** Longest wait for replies under way when closing, ms. */
const CLOSE_WAIT_MS = 3_000;

/** The devices' HTTPS: its certificate is ours and is renewed while it listens. */
@Injectable()
export class DeviceHttps implements OnModuleDestroy {
  #listener: DeviceListener | undefined;

  constructor(
    private readonly adapters: HttpAdapterHost,
    private readonly certificates: OwnCertificates,
    private readonly addresses: PublicAddresses,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {}

  /** Lets devices in; called when every route is there. */
  async listen(): Promise<void> {
    const fastify = this.adapters.httpAdapter.getInstance() as FastifyInstance;
    await fastify.ready();
    const { settings } = this;
    const listener = new DeviceListener(fastify, {
      maximumConnections: settings.deviceMaxConnections,
      perMinute: settings.connectionsPerMinute,
      handshakes: settings.handshakesPerAddress,
      credentials: this.certificates.server,
      now: () => this.clock.now(),
      refused: (reason) => this.metrics.tlsRefusals.inc({ listener: "https", reason }),
    });
    this.#listener = listener;
    this.certificates.onRenewed(() => listener.reload(this.certificates.server));
    this.addresses.deviceListens(await listener.listen(settings.deviceHost, settings.devicePort));
  }

  async onModuleDestroy(): Promise<void> {
    await this.#listener?.close(CLOSE_WAIT_MS);
  }
}
