import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import type {
  PublishedMetadata,
  TrustRepository as RepositoryName,
  TrustOnlineKeys,
  TrustRoleView,
  TrustRoots,
  TrustStatus,
  VersionTrust,
} from "@sartor/shared/protocol";
import { Clock } from "../config/index.js";
import { ModelsService } from "../models/index.js";
import { DirectorService } from "./director.service.js";
import { publicKeyOf } from "./ed25519.js";
import { FamilyRequests } from "./family-requests.service.js";
import { ImageRepository } from "./image-repository.service.js";
import { KeyStore } from "./key-store.js";
import { livesOf } from "./lives.js";
import { endOf, parseMetadata } from "./metadata.js";
import { type Publication, TrustRepository } from "./trust.repository.js";

/** What people and devices may read of the published trust. */
@Injectable()
export class TrustStatusService {
  constructor(
    private readonly repository: TrustRepository,
    private readonly image: ImageRepository,
    private readonly models: ModelsService,
    private readonly families: FamilyRequests,
    private readonly director: DirectorService,
    private readonly keys: KeyStore,
    private readonly clock: Clock,
  ) {}

  onlineKeys(): TrustOnlineKeys {
    return {
      image: {
        snapshot: publicKeyOf(this.keys.get("image-snapshot")),
        timestamp: publicKeyOf(this.keys.get("image-timestamp")),
      },
      director: publicKeyOf(this.keys.get("director-online")),
    };
  }

  /** @throws SartorError SRT_TRUST_NO_ROOT */
  async firstRoots(): Promise<TrustRoots> {
    this.image.requireReady();
    const first = async (repository: RepositoryName) => base64(await this.text(repository, "root", 1));
    return { image: await first("image"), director: await first("director") };
  }

  /** @throws SartorError SRT_NOT_FOUND */
  published(repository: RepositoryName, role: string): PublishedMetadata {
    const found = this.image.state.find(repository, role);
    if (found === undefined) throw nothing(repository, role);
    return { version: found.version, metadata: base64(found.text) };
  }

  /**
   * Published metadata, byte for byte.
   *
   * @param version the newest by default
   * @throws SartorError SRT_NOT_FOUND
   */
  async text(repository: RepositoryName, role: string, version?: number): Promise<string> {
    const newest = this.image.state.find(repository, role);
    const found =
      version === undefined || newest?.version === version
        ? newest
        : await this.repository.find(repository, role, version);
    if (found === undefined) throw nothing(repository, role);
    return found.text;
  }

  /**
   * What devices believe of a version.
   *
   * @throws SartorError SRT_MODEL_UNKNOWN
   */
  async version(model: string, version: string): Promise<VersionTrust> {
    const { variants } = await this.models.get(model, version);
    const bundles = variants.map(({ bundleId, name, kind }) => {
      const found = this.image.signedBundle(bundleId)?.custom;
      const signed = found === undefined ? null : { releaseCounter: found.releaseCounter, hardware: found.hardware };
      return { bundleId, variant: { name, kind }, signed };
    });
    return { model, version, bundles };
  }

  async status(): Promise<TrustStatus> {
    const { state } = this.image;
    const roles = [...state.served.values()].map((one) => this.role(one));
    const modelsWithoutRole = this.families.modelsWithoutRole;
    const openRequests = await this.repository.countOpen();
    const problems = [
      ...(state.ready ? [] : ["No root of trust was set up: sartor keys ceremony."]),
      ...this.onlineProblems(),
      ...roles.flatMap((role) => problemOf(role)),
      ...modelsWithoutRole.map((model) => `Nobody may sign ${model}: sartor keys family ${model}.`),
      ...(openRequests === 0 ? [] : [`Waiting for signatures: ${openRequests}; see sartor keys requests.`]),
    ];
    return {
      ready: state.ready,
      roles,
      modelsWithoutRole,
      openRequests,
      devices: await this.director.count(),
      problems,
    };
  }

  /** Roots that do not name the online keys of today: the key files were lost, or made anew after a theft. */
  private onlineProblems(): string[] {
    const { state } = this.image;
    const named = (repository: RepositoryName, role: string, keyId: string) =>
      state.keysOf(repository, role)?.keyIds.includes(keyId) ?? !state.ready;
    const { image, director } = this.onlineKeys();
    const isImage =
      named("image", "snapshot", image.snapshot.keyId) && named("image", "timestamp", image.timestamp.keyId);
    const isDirector = named("director", "targets", director.keyId);
    return (["image", "director"] as const)
      .filter((repository) => !(repository === "image" ? isImage : isDirector))
      .map(
        (repository) => `The ${repository} root does not name this control plane's online keys: sartor keys rotate.`,
      );
  }

  private role({ repository, role, version, text }: Publication): TrustRoleView {
    const { state } = this.image;
    const keys = state.keysOf(repository, role);
    const kind = role === "root" || role === "snapshot" || role === "timestamp" ? role : "targets";
    const metadata = parseMetadata(kind, Buffer.from(text, "utf8"));
    const expiresAt = endOf(metadata);
    const left = expiresAt - this.clock.now();
    const isFamily = kind === "targets" && role !== "targets";
    // Snapshot and timestamp are renewed at half of their life: they are late only when that has failed for a while.
    const soonMs = kind === "snapshot" || kind === "timestamp" ? livesOf(role).soonMs / 2 : livesOf(role).soonMs;
    const state_ = !state.isSigned(repository, role)
      ? "unsigned"
      : left <= 0
        ? "expired"
        : left < soonMs
          ? "expiring"
          : "valid";
    return {
      repository,
      role,
      version,
      expiresAt,
      state: state_,
      threshold: keys?.threshold ?? 1,
      keys: (keys?.keyIds ?? []).map((keyId) => ({
        keyId,
        public: state.publicKey(repository, keyId) ?? "0".repeat(64),
      })),
      targets: isFamily ? Object.keys(state.families.get(role)?.signed.targets ?? {}).length : 0,
    };
  }
}

function problemOf({ repository, role, state, expiresAt }: TrustRoleView): string[] {
  const what = `${repository} ${role}`;
  const when = new Date(expiresAt).toISOString().slice(0, 10);
  if (state === "unsigned")
    return [`${what} is not signed by the keys in force: devices install nothing that it names.`];
  if (state === "expired") return [`${what} ended on ${when}: devices install nothing new.`];
  return state === "expiring" ? [`${what} ends on ${when}: sign it anew.`] : [];
}

const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");

const nothing = (repository: string, role: string) =>
  new SartorError("SRT_NOT_FOUND", `There is no such metadata of ${repository} ${role}.`);
