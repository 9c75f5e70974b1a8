import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestPeople } from "../testing/people.js";
import { hashPassword } from "./password-hash.js";
import type { PeopleTables } from "./people.tables.js";
import { csrfOf } from "./sessions.service.js";

const PASSWORD = "heron kettle violin";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("people", () => {
  let all: TestPeople;
  beforeEach(async () => {
    all = await TestPeople.open();
    await all.users.add({ userName: "ada", role: "admin", password: PASSWORD });
  });
  afterEach(() => all.close());

  const tables = () => all.database.tables<PeopleTables>();
  const bearer = (token: string, method = "GET") =>
    all.credentials.identify({ method, headers: { authorization: `Bearer ${token}` } });
  const cookie = (secret: string, method: string, headers: Record<string, string> = {}) =>
    all.credentials.identify({
      method,
      headers: { cookie: `other=1; sartor_session_7300=${secret}`, host: "127.0.0.1:7300", ...headers },
    });

  describe("groups of devices", () => {
    it("bound a user, and the user's API tokens to what both are for", async () => {
      await all.users.add({ userName: "bob", role: "operator", password: PASSWORD, groups: ["plant-1", "plant-2"] });
      const { secret, person } = await all.logIn("bob", PASSWORD);
      expect(person.groups).toEqual(["plant-1", "plant-2"]);
      expect((await bearer(secret)).groups).toEqual(["plant-1", "plant-2"]);
      const request = { name: "script", role: "operator" as const, lifetimeDays: 1 };
      const own = await all.tokens.create({ ...request, groups: ["plant-2", "plant-3"] }, person);
      const unbounded = await all.tokens.create(request, person);
      expect((await bearer(own.token)).groups).toEqual(["plant-2"]);
      expect((await bearer(unbounded.token)).groups).toEqual(["plant-1", "plant-2"]);
      await all.users.change("bob", { groups: ["plant-1"] });
      expect((await bearer(own.token)).groups).toEqual([]);
      expect((await bearer(unbounded.token)).groups).toEqual(["plant-1"]);
      await all.users.change("bob", { groups: null });
      expect((await bearer(own.token)).groups).toEqual(["plant-2", "plant-3"]);
      expect((await bearer(secret)).groups).toBeNull();
    });

    it("keep nobody in charge who is not for all of them", async () => {
      const { person } = await all.logIn("ada", PASSWORD);
      await all.users.add({ userName: "bob", role: "admin", password: PASSWORD, groups: ["plant-1"] });
      await all.users.setOperatorToken(false, person);
      for (const change of [{ groups: ["plant-1"] }, { role: "operator" as const }]) {
        await expect(all.users.change("ada", change)).rejects.toMatchObject({ code: "SRT_CONFLICT" });
      }
      await all.users.change("bob", { groups: null });
      expect(await all.users.change("ada", { groups: ["plant-1"] })).toMatchObject({ groups: ["plant-1"] });
    });

    it("tell live connections when they change", async () => {
      const changed: string[] = [];
      all.events.on("person.access_changed", ({ personId }) => void changed.push(personId));
      await all.users.add({ userName: "bob", role: "viewer", password: PASSWORD });
      const { person } = await all.logIn("bob", PASSWORD);
      await all.users.change("bob", { groups: ["plant-1"] });
      expect(changed).toEqual([person.personId]);
      expect(await all.credentials.current(person)).toEqual({ ...person, groups: ["plant-1"] });
    });
  });

  describe("logging in", () => {
    it("is refused alike for a wrong password, an unknown name and a disabled user", async () => {
      await all.users.add({ userName: "bob", role: "viewer", password: PASSWORD });
      await all.users.change("bob", { disabled: true });
      for (const [name, password] of [
        ["ada", "wrong"],
        ["nobody", PASSWORD],
        ["bob", PASSWORD],
      ] as const) {
        await expect(all.logIn(name, password)).rejects.toMatchObject({
          code: "SRT_LOGIN_FAILED",
          message: "User name or password is wrong, or the login was disabled.",
        });
      }
    });

    it("tells the log of names that exist only: what else is typed there may be a password", async () => {
      const told: string[] = [];
      const attempt = (userName: string) =>
        all.sessions
          .logIn({ userName, password: "wrong", kind: "cookie" }, "192.0.2.1", (name) => told.push(name))
          .catch(() => undefined);
      await attempt("ada");
      await attempt(PASSWORD);
      expect(told).toEqual(["ada"]);
    });

    it("is bounded per address, and per name whatever address it is tried from", async () => {
      await all.close();
      all = await TestPeople.open({ SARTOR_LOGINS_PER_MINUTE: "3" });
      const attempt = (userName: string, address: string) =>
        all.sessions
          .logIn({ userName, password: "wrong", kind: "cookie" }, address, () => undefined)
          .catch((error: { code: string }) => error.code);
      for (let count = 0; count < 3; count++) expect(await attempt("ada", `192.0.2.${count}`)).toBe("SRT_LOGIN_FAILED");
      expect(await attempt("ada", "192.0.2.9")).toBe("SRT_RATE_LIMITED");
      for (let count = 0; count < 3; count++) await attempt(`user-${count}`, "192.0.2.77");
      expect(await attempt("someone", "192.0.2.77")).toBe("SRT_RATE_LIMITED");
      all.clock.at += MINUTE;
      expect(await attempt("ada", "192.0.2.9")).toBe("SRT_LOGIN_FAILED");
    });

    it("hashes a password anew that was hashed at another cost", async () => {
      const old = await hashPassword(PASSWORD, { algorithm: "scrypt", ln: 10, r: 8, p: 1 });
      await tables().updateTable("person").set({ password_hash: old }).execute();
      await all.logIn("ada", PASSWORD);
      expect((await all.people.find("ada"))?.password_hash).toMatch(/^\$argon2id\$m=64,t=1,p=1\$/);
      await all.logIn("ada", PASSWORD);
    });
  });

  describe("a session", () => {
    it("is stored as a hash, and ends when idle, and ends however much it is used", async () => {
      const { secret } = await all.logIn("ada", PASSWORD);
      const rows = JSON.stringify(await tables().selectFrom("person_session").selectAll().execute());
      expect(rows).not.toContain(secret.slice("srt_session_".length));
      expect(await bearer(secret)).toMatchObject({ kind: "user", name: "ada", role: "admin" });
      all.clock.at += 8 * HOUR;
      await expect(bearer(secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });

      const used = await all.logIn("ada", PASSWORD);
      for (let hours = 0; hours < 161; hours += 7) {
        all.clock.at += 7 * HOUR;
        await bearer(used.secret);
      }
      all.clock.at += 7 * HOUR;
      await expect(bearer(used.secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
    });

    it("of a page is no bearer token, and the other way round", async () => {
      const page = await all.logIn("ada", PASSWORD, "cookie");
      const program = await all.logIn("ada", PASSWORD, "bearer");
      await expect(bearer(page.secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
      await expect(cookie(program.secret, "GET")).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
    });

    it("of a page changes something only with the proof that the page is ours", async () => {
      const { secret } = await all.logIn("ada", PASSWORD, "cookie");
      const other = await all.logIn("ada", PASSWORD, "cookie");
      const proof = { "x-sartor-csrf": csrfOf(secret) };
      expect((await cookie(secret, "GET")).name).toBe("ada");
      expect((await cookie(secret, "POST", proof)).name).toBe("ada");
      expect((await cookie(secret, "DELETE", { ...proof, origin: "http://127.0.0.1:7300" })).name).toBe("ada");
      const forbidden = { code: "SRT_FORBIDDEN" };
      await expect(cookie(secret, "POST")).rejects.toMatchObject(forbidden);
      await expect(cookie(secret, "PATCH", { "x-sartor-csrf": csrfOf(other.secret) })).rejects.toMatchObject(forbidden);
      await expect(cookie(secret, "POST", { ...proof, origin: "http://127.0.0.1:9999" })).rejects.toMatchObject(
        forbidden,
      );
      await expect(cookie(secret, "POST", { ...proof, origin: "null" })).rejects.toMatchObject(forbidden);
      await expect(
        all.credentials.identifyPage(`sartor_session_7300=${secret}`, csrfOf(other.secret)),
      ).rejects.toMatchObject(forbidden);
    });

    it("ends with a log-out, a new password, a disabled and a removed user, and live connections are told", async () => {
      const ended: object[] = [];
      all.events.on("person.access_ended", (event) => void ended.push(event));
      await all.users.add({ userName: "bob", role: "viewer", password: PASSWORD });
      const personId = (await all.people.find("bob"))?.person_id;
      const ways: (() => Promise<unknown>)[] = [
        () => all.users.logOut("bob"),
        () => all.users.change("bob", { password: `${PASSWORD} 2` }),
        () => all.users.change("bob", { disabled: true }),
        async () => {
          await all.users.change("bob", { disabled: false });
          await all.users.remove("bob");
        },
      ];
      let password = PASSWORD;
      for (const [index, way] of ways.entries()) {
        if (index === 2) password = `${PASSWORD} 2`;
        if (index === 3) await all.users.change("bob", { disabled: false });
        const { secret, person } = await all.logIn("bob", password);
        expect(await all.credentials.current(person)).toEqual(person);
        await way();
        await expect(bearer(secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
        expect(await all.credentials.current(person)).toBeUndefined();
      }
      expect(ended).toEqual(ways.map(() => ({ personId })));
      const { person } = await all.logIn("ada", PASSWORD);
      await all.sessions.logOut(person);
      expect(ended.at(-1)).toEqual({ credentialId: person.credentialId });
    });

    it("goes on when its own user changes the password, and all others end", async () => {
      const mine = await all.logIn("ada", PASSWORD);
      const other = await all.logIn("ada", PASSWORD);
      await expect(all.sessions.changePassword(mine.person, "wrong", "violet heron kettle")).rejects.toMatchObject({
        code: "SRT_LOGIN_FAILED",
      });
      await all.sessions.changePassword(mine.person, PASSWORD, "violet heron kettle");
      expect((await bearer(mine.secret)).name).toBe("ada");
      await expect(bearer(other.secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
      await expect(all.logIn("ada", PASSWORD)).rejects.toMatchObject({ code: "SRT_LOGIN_FAILED" });
    });

    it("of a user with many: the ones that were unused longest end", async () => {
      const first = await all.logIn("ada", PASSWORD);
      const row = await tables().selectFrom("person_session").selectAll().executeTakeFirstOrThrow();
      const more = Array.from({ length: 40 }, (_, index) => ({
        ...row,
        token_hash: `h${index}`,
        last_used_at: row.last_used_at + 1 + index,
      }));
      await tables().insertInto("person_session").values(more).execute();
      all.clock.at += MINUTE;
      const last = await all.logIn("ada", PASSWORD);
      await expect(bearer(first.secret)).rejects.toMatchObject({ code: "SRT_SESSION_EXPIRED" });
      expect((await bearer(last.secret)).name).toBe("ada");
      expect((await all.users.list())[0]?.sessions).toBe(32);
    });
  });

  describe("an API token", () => {
    it("is shown once, stored as a hash, and ends in time or when it is revoked", async () => {
      const { person } = await all.logIn("ada", PASSWORD);
      const one = await all.tokens.create(
        { name: "ci", role: "operator", scopes: ["rollouts"], lifetimeDays: 1 },
        person,
      );
      expect(one.token).toMatch(/^srt_api_[\w-]{43}$/);
      expect(JSON.stringify(await tables().selectFrom("api_token").selectAll().execute())).not.toContain(
        one.token.slice(8),
      );
      expect(await bearer(one.token)).toMatchObject({ kind: "api_token", role: "operator", scopes: ["rollouts"] });
      expect((await all.tokens.list())[0]).toMatchObject({ owner: "ada", lastUsedAt: all.clock.at });
      const two = await all.tokens.create({ name: "two", role: "viewer", lifetimeDays: 1 }, person);
      await all.tokens.revoke(two.tokenId);
      await expect(bearer(two.token)).rejects.toMatchObject({ code: "SRT_UNAUTHENTICATED" });
      all.clock.at = one.expiresAt;
      await expect(bearer(one.token)).rejects.toMatchObject({ code: "SRT_UNAUTHENTICATED" });
    });

    it("never may more than its owner may now, and nothing when the owner is disabled", async () => {
      await all.users.add({ userName: "bob", role: "admin", password: PASSWORD });
      const { person } = await all.logIn("bob", PASSWORD);
      const { token } = await all.tokens.create({ name: "bot", role: "admin", lifetimeDays: 1 }, person);
      await all.users.change("bob", { role: "viewer" });
      expect((await bearer(token)).role).toBe("viewer");
      await all.users.change("bob", { disabled: true });
      await expect(bearer(token)).rejects.toMatchObject({ code: "SRT_UNAUTHENTICATED" });
      await all.users.remove("bob");
      expect(await all.tokens.list()).toEqual([]);
    });
  });

  describe("the operator token", () => {
    it("is disabled by an admin who is logged in, and nobody can lock everybody out then", async () => {
      const operator = await bearer(all.operator.value);
      expect(operator).toMatchObject({ kind: "operator_token", role: "admin" });
      await expect(all.users.setOperatorToken(false, operator)).rejects.toMatchObject({ code: "SRT_CONFLICT" });
      const { person } = await all.logIn("ada", PASSWORD);
      await all.users.setOperatorToken(false, person);
      await expect(bearer(all.operator.value)).rejects.toMatchObject({ code: "SRT_UNAUTHENTICATED" });
      expect(await all.credentials.current(operator)).toBeUndefined();
      const conflict = { code: "SRT_CONFLICT" };
      await expect(all.users.remove("ada")).rejects.toMatchObject(conflict);
      await expect(all.users.change("ada", { role: "operator" })).rejects.toMatchObject(conflict);
      await expect(all.users.change("ada", { disabled: true })).rejects.toMatchObject(conflict);
      expect((await all.people.find("ada"))?.role).toBe("admin");
      await all.users.add({ userName: "eve", role: "admin", password: PASSWORD });
      // Of both admins that demote each other at once one stays.
      const both = await Promise.allSettled(["ada", "eve"].map((name) => all.users.change(name, { role: "viewer" })));
      expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });

    it("cannot be disabled while no admin with a password is there", async () => {
      const { person } = await all.logIn("ada", PASSWORD);
      await all.users.change("ada", { role: "viewer" });
      await expect(all.users.setOperatorToken(false, person)).rejects.toMatchObject({ code: "SRT_CONFLICT" });
      expect(await all.users.operatorTokenEnabled()).toBe(true);
    });
  });

  it("of one name are there once, also when two are added at once", async () => {
    const add = () => all.users.add({ userName: "bob", role: "viewer", password: PASSWORD });
    const both = await Promise.allSettled([add(), add()]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(add()).rejects.toMatchObject({ code: "SRT_USER_EXISTS" });
    await expect(all.users.change("nobody", {})).rejects.toMatchObject({ code: "SRT_USER_UNKNOWN" });
  });
});
