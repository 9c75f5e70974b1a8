import { Body, Controller, HttpCode, Post, Req } from "@nestjs/common";
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type EnrolmentReply,
  type EnrolmentRequest,
  type EnrolmentTokenReply,
  type EnrolmentTokenRequest,
  enrolmentReplySchema,
  enrolmentRequestSchema,
  enrolmentTokenReplySchema,
  enrolmentTokenRequestSchema,
} from "@sartor/shared/protocol";
import type { FastifyRequest } from "fastify";
import { Public } from "../http/index.js";
import { EnrolmentService } from "./enrolment.service.js";

@ApiTags("enrolment")
@Controller("api/v1")
export class EnrolmentController {
  constructor(private readonly enrolment: EnrolmentService) {}

  @Post("enrolment-tokens")
  @ApiOperation({ summary: "Make a one-time token that enrols one device" })
  @ApiCreatedResponse({ standardSchema: enrolmentTokenReplySchema })
  createToken(
    @Body({ schema: enrolmentTokenRequestSchema }) body: EnrolmentTokenRequest,
  ): Promise<EnrolmentTokenReply> {
    return this.enrolment.createToken(body);
  }

  @Public()
  @Post("enrolments")
  @HttpCode(200)
  @ApiOperation({ summary: "Redeem a token: called by a device, which sends a secret of its own making" })
  @ApiOkResponse({ standardSchema: enrolmentReplySchema })
  enrol(
    @Body({ schema: enrolmentRequestSchema }) body: EnrolmentRequest,
    @Req() request: FastifyRequest,
  ): Promise<EnrolmentReply> {
    return this.enrolment.enrol(body, { address: request.ip, host: request.hostname });
  }
}
