import { Module } from "@nestjs/common";
import { APP_INTERCEPTOR } from "@nestjs/core";
import { RolloutsModule } from "../rollouts/index.js";
import { AuditController } from "./audit.controller.js";
import { AuditInterceptor } from "./audit.interceptor.js";
import { AuditRepository } from "./audit.repository.js";
import { Audit } from "./audit.service.js";
import { AuditEvents } from "./audit-events.service.js";
import { AuditRetention } from "./audit-retention.service.js";

/** Who did what: written by an interceptor of every route and by events, in a chain of hashes. */
@Module({
  imports: [RolloutsModule],
  controllers: [AuditController],
  providers: [
    Audit,
    AuditEvents,
    AuditRetention,
    AuditRepository,
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
})
export class AuditModule {}
