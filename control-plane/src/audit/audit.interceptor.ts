import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { type AuditEntry, printable } from "@sartor/shared/protocol";
import type { FastifyReply } from "fastify";
import { catchError, from, map, mergeMap, type Observable, throwError } from "rxjs";
import {
  ACCESS,
  type Access,
  AUDITED_BY_EVENT,
  type AuthenticatedRequest,
  addressOf,
  CHANGES_NOTHING,
  toSartorError,
} from "../http/index.js";
import { Audit } from "./audit.service.js";
import { auditTargetOf } from "./audit-target.js";

const READS = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Writes down every call that changes something, with what came of it, before the reply is sent: what is answered is in the log. Where
 * the log cannot be written, the call fails although it was done; the log of the process says so.
 */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly audit: Audit,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== "http") return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const handler = context.getHandler();
    const exempt = [CHANGES_NOTHING, AUDITED_BY_EVENT].some(
      (key) => this.reflector.get<boolean>(key, handler) === true,
    );
    if (READS.has(request.method) || exempt) return next.handle();
    const access =
      this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [handler, context.getClass()]) ?? "operator";
    const write = (outcome: string, status: number, result?: unknown) =>
      from(this.audit.append(factOf(request, outcome, status, result)));
    return next.handle().pipe(
      mergeMap((result: unknown) => {
        const { statusCode } = http.getResponse<FastifyReply>();
        return write("ok", statusCode, result).pipe(map(() => result));
      }),
      catchError((thrown: unknown) => {
        const error = toSartorError(thrown);
        // Whoever is nobody must not fill the log by failing; wrong passwords for users that exist are what an admin looks for.
        const worth = access === "operator" || (error.code === "SRT_LOGIN_FAILED" && request.auditTarget !== undefined);
        const fail = () => throwError(() => thrown);
        return worth ? write(error.code, error.status).pipe(mergeMap(fail)) : fail();
      }),
    );
  }
}

function factOf(
  request: AuthenticatedRequest,
  outcome: string,
  status: number,
  result: unknown,
): Omit<AuditEntry, "sequence" | "at"> {
  return {
    actor: actorOf(request),
    address: printable(addressOf(request), 128),
    action: printable(`${request.method} ${request.routeOptions.url ?? ""}`, 256),
    target: auditTargetOf(request.auditTarget, request.params, jsonBodyOf(request), result),
    outcome,
    status,
    correlationId: request.id,
  };
}

/** A file that is sent as the body is a stream: nothing is named in it. */
function jsonBodyOf(request: AuthenticatedRequest): unknown {
  return request.body === request.raw ? undefined : request.body;
}

function actorOf({ person, deviceId }: AuthenticatedRequest): AuditEntry["actor"] {
  if (person !== undefined) return { kind: person.kind, id: person.id, name: person.name, role: person.role };
  if (deviceId !== undefined) return { kind: "device", id: deviceId, name: null, role: null };
  return { kind: "anonymous", id: null, name: null, role: null };
}
