import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from "@nestjs/common";
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

/** A request after the guard: who is behind it. */
export interface AuthenticatedRequest extends FastifyRequest {
  deviceId?: string;
}

/** Parameter decorator: the id of the device that calls a {@link DeviceRoute}. */
export const CurrentDevice = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string | undefined =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().deviceId,
);
