import { type CanActivate, type ExecutionContext, Injectable } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { SartorError } from "@sartor/shared/errors";
import {
  ACCESS,
  type Access,
  type AuthenticatedRequest,
  allowLongUpload,
  deviceSocketOf,
  isFromDeviceListener,
  nothingHere,
} from "../http/index.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { OperatorToken } from "./operator-token.js";

/** What each listener serves; whatever else exists is not there. */
const SERVED = {
  devices: ["device", "newcomer", "everyone"],
  operators: ["operator", "public", "everyone"],
} as const satisfies Record<string, readonly Access[]>;

/** Guards every route: operators by default, devices and the public where the route says so. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly operator: OperatorToken,
    private readonly identities: DeviceIdentities,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // The live channel authenticates by its first message.
    if (context.getType() !== "http") return true;
    const access =
      this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [context.getHandler(), context.getClass()]) ??
      "operator";
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const served: readonly Access[] = isFromDeviceListener(request) ? SERVED.devices : SERVED.operators;
    if (!served.includes(access)) throw nothingHere(request);
    if (access === "device") {
      request.deviceId = (await this.identities.identify(deviceSocketOf(request), "https")).deviceId;
    } else if (access === "operator") {
      this.requireOperator(request);
    }
    return true;
  }

  private requireOperator(request: AuthenticatedRequest): void {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) {
      throw new SartorError("SRT_UNAUTHENTICATED", "Send the header Authorization: Bearer <token>.");
    }
    if (!this.operator.matches(token)) {
      throw new SartorError("SRT_UNAUTHENTICATED", "The token is not the operator's token.");
    }
    allowLongUpload(request);
  }
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer ([^\s]{1,512})$/i.exec(header ?? "")?.[1];
}
