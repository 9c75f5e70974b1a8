import { Body, Controller, Get, Header, HttpCode, Param, Post, Query, Req, Res, StreamableFile } from "@nestjs/common";
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type AuthorityStatus,
  authorityStatusSchema,
  type DeviceCertificatesReply,
  type DeviceRevocationReply,
  deviceCertificatesReplySchema,
  deviceIdSchema,
  deviceRevocationReplySchema,
  lateRenewalRequestSchema,
  type RenewalReply,
  renewalNonceSchema,
  renewalReplySchema,
  renewalRequestSchema,
  type ServerCertificateReply,
  type ServerCertificateRequest,
  serverCertificateReplySchema,
  serverCertificateRequestSchema,
} from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { addressOf, DeviceRoute, deviceSocketOf, EveryoneRoute, LeastRole, NewcomerRoute } from "../http/index.js";
import { AuthorityStatusService } from "./authority-status.service.js";
import { CertificateAuthority } from "./certificate-authority.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { peerCertificateOf } from "./peer-certificate.js";
import { Renewals } from "./renewals.service.js";
import { RevocationList } from "./revocation-list.service.js";

const crlQuerySchema = z.object({ format: z.enum(["der", "pem"]).default("der") });

@ApiTags("certificates")
@Controller("api/v1")
export class CertificatesController {
  constructor(
    private readonly authority: CertificateAuthority,
    private readonly authorityStatus: AuthorityStatusService,
    private readonly renewals: Renewals,
    private readonly identities: DeviceIdentities,
    private readonly revocations: RevocationList,
  ) {}

  @EveryoneRoute()
  @Get("certificates/authority")
  @Header("content-type", "application/x-pem-file")
  @ApiOperation({ summary: "The root certificate, PEM; an enrolment token holds its fingerprint" })
  root(): string {
    return this.authority.rootPem;
  }

  @LeastRole("viewer", "shared")
  @Get("certificates/authority/status")
  @ApiOperation({ summary: "Root and intermediate: fingerprints, ends, and whether the root's key lies here" })
  @ApiOkResponse({ standardSchema: authorityStatusSchema })
  status(): Promise<AuthorityStatus> {
    return this.authorityStatus.status();
  }

  @EveryoneRoute()
  @Get("certificates/crl")
  @ApiOperation({ summary: "Certificates that ended before their time (X.509 CRL): DER, or PEM with ?format=pem" })
  async crl(
    @Query({ schema: crlQuerySchema }) { format }: z.output<typeof crlQuerySchema>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const list = await this.revocations.current();
    reply.header("cache-control", "no-cache");
    return format === "pem"
      ? new StreamableFile(Buffer.from(list.pem), { type: "application/x-pem-file" })
      : new StreamableFile(list.der, { type: "application/pkix-crl" });
  }

  @DeviceRoute()
  @ApiBearerAuth("device")
  @Post("certificates/renewals")
  @HttpCode(200)
  @ApiOperation({ summary: "A certificate for a new key; the old one counts until the new one is first used" })
  @ApiOkResponse({ standardSchema: renewalReplySchema })
  renew(
    @Body({ schema: renewalRequestSchema }) { csr }: z.output<typeof renewalRequestSchema>,
    @Req() request: FastifyRequest,
  ): Promise<RenewalReply> {
    return this.renewals.renew(peerCertificateOf(deviceSocketOf(request)), csr);
  }

  @NewcomerRoute()
  @Get("certificates/nonces/new")
  @Header("cache-control", "no-store")
  @ApiOperation({ summary: "What a device whose certificate has ended signs" })
  @ApiOkResponse({ standardSchema: renewalNonceSchema })
  nonce(@Req() request: FastifyRequest): z.infer<typeof renewalNonceSchema> {
    return this.renewals.nonce(addressOf(request));
  }

  @NewcomerRoute()
  @Post("certificates/late-renewals")
  @HttpCode(200)
  @ApiOperation({ summary: "A certificate for a device whose own ended within the grace" })
  @ApiOkResponse({ standardSchema: renewalReplySchema })
  renewLate(
    @Body({ schema: lateRenewalRequestSchema }) body: z.output<typeof lateRenewalRequestSchema>,
    @Req() request: FastifyRequest,
  ): Promise<RenewalReply> {
    return this.renewals.renewLate(body, addressOf(request));
  }

  @LeastRole("admin", "fleet")
  @Post("certificates/servers")
  @ApiOperation({ summary: "A certificate for an external broker, which devices trust by this control plane's root" })
  @ApiCreatedResponse({ standardSchema: serverCertificateReplySchema })
  issueServer(
    @Body({ schema: serverCertificateRequestSchema }) body: ServerCertificateRequest,
  ): Promise<ServerCertificateReply> {
    return this.renewals.issueServer(body);
  }

  @LeastRole("viewer", "device")
  @Get("devices/:deviceId/certificates")
  @ApiOperation({ summary: "A device's certificates, the newest first" })
  @ApiOkResponse({ standardSchema: deviceCertificatesReplySchema })
  certificatesOf(@Param("deviceId", { schema: deviceIdSchema }) deviceId: string): Promise<DeviceCertificatesReply> {
    return this.identities.certificatesOf(deviceId);
  }

  @LeastRole("admin", "device")
  @Post("devices/:deviceId/revoke")
  @HttpCode(200)
  @ApiOperation({ summary: "End a device's access at once: all its certificates, and its live connections" })
  @ApiOkResponse({ standardSchema: deviceRevocationReplySchema })
  async revoke(@Param("deviceId", { schema: deviceIdSchema }) deviceId: string): Promise<DeviceRevocationReply> {
    return { deviceId, revokedCertificates: await this.identities.revoke(deviceId) };
  }
}
