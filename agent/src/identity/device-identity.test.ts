import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { type DeviceIdentity, type EnrolmentOptions, loadOrEnrol } from "./device-identity.js";
import { publicKeyOf } from "./device-key.js";
import { TestAuthority, TestControlPlane } from "./testing/index.js";

const ENROLMENTS = "/api/v1/enrolments";
const clock = { ...systemClock, sleep: async () => undefined };

describe("enrolment", () => {
  let folder: string;
  let controlPlane: TestControlPlane;
  let token: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sartor-identity-"));
    controlPlane = await TestControlPlane.start();
    token = controlPlane.token;
  });
  afterEach(async () => {
    await controlPlane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const enrol = (options: Partial<EnrolmentOptions> = {}): Promise<DeviceIdentity> =>
    loadOrEnrol({
      stateFolder: folder,
      controlPlaneUrl: controlPlane.url,
      token,
      deviceName: "gate 7",
      emulated: false,
      hardware: ["linux-x64"],
      earliest: 0,
      clock,
      logger: createLogger("error", () => undefined),
      random: () => 0,
      authorityFingerprint: undefined,
      signal: new AbortController().signal,
      ...options,
    });
  const current = (file: string) => join(folder, "identity", "current", file);
  const refuse = (response: ServerResponse, status: number, code: string) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code, message: "no" } }));
  };

  it("happens once: a second start finds the identity and asks nobody", async () => {
    const first = await enrol();
    expect(first).toMatchObject({ deviceId: "device-1", httpUrl: controlPlane.url });
    const second = await enrol({ token: undefined, controlPlaneUrl: undefined });
    expect(second.tls.credential).toEqual(first.tls.credential);
    expect(controlPlane.of(ENROLMENTS)).toHaveLength(1);
  });

  it("has an id of its own, which a restart keeps and the next enrolment of the same device does not", async () => {
    const first = await enrol();
    expect(first.enrolmentId).toMatch(/^[0-9a-f]{16}$/);
    expect((await enrol()).enrolmentId).toBe(first.enrolmentId);
    rmSync(join(folder, "identity"), { recursive: true });
    const again = await enrol();
    expect(again.deviceId).toBe(first.deviceId);
    expect(again.enrolmentId).not.toBe(first.enrolmentId);
  });

  it("makes the key on the device, keeps it readable for the agent only, and sends a request for it", async () => {
    await enrol();
    expect(statSync(join(folder, "identity")).mode & 0o777).toBe(0o700);
    for (const file of ["key.pem", "certificate.pem", "identity.json"])
      expect(statSync(current(file)).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "identity", "enrolment-key.pem")).mode & 0o777).toBe(0o600);
    const key = readFileSync(current("key.pem"), "utf8");
    const leaf = new X509Certificate(readFileSync(current("certificate.pem")));
    expect(leaf.publicKey.export({ type: "spki", format: "der" })).toEqual(publicKeyOf(key));
    expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(JSON.stringify(controlPlane.requests)).not.toContain("PRIVATE KEY");
    expect(controlPlane.of(ENROLMENTS)[0]?.body).toMatchObject({ hardware: ["linux-x64"], name: "gate 7", token });
  });

  it("costs nothing when the reply is lost: the same token is sent again with the same key", async () => {
    const authority = await TestAuthority.create("unused");
    let lost = 0;
    controlPlane.intercept = (path, response) => {
      if (path !== ENROLMENTS || ++lost >= 3) return false;
      response.destroy();
      return true;
    };
    await enrol();
    const keys = await Promise.all(
      controlPlane.of(ENROLMENTS).map(async ({ body }) => {
        const certificate = new X509Certificate(await authority.issueDevice("device-1", String(body.csr)));
        return certificate.publicKey.export({ type: "spki", format: "pem" });
      }),
    );
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it("waits while the control plane is starting, and stops at a refusal with its code", async () => {
    let count = 0;
    controlPlane.intercept = (path, response) => {
      if (path !== ENROLMENTS) return false;
      count += 1;
      refuse(response, count < 3 ? 503 : 409, count < 3 ? "SRT_INTERNAL" : "SRT_ENROLMENT_TOKEN_USED");
      return true;
    };
    await expect(enrol()).rejects.toMatchObject({ code: "SRT_ENROLMENT_TOKEN_USED" });
    expect(count).toBe(3);
  });

  it("sends its token to nobody whose root is not the one that the token names", async () => {
    const stranger = await TestControlPlane.start();
    await expect(enrol({ controlPlaneUrl: stranger.url })).rejects.toMatchObject({ code: "SRT_AUTHORITY_MISMATCH" });
    expect(stranger.of(ENROLMENTS)).toHaveLength(0);
    await stranger.stop();
  });

  it("sends its token to nobody who shows the right root and cannot prove to be vouched for by it", async () => {
    const stranger = await TestControlPlane.start();
    stranger.intercept = (path, response) => {
      if (!path.endsWith("/authority")) return false;
      response.end(controlPlane.authority.root);
      return true;
    };
    const stop = new AbortController();
    const waits: number[] = [];
    const impatient = {
      ...clock,
      sleep: async (milliseconds: number) => {
        waits.push(milliseconds);
        if (waits.length > 2) stop.abort();
      },
    };
    await expect(enrol({ controlPlaneUrl: stranger.url, clock: impatient, signal: stop.signal })).rejects.toBeDefined();
    expect(waits).toHaveLength(3);
    expect(stranger.of(ENROLMENTS)).toHaveLength(0);
    await stranger.stop();
  });

  it("sends its token to no server of another name", async () => {
    const other = await TestControlPlane.start(controlPlane.authority, ["elsewhere.example"]);
    const stop = new AbortController();
    await expect(
      enrol({ controlPlaneUrl: other.url, clock: { ...clock, sleep: async () => stop.abort() }, signal: stop.signal }),
    ).rejects.toBeDefined();
    expect(other.requests.map(({ path }) => path)).toEqual(["/api/v1/certificates/authority"]);
    await other.stop();
  });

  it.each([
    ["for another device than it says", { deviceId: "device-2" }, "SRT_CERTIFICATE_UNKNOWN"],
    ["with an address without TLS", { mqttUrl: "mqtt://localhost:1883" }, "SRT_MESSAGE_INVALID"],
    ["without a certificate", { certificate: "" }, "SRT_MESSAGE_INVALID"],
  ])("stores nothing of a reply %s", async (_, change, code) => {
    controlPlane.alter = (reply) => ({ ...reply, ...change });
    await expect(enrol()).rejects.toMatchObject({ code });
    expect(readdirSync(join(folder, "identity"))).toEqual(["enrolment-key.pem"]);
  });

  it("stores no certificate of another authority, none for another key, none that has ended, none of another authority's root", async () => {
    const other = await TestAuthority.create();
    const request = () => String(controlPlane.of(ENROLMENTS).at(-1)?.body.csr);
    const foreign = await TestControlPlane.start();
    await loadOrEnrol({
      ...base(),
      stateFolder: join(folder, "other"),
      controlPlaneUrl: foreign.url,
      token: foreign.token,
    });
    const otherRequest = String(foreign.of(ENROLMENTS)[0]?.body.csr);
    await foreign.stop();
    const replies: [() => Promise<Record<string, unknown>>, string][] = [
      [async () => ({ certificate: await other.issueDevice("device-1", request()) }), "SRT_CERTIFICATE_UNKNOWN"],
      [
        async () => ({ certificate: await controlPlane.authority.issueDevice("device-1", otherRequest) }),
        "SRT_CERTIFICATE_UNKNOWN",
      ],
      [
        async () => ({
          certificate: await controlPlane.authority.issueDevice("device-1", request(), {
            notBefore: 1e12,
            notAfter: 1.1e12,
          }),
        }),
        "SRT_CERTIFICATE_EXPIRED",
      ],
      [async () => ({ authorities: other.root }), "SRT_AUTHORITY_MISMATCH"],
      [
        async () => ({ certificate: (await controlPlane.authority.issueServer()).certificate }),
        "SRT_CERTIFICATE_UNKNOWN",
      ],
    ];
    for (const [change, code] of replies) {
      controlPlane.intercept = (path, response) => {
        if (path !== ENROLMENTS) return false;
        void (async () => {
          const certificate = await controlPlane.authority.issueDevice("device-1", request());
          const reply = { deviceId: "device-1", mqttUrl: "mqtts://localhost", httpUrl: controlPlane.url };
          const authorities = controlPlane.authority.root;
          response.writeHead(200, { "content-type": "application/json" });
          response.end(JSON.stringify({ ...reply, certificate, authorities, ...(await change()) }));
        })();
        return true;
      };
      await expect(enrol()).rejects.toMatchObject({ code });
      expect(readdirSync(join(folder, "identity"))).toEqual(["enrolment-key.pem"]);
    }
  });

  const base = (): EnrolmentOptions => ({
    stateFolder: folder,
    controlPlaneUrl: undefined,
    token: undefined,
    deviceName: "x",
    emulated: false,
    hardware: ["linux-x64"],
    earliest: 0,
    clock,
    logger: createLogger("error", () => undefined),
    random: () => 0,
    authorityFingerprint: undefined,
    signal: new AbortController().signal,
  });

  it("says what is missing when there is neither identity nor token", async () => {
    await expect(loadOrEnrol(base())).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
      message: expect.stringContaining("SARTOR_ENROLMENT_TOKEN"),
    });
  });

  it("refuses an identity of the first release, and takes a replacement token", async () => {
    writeFileSync(join(folder, "identity.json"), JSON.stringify({ deviceId: "device-1", secret: "s".repeat(43) }));
    await expect(loadOrEnrol(base())).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
      message: expect.stringMatching(/first release.*replacement token/s),
    });
    expect((await enrol()).deviceId).toBe("device-1");
  });

  it.each(["a-token-of-the-first-release-without-a-dot", "short.short"])("refuses %s as a token", async (bad) => {
    await expect(enrol({ token: bad })).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
    expect(controlPlane.requests).toHaveLength(0);
  });

  it("refuses an address that is not https", async () => {
    await expect(enrol({ controlPlaneUrl: "http://localhost:1" })).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
    });
  });

  it.each(["key.pem", "certificate.pem", "authorities.pem", "identity.json"])(
    "treats an identity whose %s is damaged as none, and enrols again with the same key",
    async (file) => {
      const first = await enrol();
      truncateSync(current(file), 20);
      const second = await enrol();
      expect(second.tls.credential.client?.key).toEqual(first.tls.credential.client?.key);
      expect((await enrol({ token: undefined })).deviceId).toBe("device-1");
    },
  );
});
