import { Body, Controller, Get, HttpCode, Post, Query } from "@nestjs/common";
import { ApiOkResponse, ApiOperation, ApiTags } from "@nestjs/swagger";
import {
  type AuditHead,
  type AuditPruneReply,
  type AuditPruneRequest,
  auditHeadSchema,
  auditPruneReplySchema,
  auditPruneRequestSchema,
  type ChainedAuditEntry,
  chainedAuditEntrySchema,
  pageOf,
} from "@sartor/shared/protocol";
import { z } from "zod";
import { LeastRole } from "../http/index.js";
import { Audit } from "./audit.service.js";

const querySchema = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  order: z.enum(["newest", "oldest"]).default("newest"),
});
const pageSchema = pageOf(chainedAuditEntrySchema).meta({ id: "AuditPage" });

/** The log of who did what, for admins. */
@ApiTags("audit")
@LeastRole("admin", "fleet")
@Controller("api/v1/audit")
export class AuditController {
  constructor(private readonly audit: Audit) {}

  @Get()
  @ApiOperation({ summary: "Who did what: the newest first, or with order=oldest in the order of the chain" })
  @ApiOkResponse({ standardSchema: pageSchema })
  list(
    @Query({ schema: querySchema }) { order, cursor, limit }: z.output<typeof querySchema>,
  ): Promise<{ items: ChainedAuditEntry[]; nextCursor: string | null }> {
    return this.audit.page(order, cursor, limit);
  }

  @Get("head")
  @ApiOperation({ summary: "The end of the chain: keep it elsewhere, to compare the log with" })
  @ApiOkResponse({ standardSchema: auditHeadSchema })
  head(): Promise<AuditHead> {
    return this.audit.head();
  }

  @Post("prune")
  @HttpCode(200)
  @ApiOperation({
    summary: "Remove the entries before a moment that is 30 days ago or more; an entry says up to which",
  })
  @ApiOkResponse({ standardSchema: auditPruneReplySchema })
  async prune(@Body({ schema: auditPruneRequestSchema }) { before }: AuditPruneRequest): Promise<AuditPruneReply> {
    return { removed: await this.audit.prune(before) };
  }

  @Get("verification")
  @ApiOperation({ summary: "Follow the whole chain; SRT_AUDIT_BROKEN names the first entry that does not fit" })
  @ApiOkResponse({ standardSchema: auditHeadSchema })
  verify(): Promise<AuditHead> {
    return this.audit.verify();
  }
}
