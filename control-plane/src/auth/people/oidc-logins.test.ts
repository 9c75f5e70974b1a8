import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestPeople } from "../testing/people.js";

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

interface Grant {
  readonly challenge: string;
  readonly nonce: string;
  readonly redirect: string;
}

/** A small OpenID provider: discovery, keys, authorization code with PKCE, ID tokens signed with ES256. */
class Provider {
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  readonly #grants = new Map<string, Grant>();
  readonly #server: Server;
  issuer = "";
  /** What the next ID token says; over what it would say by itself. */
  claims: Record<string, unknown> = {};
  /** Signs the next ID tokens instead. */
  otherKey: KeyObject | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", this.issuer);
      const json = (status: number, body: object) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
      if (url.pathname === "/.well-known/openid-configuration") {
        return json(200, {
          issuer: this.issuer,
          authorization_endpoint: `${this.issuer}/authorize`,
          token_endpoint: `${this.issuer}/token`,
          jwks_uri: `${this.issuer}/keys`,
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["ES256"],
          code_challenge_methods_supported: ["S256"],
        });
      }
      if (url.pathname === "/keys") {
        return json(200, {
          keys: [{ ...this.#keys.publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES256" }],
        });
      }
      let text = "";
      request.on("data", (chunk) => {
        text += chunk;
      });
      request.on("end", () => {
        const form = new URLSearchParams(text);
        const grant = this.#grants.get(form.get("code") ?? "");
        this.#grants.delete(form.get("code") ?? "");
        // Both parts are form-encoded (RFC 6749, section 2.3.1).
        const basic = (request.headers.authorization ?? "").replace("Basic ", "");
        const credentials = decodeURIComponent(Buffer.from(basic, "base64").toString());
        const verifier = form.get("code_verifier") ?? "";
        const proven = createHash("sha256").update(verifier).digest("base64url") === grant?.challenge;
        if (!proven || credentials !== "sartor:client-secret" || form.get("redirect_uri") !== grant?.redirect) {
          return json(400, { error: "invalid_grant" });
        }
        json(200, { access_token: "unused", token_type: "Bearer", id_token: this.#idToken(grant.nonce) });
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** The person agrees at the provider: gives the query that their browser comes back with. */
  authorize(url: URL): string {
    expect(url.origin + url.pathname).toBe(`${this.issuer}/authorize`);
    expect(url.searchParams.get("code_challenge_method")).toBe("S256");
    expect(url.searchParams.get("client_id")).toBe("sartor");
    const code = randomBytes(16).toString("hex");
    this.#grants.set(code, {
      challenge: url.searchParams.get("code_challenge") ?? "",
      nonce: url.searchParams.get("nonce") ?? "",
      redirect: url.searchParams.get("redirect_uri") ?? "",
    });
    return `?${new URLSearchParams({ code, state: url.searchParams.get("state") ?? "" })}`;
  }

  #idToken(nonce: string): string {
    const now = Math.floor(Date.now() / 1_000);
    const claims = {
      iss: this.issuer,
      aud: "sartor",
      iat: now,
      exp: now + 300,
      nonce,
      sub: "subject-1",
      ...this.claims,
    };
    const input = `${base64url({ alg: "ES256", kid: "1" })}.${base64url(claims)}`;
    const key = this.otherKey ?? this.#keys.privateKey;
    return `${input}.${sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  }
}

describe("login at an identity provider", () => {
  let provider: Provider;
  let all: TestPeople;
  beforeEach(async () => {
    provider = new Provider();
    await provider.listen();
    all = await TestPeople.open({
      SARTOR_OIDC_ISSUER: provider.issuer,
      SARTOR_OIDC_CLIENT_ID: "sartor",
      SARTOR_OIDC_CLIENT_SECRET: "client-secret",
      SARTOR_OIDC_ROLES: "fleet-admins=admin, staff=viewer",
    });
    provider.claims = { groups: ["staff", "fleet-admins"], preferred_username: "Ada Lovelace" };
  });
  afterEach(async () => {
    await all.close();
    await provider.close();
  });

  async function logIn() {
    const { secret, url } = await all.oidc.begin();
    return all.oidc.end(secret, provider.authorize(url), "192.0.2.1");
  }

  it("makes a user with the highest role that the claim gives, and finds the same user again by the subject", async () => {
    const first = await logIn();
    expect(first.person).toMatchObject({ kind: "user", name: "ada-lovelace", role: "admin" });
    provider.claims = { groups: "staff", preferred_username: "ada.king" };
    const second = await logIn();
    expect(second.person).toMatchObject({ name: "ada-lovelace", role: "viewer", personId: first.person.personId });
    expect(await all.users.list()).toMatchObject([{ userName: "ada-lovelace", login: "oidc", sessions: 2 }]);
    const cookie = `sartor_session_7300=${second.secret}`;
    expect((await all.credentials.identify({ method: "GET", headers: { cookie } })).name).toBe("ada-lovelace");
  });

  it("is for the groups of all values that give the highest role, and says so anew with each login", async () => {
    await all.close();
    all = await TestPeople.open({
      SARTOR_OIDC_ISSUER: provider.issuer,
      SARTOR_OIDC_CLIENT_ID: "sartor",
      SARTOR_OIDC_CLIENT_SECRET: "client-secret",
      SARTOR_OIDC_ROLES: "one=operator@plant-1,both=operator@plant-1+plant-2,all=viewer,every=operator",
    });
    provider.claims = { groups: ["all", "one", "both"], preferred_username: "ada" };
    expect((await logIn()).person).toMatchObject({ role: "operator", groups: ["plant-1", "plant-2"] });
    const changed: string[] = [];
    all.events.on("person.access_changed", ({ personId }) => void changed.push(personId));
    provider.claims = { groups: ["one"], preferred_username: "ada" };
    const { person } = await logIn();
    expect(person).toMatchObject({ role: "operator", groups: ["plant-1"] });
    expect(changed).toEqual([person.personId]);
    provider.claims = { groups: ["every", "one"], preferred_username: "ada" };
    expect((await logIn()).person.groups).toBeNull();
    expect(await all.users.list()).toMatchObject([{ groups: null }]);
  });

  it("never becomes a user of that name who was there, nor one with a password", async () => {
    await all.users.add({ userName: "ada-lovelace", role: "admin", password: "heron kettle violin" });
    const { person } = await logIn();
    expect(person.name).toMatch(/^ada-lovelace-[a-z0-9]{6}$/);
    await expect(all.logIn(person.name, "heron kettle violin")).rejects.toMatchObject({ code: "SRT_LOGIN_FAILED" });
    await expect(all.users.change(person.name, { password: "heron kettle violin" })).rejects.toMatchObject({
      code: "SRT_CONFLICT",
    });
  });

  it("is refused to who has no role here, and to a disabled user", async () => {
    provider.claims = { groups: ["others"] };
    await expect(logIn()).rejects.toMatchObject({ code: "SRT_ROLE_TOO_LOW" });
    expect(await all.users.list()).toEqual([]);
    provider.claims = { groups: ["staff"], email: "bob@example.com" };
    await logIn();
    await all.users.change("bob@example.com", { disabled: true });
    await expect(logIn()).rejects.toMatchObject({ code: "SRT_LOGIN_FAILED" });
  });

  it.each([
    ["another audience", { aud: "another" }],
    ["another issuer", { iss: "http://127.0.0.1:1" }],
    ["another nonce", { nonce: "replayed" }],
    ["one that has ended", { exp: 1_000_000 }],
  ])("is refused for an ID token of %s", async (_what, claims) => {
    provider.claims = { ...provider.claims, ...claims };
    await expect(logIn()).rejects.toMatchObject({ code: "SRT_OIDC_FAILED" });
    expect(await all.users.list()).toEqual([]);
  });

  it("is refused for an ID token that somebody else signed, although it came over the provider's own connection", async () => {
    provider.otherKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    const error = await logIn().catch((thrown: Error & { code: string }) => thrown);
    expect(error).toMatchObject({ code: "SRT_OIDC_FAILED" });
    const { cause } = (error as Error).cause as Error;
    expect((cause as Error).message).toContain("signature");
  });

  it("ends only in the browser that it began in, once, and in time", async () => {
    const failed = { code: "SRT_OIDC_FAILED" };
    const { secret, url } = await all.oidc.begin();
    const query = provider.authorize(url);
    await expect(all.oidc.end(undefined, query, "192.0.2.1")).rejects.toMatchObject(failed);
    await expect(all.oidc.end("another browser", query, "192.0.2.1")).rejects.toMatchObject(failed);
    expect((await all.oidc.end(secret, query, "192.0.2.1")).person.role).toBe("admin");
    await expect(all.oidc.end(secret, query, "192.0.2.1")).rejects.toMatchObject(failed);

    const mixed = await all.oidc.begin();
    const otherState = provider.authorize((await all.oidc.begin()).url);
    await expect(all.oidc.end(mixed.secret, otherState, "192.0.2.1")).rejects.toMatchObject(failed);

    const late = await all.oidc.begin();
    all.clock.at += 600_000;
    await expect(all.oidc.end(late.secret, provider.authorize(late.url), "192.0.2.1")).rejects.toMatchObject(failed);
  });

  it("works again once a provider that was away is back", async () => {
    const { issuer } = provider;
    provider.issuer = "http://127.0.0.1:1";
    await expect(all.oidc.begin()).rejects.toMatchObject({ code: "SRT_OIDC_FAILED" });
    provider.issuer = issuer;
    expect((await logIn()).person.name).toBe("ada-lovelace");
  });
});
