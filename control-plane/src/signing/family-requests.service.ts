import { Injectable, Logger, type OnApplicationBootstrap } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type { ModelVersionView, ReleaseRequest, ReleaseView } from "@sartor/shared/protocol";
import { Metadata, type TargetFile, Targets } from "@tufjs/models";
import { BundlesService } from "../bundles/index.js";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { ModelsService } from "../models/index.js";
import { ImageRepository } from "./image-repository.service.js";
import { type BundleToSign, familyTargets, planFamilyTargets, saysTheSame } from "./image-targets.js";
import { DAY_MS, LIVES } from "./lives.js";
import { endOf, expiresAfter, parseMetadata, SPEC_VERSION, serializeMetadata } from "./metadata.js";
import { TrustRepository } from "./trust.repository.js";

/** A request that waits longer is made anew, so that what is signed at last lives long enough, ms. */
const REQUEST_LIFE_MS = 30 * DAY_MS;
const PAGE = 100;

/**
 * Asks for the signatures that are missing: each family's role shall name the bundles that are offered, be signed by keys that are in force,
 * and not end soon. Level-triggered: it compares what is with what should be, so no event that was missed leaves anything out.
 */
@Injectable()
export class FamilyRequests implements OnApplicationBootstrap {
  readonly #logger = new Logger(FamilyRequests.name);
  /** Models with bundles that no role may sign. */
  readonly #withoutRole = new Set<string>();

  constructor(
    private readonly repository: TrustRepository,
    private readonly image: ImageRepository,
    private readonly bundles: BundlesService,
    private readonly models: ModelsService,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {
    events.on("model.changed", ({ model, version }) => this.noteVersion(model, version));
    events.on("signing.published", () => this.reconcileAll());
  }

  /** Looks at every version: some may have come while this was not running, or before anything was signed at all. */
  async onApplicationBootstrap(): Promise<void> {
    const versions: ModelVersionView[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.models.list(PAGE, cursor);
      versions.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    // The list has the newest first; counters rise with age.
    for (const { model, version, variants } of versions.reverse()) {
      if (variants.length > 0) await this.repository.release(model, version, false, this.clock.now());
    }
    await this.reconcileAll();
  }

  /** Models with bundles, but without a role that may sign them. */
  get modelsWithoutRole(): string[] {
    return [...this.#withoutRole].sort();
  }

  /**
   * Releases a version, or releases it again with a counter above all others of its model.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN, SRT_TRUST_UNSIGNED when it has no bundles yet, SRT_TRUST_NO_ROOT
   */
  async release({ model, version, again }: ReleaseRequest): Promise<ReleaseView> {
    this.image.requireReady();
    await this.models.recordOf(model, version);
    if ((await this.bundles.ofVersion(model, version)).length === 0) {
      throw new SartorError("SRT_TRUST_UNSIGNED", `Version ${version} of ${model} has no bundle yet.`);
    }
    const releaseCounter = await this.repository.release(model, version, again, this.clock.now());
    await this.reconcile(model);
    const request = await this.repository.openRequest("image", model);
    return { model, version, releaseCounter, requestId: request?.requestId ?? null };
  }

  /** Brings the requests of all families and of the top-level targets up to date. */
  async reconcileAll(): Promise<void> {
    for (const model of await this.repository.models()) await this.reconcile(model);
    await this.image.exclusively(() => this.reconcileTopTargets());
  }

  private async noteVersion(model: string, version: string): Promise<void> {
    if ((await this.bundles.ofVersion(model, version)).length === 0) return;
    await this.repository.release(model, version, false, this.clock.now());
    await this.reconcile(model);
  }

  private async reconcile(model: string): Promise<void> {
    await this.image.exclusively(() => this.reconcileFamily(model));
  }

  private async reconcileFamily(model: string): Promise<void> {
    const { state } = this.image;
    if (!state.ready) return;
    const offered = await this.offeredOf(model);
    if (state.delegationTo(model) === undefined) {
      if (offered.length > 0) this.#withoutRole.add(model);
      if (await this.repository.supersede("image", model)) this.events.emit("signing.requested", { role: model });
      return;
    }
    this.#withoutRole.delete(model);
    const published = state.families.get(model);
    if (offered.length === 0 && published === undefined) return;
    const { targets, dropped } = planFamilyTargets(published?.signed, offered);
    if (dropped > 0) this.#logger.warn(`${model} has more targets than one role may name; the ${dropped} oldest left.`);
    const reason = saysTheSame(published?.signed, targets)
      ? this.whyAgain(model, published)
      : `bundles of ${model}: ${whatIsNew(published?.signed, targets)}`;
    await this.request(model, published?.signed.version ?? 0, reason, (version, expires) =>
      familyTargets(targets, version, expires),
    );
  }

  private async reconcileTopTargets(): Promise<void> {
    const { topTargets } = this.image.state;
    if (!this.image.state.ready || topTargets === undefined) return;
    const reason = this.whyAgain("targets", topTargets);
    const open = await this.repository.openRequest("image", "targets");
    // What a person proposed is worth more than a renewal.
    if (reason === undefined || (open !== undefined && open.version === topTargets.signed.version + 1)) return;
    const { targets, delegations } = topTargets.signed;
    await this.request("targets", topTargets.signed.version, reason, (version, expires) => {
      return new Targets({
        specVersion: SPEC_VERSION,
        version,
        expires,
        targets,
        ...(delegations === undefined ? {} : { delegations }),
      });
    });
  }

  /** Why a role has to be signed again though it says the same; undefined where it has not. */
  private whyAgain(role: string, published: Metadata<Targets> | undefined): string | undefined {
    if (published === undefined) return undefined;
    if (!this.image.state.isSigned("image", role))
      return `the keys of ${role} changed; it must be signed with those in force`;
    const left = endOf(published) - this.clock.now();
    return left < LIVES.targets.soonMs ? `the metadata of ${role} ends ${published.signed.expires}` : undefined;
  }

  /** Opens a request unless the one that is open says the same already. */
  private async request(
    role: string,
    publishedVersion: number,
    reason: string | undefined,
    make: (version: number, expires: string) => Targets,
  ): Promise<void> {
    const now = this.clock.now();
    const open = await this.repository.openRequest("image", role);
    if (reason === undefined) {
      if (open === undefined || !(await this.repository.supersede("image", role))) return;
    } else {
      const wanted = make(publishedVersion + 1, expiresAfter(now, LIVES.targets.lifeMs));
      if (open !== undefined && now - open.createdAt < REQUEST_LIFE_MS && open.version === wanted.version) {
        const asked = parseMetadata("targets", Buffer.from(open.text, "utf8")).signed;
        if (saysTheSame(asked, Object.values(wanted.targets))) return;
      }
      const text = serializeMetadata(new Metadata(wanted));
      const { version } = wanted;
      const requestId = this.ids.ulid();
      await this.repository.open({
        requestId,
        repository: "image",
        role,
        version,
        reason: reason.slice(0, 256),
        text,
        createdAt: now,
      });
    }
    this.events.emit("signing.requested", { role });
  }

  private async offeredOf(model: string): Promise<BundleToSign[]> {
    const all: BundleToSign[] = [];
    for (const { version, counter } of await this.repository.releases(model)) {
      const offered = await this.bundles.ofVersion(model, version);
      if (offered.length === 0) continue;
      const { variants } = await this.models.get(model, version);
      for (const bundle of offered) {
        const variant = variants.find(({ bundleId }) => bundleId === bundle.bundleId);
        if (variant === undefined) continue;
        const { bundleId, manifestBytes, totalBytes } = bundle;
        const { name, kind } = variant;
        all.push({
          bundleId,
          model,
          version,
          variant: { name, kind },
          manifestBytes,
          totalBytes,
          releaseCounter: counter,
        });
      }
    }
    return all;
  }
}

function whatIsNew(published: Targets | undefined, targets: readonly TargetFile[]): string {
  const before = published?.targets ?? {};
  const added = targets.filter(({ path }) => before[path] === undefined).length;
  const changed = targets.filter((target) => before[target.path]?.equals(target) === false).length;
  return `${added} new, ${changed} released again, ${targets.length - added - changed} as they were`;
}
