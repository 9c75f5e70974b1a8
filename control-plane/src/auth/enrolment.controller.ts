import { Body, Controller, Get, HttpCode, Post, Req, Res } from "@nestjs/common";
import { ApiAcceptedResponse, ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  DEFAULT_GROUP,
  type EnrolmentKeyReply,
  type EnrolmentKeyRequest,
  type EnrolmentReply,
  type EnrolmentRequest,
  type EnrolmentTokenReply,
  type EnrolmentTokenRequest,
  enrolmentKeyReplySchema,
  enrolmentKeyRequestSchema,
  enrolmentReplySchema,
  enrolmentRequestSchema,
  enrolmentTokenReplySchema,
  enrolmentTokenRequestSchema,
  type PendingEnrolmentReply,
  type PendingEnrolmentRequest,
  type PendingEnrolmentsReply,
  pendingEnrolmentReplySchema,
  pendingEnrolmentRequestSchema,
  pendingEnrolmentsReplySchema,
  roleIncludes,
} from "@sartor/shared/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AuditedByEvent, addressOf, CurrentPerson, LeastRole, NewcomerRoute, type Person } from "../http/index.js";
import { DeviceGroups, requireGroups } from "./device-groups.service.js";
import { EnrolmentService } from "./enrolment.service.js";
import { roleTooLow } from "./role-too-low.js";

@ApiTags("enrolment")
@Controller("api/v1")
export class EnrolmentController {
  constructor(
    private readonly enrolment: EnrolmentService,
    private readonly groups: DeviceGroups,
  ) {}

  @LeastRole("operator", "scoped")
  @Post("enrolment-tokens")
  @ApiOperation({
    summary:
      "Make a one-time token that enrols one device; for admins also one that gives a device that is there a new key",
  })
  @ApiCreatedResponse({ standardSchema: enrolmentTokenReplySchema })
  async createToken(
    @Body({ schema: enrolmentTokenRequestSchema }) body: EnrolmentTokenRequest,
    @CurrentPerson() person: Person,
    @Req() request: FastifyRequest,
  ): Promise<EnrolmentTokenReply> {
    await this.requireMayReplace(body, person);
    return this.enrolment.createToken({ ...body, ...groupOf(body, person) }, hostOf(request));
  }

  @LeastRole("operator", "scoped")
  @Post("enrolments/keys")
  @ApiOperation({
    summary:
      "Allow the device with a key to enrol without a token, before it asks or when it waits; in another one's place: for admins",
  })
  @ApiCreatedResponse({ standardSchema: enrolmentKeyReplySchema })
  async allowKey(
    @Body({ schema: enrolmentKeyRequestSchema }) body: EnrolmentKeyRequest,
    @CurrentPerson() person: Person,
  ): Promise<EnrolmentKeyReply> {
    await this.requireMayReplace(body, person);
    return this.enrolment.allowKey({ ...body, ...groupOf(body, person) }, person.groups);
  }

  @LeastRole("viewer", "shared")
  @Get("enrolments/pending")
  @ApiOperation({ summary: "Devices that asked without a token; compare the fingerprint with what the device shows" })
  @ApiOkResponse({ standardSchema: pendingEnrolmentsReplySchema })
  pending(): Promise<PendingEnrolmentsReply> {
    return this.enrolment.pending();
  }

  @NewcomerRoute()
  @AuditedByEvent()
  @Post("enrolments")
  @HttpCode(200)
  @ApiOperation({ summary: "Redeem a token: called by a device, with a request for a key of its own making" })
  @ApiOkResponse({ standardSchema: enrolmentReplySchema })
  enrol(
    @Body({ schema: enrolmentRequestSchema }) body: EnrolmentRequest,
    @Req() request: FastifyRequest,
  ): Promise<EnrolmentReply> {
    return this.enrolment.enrol(body, { address: addressOf(request), host: hostOf(request) });
  }

  @NewcomerRoute()
  @AuditedByEvent()
  @Post("enrolments/pending")
  @ApiOperation({ summary: "Ask without a token: enrols when an operator allowed the key, waits until then" })
  @ApiOkResponse({ standardSchema: enrolmentReplySchema })
  @ApiAcceptedResponse({ standardSchema: pendingEnrolmentReplySchema })
  async enrolByKey(
    @Body({ schema: pendingEnrolmentRequestSchema }) body: PendingEnrolmentRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<EnrolmentReply | PendingEnrolmentReply> {
    const outcome = await this.enrolment.enrolByKey(body, { address: addressOf(request), host: hostOf(request) });
    reply.status("status" in outcome ? 202 : 200);
    return outcome;
  }

  /** Who takes a device's place has its name and its orders, and ends its certificates: that is as much as to revoke it. */
  private async requireMayReplace({ replaces }: { readonly replaces?: string | undefined }, person: Person) {
    if (replaces === undefined) return;
    if (!roleIncludes(person.role, "admin")) throw roleTooLow("admin", person, `Replacing ${replaces}`);
    await this.groups.requireSees(person.groups, replaces);
  }
}

/**
 * Where a new device belongs when somebody enrols it: where they say, or else in the default group, or in the only one that they are for.
 *
 * @throws SartorError SRT_GROUP_FORBIDDEN
 */
function groupOf(
  { group, replaces }: { readonly group?: string | undefined; readonly replaces?: string | undefined },
  person: Person,
): { group?: string } {
  if (replaces !== undefined) return {};
  const only = person.groups?.length === 1 ? person.groups[0] : undefined;
  const wanted = group ?? only ?? DEFAULT_GROUP;
  requireGroups(person, [wanted]);
  return { group: wanted };
}

/** TLS ends here, so no proxy can have set another header. */
function hostOf(request: FastifyRequest): string | undefined {
  const host = request.raw.headers.host;
  return host !== undefined && URL.canParse(`https://${host}`) ? new URL(`https://${host}`).hostname : undefined;
}
