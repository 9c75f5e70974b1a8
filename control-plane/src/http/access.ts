import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from "@nestjs/common";
import type { FastifyRequest } from "fastify";

/** Who may call a route: an operator unless a decorator says otherwise. */
export type Access = "operator" | "device" | "public";

/** Metadata key of {@link Access}. */
export const ACCESS = "sartor:access";

/**
 * Where @nestjs/swagger reads what a route asks for; an empty requirement is one that anybody meets
 * (an empty list would be dropped on its way into the document).
 */
const OPENAPI_SECURITY = "swagger/apiSecurity";

/** Anyone may call this route (health, enrolment). */
export const Public = (): MethodDecorator & ClassDecorator =>
  applyDecorators(SetMetadata(ACCESS, "public" satisfies Access), SetMetadata(OPENAPI_SECURITY, [{}]));

/** Enrolled devices may call this route, with `Authorization: Bearer <deviceId>.<secret>`. */
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
