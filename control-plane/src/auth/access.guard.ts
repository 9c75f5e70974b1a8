import { type CanActivate, type ExecutionContext, Injectable } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { SartorError } from "@sartor/shared/errors";
import { ACCESS, type Access, type AuthenticatedRequest, allowLongUpload } from "../http/index.js";
import { DeviceCredentials } from "./device-credentials.service.js";
import { OperatorToken } from "./operator-token.js";

/** Guards every route: operators by default, devices and the public where the route says so. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly operator: OperatorToken,
    private readonly credentials: DeviceCredentials,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // The live channel authenticates by its first message.
    if (context.getType() !== "http") return true;
    const access =
      this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [context.getHandler(), context.getClass()]) ??
      "operator";
    if (access === "public") return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) {
      throw new SartorError("SRT_UNAUTHENTICATED", "Send the header Authorization: Bearer <token>.");
    }
    if (access === "operator") {
      if (this.operator.matches(token)) {
        allowLongUpload(request);
        return true;
      }
      throw new SartorError("SRT_UNAUTHENTICATED", "The token is not the operator's token.");
    }
    const separator = token.indexOf(".");
    const deviceId = token.slice(0, Math.max(separator, 0));
    if (separator > 0 && (await this.credentials.verify(deviceId, token.slice(separator + 1)))) {
      request.deviceId = deviceId;
      return true;
    }
    throw new SartorError("SRT_UNAUTHENTICATED", "The credential is not that of an enrolled device.");
  }
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([^\s]{1,512})$/i.exec(header ?? "")?.[1];
}
