import {
  publishedMetadataSchema,
  type ReleaseView,
  releaseViewSchema,
  type SigningProposal,
  type SigningRequestDetail,
  type SigningRequestView,
  signingRequestDetailSchema,
  signingRequestViewSchema,
  type TrustCeremonyRequest,
  type TrustOnlineKeys,
  type TrustRepository,
  type TrustSignature,
  type TrustStatus,
  trustOnlineKeysSchema,
  trustStatusSchema,
  type VersionTrust,
  versionTrustSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import type { ApiClient } from "../api-client.js";
import { readMetadata } from "./tuf.js";

const BASE = "/api/v1/trust";
const listSchema = z.object({ items: z.array(signingRequestViewSchema) });

/** The control plane's side of trust, over REST. It never sees a private key. */
export class TrustApi {
  readonly #api: Pick<ApiClient, "get" | "post">;

  constructor(api: Pick<ApiClient, "get" | "post">) {
    this.#api = api;
  }

  status(): Promise<TrustStatus> {
    return this.#api.get(`${BASE}/status`, trustStatusSchema);
  }

  onlineKeys(): Promise<TrustOnlineKeys> {
    return this.#api.get(`${BASE}/online-keys`, trustOnlineKeysSchema);
  }

  ceremony(request: TrustCeremonyRequest): Promise<TrustStatus> {
    return this.#api.post(`${BASE}/ceremony`, request, trustStatusSchema);
  }

  async root(repository: TrustRepository) {
    const { metadata } = await this.#api.get(`${BASE}/metadata/${repository}/root`, publishedMetadataSchema);
    return readMetadata("root", metadata);
  }

  async topTargets() {
    const { metadata } = await this.#api.get(`${BASE}/metadata/image/targets`, publishedMetadataSchema);
    return readMetadata("targets", metadata);
  }

  async requests(all: boolean): Promise<SigningRequestView[]> {
    return (await this.#api.get(`${BASE}/requests${all ? "?all=true" : ""}`, listSchema)).items;
  }

  request(requestId: string): Promise<SigningRequestDetail> {
    return this.#api.get(`${BASE}/requests/${encodeURIComponent(requestId)}`, signingRequestDetailSchema);
  }

  propose(proposal: SigningProposal): Promise<SigningRequestDetail> {
    return this.#api.post(`${BASE}/requests`, proposal, signingRequestDetailSchema);
  }

  addSignature(requestId: string, signature: TrustSignature): Promise<SigningRequestDetail> {
    const path = `${BASE}/requests/${encodeURIComponent(requestId)}/signatures`;
    return this.#api.post(path, signature, signingRequestDetailSchema);
  }

  version(model: string, version: string): Promise<VersionTrust> {
    const path = `${BASE}/releases/${encodeURIComponent(model)}/${encodeURIComponent(version)}`;
    return this.#api.get(path, versionTrustSchema);
  }

  release(model: string, version: string, again: boolean): Promise<ReleaseView> {
    return this.#api.post(`${BASE}/releases`, { model, version, again }, releaseViewSchema);
  }
}
