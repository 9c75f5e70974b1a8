import "reflect-metadata";
import { RequestMethod } from "@nestjs/common";
import { METHOD_METADATA, PATH_METADATA } from "@nestjs/common/constants.js";
import { type Role, roleSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { AppModule } from "./app.module.js";
import { loadSettings } from "./config/index.js";
import { ACCESS, type Access, LEAST_ROLE, REACH, REACHES, type Reach } from "./http/index.js";

interface Route {
  readonly name: string;
  readonly access: Access;
  readonly role: Role | undefined;
  readonly reach: Reach | undefined;
}

type Constructor = abstract new (...parameters: never[]) => object;

/** Every controller that a module brings, by the modules that it imports. */
function controllersOf(module: unknown, seen = new Set<unknown>()): Constructor[] {
  if (seen.has(module)) return [];
  seen.add(module);
  const dynamic = (module as { module?: Constructor }).module;
  const fields = dynamic === undefined ? {} : (module as { imports?: unknown[]; controllers?: Constructor[] });
  const type = (dynamic ?? module) as Constructor;
  const read = (key: string): unknown[] => (Reflect.getMetadata(key, type) as unknown[] | undefined) ?? [];
  const imports = [...read("imports"), ...(fields.imports ?? [])];
  return [
    ...(read("controllers") as Constructor[]),
    ...(fields.controllers ?? []),
    ...imports.flatMap((each) => controllersOf(each, seen)),
  ];
}

function routesOf(controller: Constructor): Route[] {
  const methods = Object.getOwnPropertyNames(controller.prototype).map((name) => controller.prototype[name] as object);
  const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
  return methods
    .filter((method) => typeof method === "function" && Reflect.hasMetadata(METHOD_METADATA, method))
    .map((method) => {
      const read = <T>(key: string): T | undefined =>
        (Reflect.getMetadata(key, method) ?? Reflect.getMetadata(key, controller)) as T | undefined;
      const verb = RequestMethod[Reflect.getMetadata(METHOD_METADATA, method) as number];
      const path = Reflect.getMetadata(PATH_METADATA, method) as string;
      return {
        name: `${verb} /${base}/${path}`.replace(/\/+/g, "/").replace(/(.)\/$/, "$1"),
        access: read<Access>(ACCESS) ?? "operator",
        role: read<Role>(LEAST_ROLE),
        reach: read<Reach>(REACH),
      };
    });
}

describe("every route", () => {
  const routes = controllersOf(AppModule.with(loadSettings({}))).flatMap(routesOf);
  const ofPeople = routes.filter(({ access }) => access === "operator");
  const roleOf = (name: string) => ofPeople.find((route) => route.name === name)?.role;

  it("is found, so that none is left out of what follows", () => {
    expect(routes.length).toBeGreaterThan(60);
    expect(routes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["GET /metrics", "POST /api/v1/enrolments", "GET /api/v1/audit", "POST /api/v1/rollouts"]),
    );
    expect(new Set(routes.map(({ name }) => name)).size).toBe(routes.length);
  });

  it("of people names the least role of who may call it", () => {
    expect(ofPeople.filter(({ role }) => !roleSchema.safeParse(role).success).map(({ name }) => name)).toEqual([]);
  });

  it("that changes something is not for viewers, but for what is their own and what only computes", () => {
    const forViewers = ofPeople.filter(({ name, role }) => role === "viewer" && !name.startsWith("GET "));
    expect(forViewers.map(({ name }) => name).sort()).toEqual([
      "DELETE /api/v1/session",
      "POST /api/v1/session/password",
      "POST /api/v1/tailoring/plans",
    ]);
  });

  it.each([
    "GET /api/v1/users",
    "POST /api/v1/users",
    "PATCH /api/v1/users/:userName",
    "DELETE /api/v1/users/:userName",
    "POST /api/v1/api-tokens",
    "PUT /api/v1/operator-token",
    "GET /api/v1/audit",
    "POST /api/v1/trust/ceremony",
    "POST /api/v1/trust/requests",
    "POST /api/v1/trust/requests/:requestId/signatures",
    "POST /api/v1/certificates/servers",
    "POST /api/v1/devices/:deviceId/revoke",
    "DELETE /api/v1/devices/:deviceId",
  ])("%s is for admins", (name) => {
    expect(roleOf(name)).toBe("admin");
  });

  it("of people says what of the fleet it reaches", () => {
    expect(ofPeople.filter(({ reach }) => !REACHES.some((known) => known === reach)).map(({ name }) => name)).toEqual(
      [],
    );
  });

  it("with a device in its address lets nobody see one of another group, and no other route claims to", () => {
    const named = ofPeople.filter(({ name }) => name.includes(":deviceId")).map(({ name }) => name);
    const guarded = ofPeople.filter(({ reach }) => reach === "device").map(({ name }) => name);
    expect(guarded.sort()).toEqual(named.sort());
  });

  it("that reaches beyond a group is one of these; whoever is for some groups only is refused", () => {
    const beyond = ofPeople.filter(({ reach }) => reach === "fleet").map(({ name }) => name);
    expect(beyond.sort()).toEqual([
      "DELETE /api/v1/api-tokens/:tokenId",
      "DELETE /api/v1/users/:userName",
      "DELETE /api/v1/users/:userName/sessions",
      "GET /api/v1/api-tokens",
      "GET /api/v1/audit",
      "GET /api/v1/audit/head",
      "GET /api/v1/audit/verification",
      "GET /api/v1/operator-token",
      "GET /api/v1/users",
      "PATCH /api/v1/users/:userName",
      "POST /api/v1/api-tokens",
      "POST /api/v1/audit/prune",
      "POST /api/v1/certificates/servers",
      "POST /api/v1/trust/ceremony",
      "POST /api/v1/trust/requests",
      "POST /api/v1/trust/requests/:requestId/signatures",
      "POST /api/v1/users",
      "PUT /api/v1/operator-token",
    ]);
  });

  it("whose handler looks at the groups is one of these", () => {
    const scoped = ofPeople.filter(({ reach }) => reach === "scoped").map(({ name }) => name);
    expect(scoped.sort()).toEqual([
      "GET /api/v1/devices",
      "GET /api/v1/groups",
      "GET /api/v1/rollouts",
      "GET /api/v1/rollouts/:rolloutId",
      "GET /api/v1/rollouts/:rolloutId/deployments",
      "GET /api/v1/system",
      "GET /api/v1/tunings/:tuningId",
      "POST /api/v1/enrolment-tokens",
      "POST /api/v1/enrolments/keys",
      "POST /api/v1/rollouts",
      "POST /api/v1/rollouts/:rolloutId/cancel",
      "POST /api/v1/tailoring/plans",
      "POST /api/v1/tunings/:tuningId/cancel",
    ]);
  });

  it("that needs nobody's credential is one of these", () => {
    const open = routes.filter(({ access }) => access === "public" || access === "everyone").map(({ name }) => name);
    expect(open.sort()).toEqual([
      "GET /api/v1/certificates/authority",
      "GET /api/v1/certificates/crl",
      "GET /api/v1/health/live",
      "GET /api/v1/health/ready",
      "GET /api/v1/oidc/callback",
      "GET /api/v1/oidc/login",
      "GET /api/v1/session/options",
      "GET /metrics",
      "POST /api/v1/session",
    ]);
  });
});
