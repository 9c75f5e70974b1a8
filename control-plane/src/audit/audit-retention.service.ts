import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { Clock, Settings } from "../config/index.js";
import { Audit } from "./audit.service.js";

const DAY_MS = 86_400_000;
/** How often it is looked for entries that are too old, ms. */
const LOOK_EVERY_MS = DAY_MS / 4;

/** Removes entries that are older than the settings keep them. */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger("Audit");
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly audit: Audit,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.auditRetentionDays === 0) return;
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    void this.look();
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. */
  private async look(): Promise<void> {
    try {
      const removed = await this.audit.prune(this.clock.now() - this.settings.auditRetentionDays * DAY_MS);
      if (removed > 0)
        this.#logger.log(`${removed} entries older than ${this.settings.auditRetentionDays} days were removed.`);
    } catch (error) {
      this.#logger.error(`Old entries were not removed: ${error instanceof Error ? error.message : error}`);
    }
  }
}
