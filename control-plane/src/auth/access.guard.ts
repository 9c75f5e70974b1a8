import { type CanActivate, type ExecutionContext, Injectable } from "@nestjs/common";
import { Reflector } from "@nestjs/core";
import { SartorError } from "@sartor/shared/errors";
import { type Role, roleIncludes } from "@sartor/shared/protocol";
import { EventBus } from "../events/index.js";
import {
  ACCESS,
  type Access,
  type AuthenticatedRequest,
  addressOf,
  allowLongUpload,
  deviceSocketOf,
  isFromDeviceListener,
  LEAST_ROLE,
  nothingHere,
  type Person,
  REACH,
  type Reach,
} from "../http/index.js";
import { DeviceGroups, groupsInWords } from "./device-groups.service.js";
import { DeviceIdentities } from "./device-identities.service.js";
import { Credentials } from "./people/credentials.service.js";
import { OWN_ROUTES, scopeOfRoute } from "./people/route-scope.js";
import { roleTooLow } from "./role-too-low.js";

/** What each listener serves; whatever else exists is not there. */
const SERVED = {
  devices: ["device", "newcomer", "everyone"],
  operators: ["operator", "public", "everyone"],
} as const satisfies Record<string, readonly Access[]>;

/** Guards every route: people by their role by default, devices and the public where the route says so. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly credentials: Credentials,
    private readonly identities: DeviceIdentities,
    private readonly groups: DeviceGroups,
    private readonly events: EventBus,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    // The live channel authenticates by its first message.
    if (context.getType() !== "http") return true;
    const targets = [context.getHandler(), context.getClass()];
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, targets) ?? "operator";
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const served: readonly Access[] = isFromDeviceListener(request) ? SERVED.devices : SERVED.operators;
    if (!served.includes(access)) throw nothingHere(request);
    if (access === "device") {
      request.deviceId = (await this.identities.identify(deviceSocketOf(request), "https")).deviceId;
    } else if (access === "operator") {
      // A route that names no role, or no reach, was forgotten: it fails closed, and a test finds it.
      const needed = this.reflector.getAllAndOverride<Role | undefined>(LEAST_ROLE, targets) ?? "admin";
      const reach = this.reflector.getAllAndOverride<Reach | undefined>(REACH, targets) ?? "fleet";
      await this.requireRole(request, needed, reach);
    }
    return true;
  }

  private async requireRole(request: AuthenticatedRequest, needed: Role, reach: Reach): Promise<void> {
    const person = await this.credentials.identify(request);
    const refusal =
      refusalOf(person, needed, request.routeOptions.url ?? "") ?? (await this.outOfReach(request, person, reach));
    if (refusal !== undefined) {
      this.report(request, person, refusal);
      throw refusal;
    }
    request.person = person;
    allowLongUpload(request);
  }

  /** What refuses somebody who is for some groups only, where a route reaches beyond them. */
  private async outOfReach(
    request: AuthenticatedRequest,
    person: Person,
    reach: Reach,
  ): Promise<SartorError | undefined> {
    if (person.groups === null) return undefined;
    if (reach === "fleet") {
      const groups = groupsInWords(person.groups);
      return new SartorError(
        "SRT_GROUP_FORBIDDEN",
        `This is for who is for all groups; ${person.name} is for ${groups}.`,
      );
    }
    if (reach !== "device") return undefined;
    const { deviceId = "" } = request.params as { deviceId?: string };
    try {
      await this.groups.requireSees(person.groups, deviceId);
      return undefined;
    } catch (error) {
      if (error instanceof SartorError) return error;
      throw error;
    }
  }

  /** Strangers are only counted; somebody who is known and reaches too far is written down. */
  private report(request: AuthenticatedRequest, person: Person, { code, status }: SartorError): void {
    const { kind, id, name, role } = person;
    this.events.emit("person.refused", {
      ...{ kind, id, name, role, code, status },
      address: addressOf(request),
      method: request.method,
      route: request.routeOptions.url ?? "",
      target: { ...(request.params as Record<string, string> | undefined) },
      correlationId: request.id,
    });
  }
}

function refusalOf(person: Person, needed: Role, route: string): SartorError | undefined {
  if (!roleIncludes(person.role, needed)) {
    return roleTooLow(needed, person);
  }
  if (person.scopes === null || route.startsWith(OWN_ROUTES)) return undefined;
  const scope = scopeOfRoute(route);
  if (scope !== undefined && person.scopes.includes(scope)) return undefined;
  const allowed = `it is for ${person.scopes.join(", ")}`;
  return new SartorError("SRT_FORBIDDEN", `This API token is not for ${scope ?? "this address"}: ${allowed}.`);
}
