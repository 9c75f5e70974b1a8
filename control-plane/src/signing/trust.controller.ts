import { Body, Controller, Get, HttpCode, Param, Post, Query } from "@nestjs/common";
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  modelNameSchema,
  modelVersionSchema,
  type PublishedMetadata,
  publishedMetadataSchema,
  type ReleaseRequest,
  type ReleaseView,
  releaseRequestSchema,
  releaseViewSchema,
  type SigningProposal,
  type SigningRequestDetail,
  type SigningRequestView,
  signingProposalSchema,
  signingRequestDetailSchema,
  signingRequestViewSchema,
  TRUST_REPOSITORIES,
  type TrustCeremonyRequest,
  type TrustOnlineKeys,
  type TrustRepository,
  type TrustSignature,
  type TrustStatus,
  trustCeremonyRequestSchema,
  trustOnlineKeysSchema,
  trustRoleSchema,
  trustSignatureSchema,
  trustStatusSchema,
  ulidSchema,
  type VersionTrust,
  versionTrustSchema,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { LeastRole } from "../http/index.js";
import { FamilyRequests } from "./family-requests.service.js";
import { SigningRequests } from "./signing-requests.service.js";
import { TrustStatusService } from "./trust-status.service.js";

const listSchema = z.object({ items: z.array(signingRequestViewSchema) }).meta({ id: "SigningRequestList" });
const listQuerySchema = z.object({ all: z.enum(["true", "false"]).default("false") });
const repositorySchema = z.enum(TRUST_REPOSITORIES);

/** Trust for operators: keys sign elsewhere, here is what they sign and what became of it. */
@ApiTags("trust")
@Controller("api/v1/trust")
export class TrustController {
  constructor(
    private readonly status: TrustStatusService,
    private readonly requests: SigningRequests,
    private readonly families: FamilyRequests,
  ) {}

  @LeastRole("viewer", "shared")
  @Get("status")
  @ApiOperation({ summary: "Every role with its keys and its end, and what a person should look at" })
  @ApiOkResponse({ standardSchema: trustStatusSchema })
  show(): Promise<TrustStatus> {
    return this.status.status();
  }

  @LeastRole("viewer", "shared")
  @Get("online-keys")
  @ApiOperation({ summary: "The public keys that the control plane signs with by itself: the roots have to name them" })
  @ApiOkResponse({ standardSchema: trustOnlineKeysSchema })
  onlineKeys(): TrustOnlineKeys {
    return this.status.onlineKeys();
  }

  @LeastRole("admin", "fleet")
  @Post("ceremony")
  @HttpCode(200)
  @ApiOperation({ summary: "Hand in the first roots and top-level targets; the same ones again change nothing" })
  @ApiOkResponse({ standardSchema: trustStatusSchema })
  async ceremony(@Body({ schema: trustCeremonyRequestSchema }) body: TrustCeremonyRequest): Promise<TrustStatus> {
    await this.requests.ceremony(body);
    return this.status.status();
  }

  @LeastRole("viewer", "shared")
  @Get("metadata/:repository/:role")
  @ApiOperation({ summary: "What is published for a role" })
  @ApiOkResponse({ standardSchema: publishedMetadataSchema })
  metadata(
    @Param("repository", { schema: repositorySchema }) repository: TrustRepository,
    @Param("role", { schema: trustRoleSchema }) role: string,
  ): PublishedMetadata {
    return this.status.published(repository, role);
  }

  @LeastRole("viewer", "shared")
  @Get("requests")
  @ApiOperation({ summary: "What waits for signatures, newest first; with all=true the last hundred that did" })
  @ApiOkResponse({ standardSchema: listSchema })
  async list(
    @Query({ schema: listQuerySchema }) query: z.infer<typeof listQuerySchema>,
  ): Promise<{ items: SigningRequestView[] }> {
    return { items: await this.requests.list(query.all === "true") };
  }

  @LeastRole("admin", "fleet")
  @Post("requests")
  @ApiOperation({ summary: "Propose a new root or new top-level targets; what was open for that role is superseded" })
  @ApiCreatedResponse({ standardSchema: signingRequestDetailSchema })
  propose(@Body({ schema: signingProposalSchema }) body: SigningProposal): Promise<SigningRequestDetail> {
    return this.requests.propose(body);
  }

  @LeastRole("viewer", "shared")
  @Get("requests/:requestId")
  @ApiOperation({ summary: "One signing request: what is to be signed, what is published now, who has signed" })
  @ApiOkResponse({ standardSchema: signingRequestDetailSchema })
  request(@Param("requestId", { schema: ulidSchema }) requestId: string): Promise<SigningRequestDetail> {
    return this.requests.get(requestId);
  }

  @LeastRole("admin", "fleet")
  @Post("requests/:requestId/signatures")
  @HttpCode(200)
  @ApiOperation({ summary: "Add a signature; with the last one that is missing the metadata is published" })
  @ApiOkResponse({ standardSchema: signingRequestDetailSchema })
  sign(
    @Param("requestId", { schema: ulidSchema }) requestId: string,
    @Body({ schema: trustSignatureSchema }) body: TrustSignature,
  ): Promise<SigningRequestDetail> {
    return this.requests.addSignature(requestId, body);
  }

  @LeastRole("viewer", "shared")
  @Get("releases/:model/:version")
  @ApiOperation({ summary: "What is signed of a version's bundles, and what waits for signatures" })
  @ApiOkResponse({ standardSchema: versionTrustSchema })
  version(
    @Param("model", { schema: modelNameSchema }) model: string,
    @Param("version", { schema: modelVersionSchema }) version: string,
  ): Promise<VersionTrust> {
    return this.status.version(model, version);
  }

  @LeastRole("operator", "shared")
  @Post("releases")
  @HttpCode(200)
  @ApiOperation({ summary: "Release a version, or again with a higher counter: a downgrade that is meant" })
  @ApiOkResponse({ standardSchema: releaseViewSchema })
  release(@Body({ schema: releaseRequestSchema }) body: ReleaseRequest): Promise<ReleaseView> {
    return this.families.release(body);
  }
}
