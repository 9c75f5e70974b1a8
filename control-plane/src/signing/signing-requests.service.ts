import { verify } from "node:crypto";
import { Injectable } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import {
  familyPaths,
  type SigningProposal,
  type SigningRequestDetail,
  type SigningRequestView,
  type TrustCeremonyRequest,
  type TrustSignature,
} from "@sartor/shared/protocol";
import { type Metadata, type Root, Signature, type Targets } from "@tufjs/models";
import { Clock, Ids } from "../config/index.js";
import { EventBus } from "../events/index.js";
import { canonicalBytes, publicKeyObject } from "./ed25519.js";
import { ImageRepository } from "./image-repository.service.js";
import { KeyStore } from "./key-store.js";
import { endOf, parseMetadata, serializeMetadata } from "./metadata.js";
import { type Publication, type SigningRequest, TrustRepository } from "./trust.repository.js";
import type { RoleKeys, TrustState } from "./trust-state.js";
import {
  checkNextRoot,
  checkTopTargets,
  isSignedFor,
  requireNextVersion,
  requireOnlineKeys,
  verifyFirstRoot,
  verifyNextRoot,
  verifyTopTargets,
} from "./verify.js";

/** Who has to sign, with the keys themselves. */
interface Need extends RoleKeys {
  readonly by: "keys" | "old_root" | "new_root";
  readonly publicKey: (keyId: string) => string | undefined;
}

/** What waits for signatures of keys that are offline; published as soon as there are enough. */
@Injectable()
export class SigningRequests {
  constructor(
    private readonly repository: TrustRepository,
    private readonly image: ImageRepository,
    private readonly keys: KeyStore,
    private readonly events: EventBus,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * Takes the outcome of the key ceremony, all or none. The same outcome again changes nothing, so that a lost reply costs nothing.
   *
   * @throws SartorError SRT_CONFLICT when another ceremony was held; SRT_TRUST_SIGNATURE, SRT_TRUST_EXPIRED,
   *   SRT_TRUST_METADATA_INVALID
   */
  ceremony(request: TrustCeremonyRequest): Promise<void> {
    return this.image.exclusively(async () => {
      const bytes = (text: string) => Buffer.from(text, "base64");
      const imageRoot = parseMetadata("root", bytes(request.imageRoot));
      const targets = parseMetadata("targets", bytes(request.imageTargets));
      const directorRoot = parseMetadata("root", bytes(request.directorRoot));
      const publications: Publication[] = [
        { repository: "image", role: "root", version: 1, text: bytes(request.imageRoot).toString("utf8") },
        { repository: "director", role: "root", version: 1, text: bytes(request.directorRoot).toString("utf8") },
        { repository: "image", role: "targets", version: 1, text: bytes(request.imageTargets).toString("utf8") },
      ];
      if (this.image.state.ready) return this.requireSame(publications);
      const now = this.clock.now();
      verifyFirstRoot(imageRoot, now);
      verifyFirstRoot(directorRoot, now);
      this.requireOwnKeys("image", imageRoot);
      this.requireOwnKeys("director", directorRoot);
      requireNextVersion("targets", 0, targets.signed.version);
      checkTopTargets(targets, familyPaths, now);
      verifyTopTargets(imageRoot, targets);
      await this.image.publish(publications, []);
    });
  }

  /**
   * Opens a request for a new root or new top-level targets. The same proposal again is the same request.
   *
   * @throws SartorError SRT_TRUST_NO_ROOT, SRT_TRUST_ROLLBACK, SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID
   */
  propose({ repository, role, metadata, reason }: SigningProposal): Promise<SigningRequestDetail> {
    return this.image.exclusively(async () => {
      const state = this.image.requireReady();
      const parsed = parseMetadata(role, Buffer.from(metadata, "base64")) as Metadata<Root> | Metadata<Targets>;
      parsed.signatures = {};
      this.check(state, repository, role, parsed);
      const text = serializeMetadata(parsed);
      const open = await this.repository.openRequest(repository, role);
      if (open?.text === text) return this.detail(open);
      const requestId = this.ids.ulid();
      const { version } = parsed.signed;
      await this.repository.open({ requestId, repository, role, version, reason, text, createdAt: this.clock.now() });
      this.events.emit("signing.requested", { role });
      return this.get(requestId);
    });
  }

  /**
   * Adds a signature; with the last one that was missing the metadata is published.
   *
   * @throws SartorError SRT_SIGNING_REQUEST_UNKNOWN, SRT_CONFLICT when it is not open any more, SRT_KEY_UNKNOWN when the key may not
   *   sign it, SRT_TRUST_SIGNATURE, SRT_TRUST_EXPIRED, SRT_TRUST_METADATA_INVALID
   */
  addSignature(requestId: string, { keyId, signature }: TrustSignature): Promise<SigningRequestDetail> {
    return this.image.exclusively(async () => {
      const request = await this.load(requestId);
      if (request.status === "published" && request.signatures.some((one) => one.keyId === keyId)) {
        return this.detail(request);
      }
      if (request.status !== "open") {
        throw new SartorError("SRT_CONFLICT", `The signing request is ${request.status}; see: sartor keys requests.`);
      }
      const metadata = this.parse(request);
      const state = this.image.requireReady();
      const need = this.needsOf(state, request, metadata).find(({ keyIds }) => keyIds.includes(keyId));
      const publicHex = need?.publicKey(keyId);
      if (publicHex === undefined) {
        throw new SartorError("SRT_KEY_UNKNOWN", `The key ${keyId.slice(0, 12)} may not sign ${request.role}.`);
      }
      if (!verify(null, canonicalBytes(metadata), publicKeyObject(publicHex), Buffer.from(signature, "hex"))) {
        throw new SartorError("SRT_TRUST_SIGNATURE", `The signature of ${keyId.slice(0, 12)} does not fit.`);
      }
      await this.repository.addSignature(requestId, keyId, signature, this.clock.now());
      this.events.emit("signing.requested", { role: request.role });
      if (await this.publishWhenComplete(state, await this.load(requestId))) await this.publishWhatWaited();
      return this.get(requestId);
    });
  }

  /** @throws SartorError SRT_SIGNING_REQUEST_UNKNOWN */
  async get(requestId: string): Promise<SigningRequestDetail> {
    return this.detail(await this.load(requestId));
  }

  /** What is open, newest first; all of the last ones with `all`. */
  async list(all: boolean): Promise<SigningRequestView[]> {
    const { state } = this.image;
    return (await this.repository.requests(!all)).map((request) => this.view(state, request));
  }

  /** New keys may make signatures count that did not before. What cannot be published still waits, as before. */
  private async publishWhatWaited(): Promise<void> {
    for (const request of await this.repository.requests(true)) {
      try {
        await this.publishWhenComplete(this.image.state, request);
      } catch (error) {
        if (!(error instanceof SartorError)) throw error;
      }
    }
  }

  private async publishWhenComplete(state: TrustState, request: SigningRequest): Promise<boolean> {
    const metadata = this.parse(request);
    for (const { keyId, signature } of request.signatures) {
      metadata.signatures[keyId] = new Signature({ keyID: keyId, sig: signature });
    }
    if (!this.isComplete(state, request, metadata)) return false;
    // Signatures of keys that were asked before and may not sign any more would only be dead weight.
    const asked = new Set(this.needsOf(state, request, metadata).flatMap(({ keyIds }) => keyIds));
    for (const keyId of Object.keys(metadata.signatures)) if (!asked.has(keyId)) delete metadata.signatures[keyId];
    const { repository, role, version } = request;
    this.check(state, repository, role, metadata);
    if (role === "root" && state.find(repository, "root") !== undefined) {
      const current = repository === "image" ? state.imageRoot : state.directorRoot;
      if (current !== undefined) verifyNextRoot(current, metadata as Metadata<Root>, this.clock.now());
    }
    const text = serializeMetadata(metadata);
    await this.image.publish([{ repository, role, version, text }], [request.requestId]);
    return true;
  }

  private isComplete(
    state: TrustState,
    request: SigningRequest,
    metadata: Metadata<Root> | Metadata<Targets>,
  ): boolean {
    const root = request.repository === "image" ? state.imageRoot : state.directorRoot;
    if (root === undefined) return false;
    if (request.role === "root") {
      return isSignedFor(root, "root", metadata) && isSignedFor(metadata, "root", metadata);
    }
    if (request.role === "targets") return isSignedFor(root, "targets", metadata);
    return state.topTargets !== undefined && isSignedFor(state.topTargets, request.role, metadata);
  }

  /** Everything about metadata but its signatures. */
  private check(
    state: TrustState,
    repository: "image" | "director",
    role: string,
    metadata: Metadata<Root> | Metadata<Targets>,
  ): void {
    const now = this.clock.now();
    const root = repository === "image" ? state.imageRoot : state.directorRoot;
    if (role === "root" && root !== undefined) {
      checkNextRoot(root, metadata as Metadata<Root>, now);
      this.requireOwnKeys(repository, metadata as Metadata<Root>);
      return;
    }
    if (repository === "director") {
      throw new SartorError("SRT_INVALID_REQUEST", "The director's targets are signed by the control plane itself.");
    }
    const current = role === "targets" ? state.topTargets : state.families.get(role);
    requireNextVersion(role, current?.signed.version ?? 0, metadata.signed.version);
    if (role === "targets") checkTopTargets(metadata as Metadata<Targets>, familyPaths, now);
    else if (endOf(metadata) <= now) {
      throw new SartorError("SRT_TRUST_EXPIRED", `The metadata of ${role} ended at ${metadata.signed.expires}.`);
    }
  }

  private needsOf(state: TrustState, request: SigningRequest, metadata: Metadata<Root> | Metadata<Targets>): Need[] {
    const { repository, role } = request;
    const current = state.keysOf(repository, role);
    const publicKey = (keyId: string) => state.publicKey(repository, keyId);
    if (role !== "root") return current === undefined ? [] : [{ by: "keys", ...current, publicKey }];
    const { roles, keys } = (metadata as Metadata<Root>).signed;
    const next = roles.root;
    return [
      ...(current === undefined ? [] : [{ by: "old_root" as const, ...current, publicKey }]),
      ...(next === undefined
        ? []
        : [
            {
              by: "new_root" as const,
              threshold: next.threshold,
              keyIds: next.keyIDs,
              publicKey: (keyId: string) => keys[keyId]?.keyVal.public,
            },
          ]),
    ];
  }

  private parse(request: SigningRequest): Metadata<Root> | Metadata<Targets> {
    return parseMetadata(request.role === "root" ? "root" : "targets", Buffer.from(request.text, "utf8"));
  }

  private async load(requestId: string): Promise<SigningRequest> {
    const request = await this.repository.request(requestId);
    if (request === undefined) {
      throw new SartorError("SRT_SIGNING_REQUEST_UNKNOWN", `There is no signing request ${requestId}.`);
    }
    return request;
  }

  private view(state: TrustState, request: SigningRequest): SigningRequestView {
    const signed = new Set(request.signatures.map(({ keyId }) => keyId));
    const { requestId, repository, role, version, status, reason, createdAt } = request;
    const needs =
      status === "open"
        ? this.needsOf(state, request, this.parse(request)).map(({ by, threshold, keyIds }) => ({
            by,
            threshold,
            keyIds: [...keyIds],
            signedBy: keyIds.filter((keyId) => signed.has(keyId)),
          }))
        : [];
    return { requestId, repository, role, version, status, reason, createdAt, needs };
  }

  private detail(request: SigningRequest): SigningRequestDetail {
    const { state } = this.image;
    const published = state.find(request.repository, request.role);
    const base64 = (text: string) => Buffer.from(text, "utf8").toString("base64");
    return {
      ...this.view(state, request),
      metadata: base64(request.text),
      published: published === undefined ? null : base64(published.text),
    };
  }

  private requireOwnKeys(repository: "image" | "director", root: Metadata<Root>): void {
    const id = (name: Parameters<KeyStore["get"]>[0]) => this.keys.get(name).keyId;
    const director = id("director-online");
    requireOnlineKeys(
      repository,
      root,
      repository === "image"
        ? { snapshot: id("image-snapshot"), timestamp: id("image-timestamp") }
        : { targets: director, snapshot: director, timestamp: director },
    );
  }

  private async requireSame(publications: readonly Publication[]): Promise<void> {
    for (const { repository, role, version, text } of publications) {
      const found = await this.repository.find(repository, role, version);
      // Old targets are forgotten in time; the roots stay and tell ceremonies apart.
      if (found?.text === text || (found === undefined && role !== "root")) continue;
      throw new SartorError("SRT_CONFLICT", "A key ceremony was held before: change keys with sartor keys rotate.");
    }
  }
}
