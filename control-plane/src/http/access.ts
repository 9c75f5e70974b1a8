import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from "@nestjs/common";
import { ApiExtension } from "@nestjs/swagger";
import type { ApiScope, GroupScope, Role } from "@sartor/shared/protocol";
import type { FastifyRequest } from "fastify";

/**
 * Who may call a route: an operator unless a decorator says otherwise. `operator` and `public` routes are served on the operators' listener,
 * `device` and `newcomer` ones on the devices', `everyone` ones on both.
 */
export type Access = "operator" | "device" | "public" | "newcomer" | "everyone";

/** Metadata key of {@link Access}. */
export const ACCESS = "sartor:access";

/**
 * Where @nestjs/swagger reads what a route asks for; an empty requirement is one that anybody meets
 * (an empty list would be dropped on its way into the document).
 */
const OPENAPI_SECURITY = "swagger/apiSecurity";

/** Anyone who reaches the operators' listener may call this route (health, metrics). */
export const Public = (): MethodDecorator & ClassDecorator => withoutCredential("public");

/** Devices may call this route before they have a certificate that counts (enrolment, late renewal). */
export const NewcomerRoute = (): MethodDecorator & ClassDecorator => withoutCredential("newcomer");

/** Anyone may call this route, on either listener (root certificate, revocation list). */
export const EveryoneRoute = (): MethodDecorator & ClassDecorator => withoutCredential("everyone");

function withoutCredential(access: Access): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(ACCESS, access), SetMetadata(OPENAPI_SECURITY, [{}]));
}

/** Enrolled devices may call this route; they show their certificate in the TLS handshake. */
export const DeviceRoute = (): MethodDecorator & ClassDecorator => SetMetadata(ACCESS, "device" satisfies Access);

/** Metadata key of {@link LeastRole}. */
export const LEAST_ROLE = "sartor:least-role";
/** Metadata keys that only the audit log reads. */
export const CHANGES_NOTHING = "sartor:changes-nothing";
export const AUDITED_BY_EVENT = "sartor:audited-by-event";

/** Metadata key of {@link Reach}. */
export const REACH = "sartor:reach";
export const REACHES = ["device", "scoped", "shared", "fleet"] as const;

/**
 * What of the fleet an operators' route reaches, which decides what it is for somebody who is for some groups of devices only.
 *
 * - `device`: the device in its address; the guard lets nobody see one of another group.
 * - `scoped`: its handler shows and changes only what belongs to the person's groups.
 * - `shared`: what all groups have in common (models, metadata), and what is one's own.
 * - `fleet`: all groups at once (people, trust, audit log); only for who is for all of them.
 */
export type Reach = (typeof REACHES)[number];

/**
 * The least role of whoever may call an operators' route, and what it reaches. Every such route names both: without, only admins who are for
 * all groups may.
 */
export const LeastRole = (role: Role, reach: Reach): MethodDecorator & ClassDecorator =>
  applyDecorators(
    SetMetadata(LEAST_ROLE, role),
    SetMetadata(REACH, reach),
    ApiExtension("x-least-role", role),
    ApiExtension("x-group-reach", reach),
  );

/** A POST that only computes: nothing to write into the audit log, and nothing that a viewer may not do. */
export const ChangesNothing = (): MethodDecorator => SetMetadata(CHANGES_NOTHING, true);

/** What this route does is written into the audit log by an event that says more. */
export const AuditedByEvent = (): MethodDecorator => SetMetadata(AUDITED_BY_EVENT, true);

/** A person or a program that operates the control plane, by the credential that came with a request. */
export interface Person {
  readonly kind: "user" | "api_token" | "operator_token";
  /** Of the user or the API token; empty for the operator token. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Parts of the REST interface that an API token is limited to; null means all. */
  readonly scopes: readonly ApiScope[] | null;
  /** Groups of devices that the role is for; null means all. */
  readonly groups: GroupScope;
  /** The user behind it; null where there is none. */
  readonly personId: string | null;
  /** Names the session or the API token, so that it can be ended; no secret. */
  readonly credentialId: string;
  readonly expiresAt: number | null;
}

/** A request after the guard: who is behind it. */
export interface AuthenticatedRequest extends FastifyRequest {
  deviceId?: string;
  person?: Person;
  /** What a handler adds to the target of its audit entry; never a secret. */
  auditTarget?: Record<string, string>;
}

/** Parameter decorator: who calls an operators' route. */
export const CurrentPerson = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Person | undefined =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().person,
);

/** Parameter decorator: the id of the device that calls a {@link DeviceRoute}. */
export const CurrentDevice = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string | undefined =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().deviceId,
);
