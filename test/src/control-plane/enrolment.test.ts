import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDeviceKey } from "@sartor/agent/identity/testing";
import { type ErrorReply, topicOf } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { callAsDevice, connectDevice, enrol, makeToken, redeem, rest } from "../support/enrolled-device.js";

describe("enrolment", () => {
  let controlPlane: RunningControlPlane;
  beforeAll(async () => {
    controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
  });
  afterAll(() => controlPlane.stop());

  const enrolWith = (token: string, key = makeDeviceKey(), name = "Gate 7, left") =>
    redeem(controlPlane, { token, key, name, emulated: true });

  it("turns a token into a device that can connect and is listed", async () => {
    const device = await enrol(controlPlane, "Gate 7, left");
    expect(device.deviceId).toMatch(/^gate-7-left-[a-z0-9]{8}$/);
    const session = await connectDevice(device);
    await session.subscribeAsync(topicOf(device.deviceId, "nudge"), { qos: 1 });
    const { body } = await rest(controlPlane, "GET", `/api/v1/devices/${device.deviceId}`);
    expect(body).toMatchObject({ name: "Gate 7, left", emulated: false, presence: { status: "online" } });
    await session.endAsync();
  });

  it("a lost reply costs nothing: the same token with the same key gives the same device and the same certificate", async () => {
    const token = await makeToken(controlPlane);
    const key = makeDeviceKey();
    const first = await enrolWith(token, key);
    const second = await enrolWith(token, key);
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  it("the certificate is for the device's key and name, and chains to the root that the token names", async () => {
    const token = await makeToken(controlPlane);
    const { body, key, root } = await enrolWith(token);
    const chain = (body.certificate as string)
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((pem) => pem.trim() !== "");
    const [leaf, intermediate] = chain.map((pem) => new X509Certificate(pem));
    const anchor = new X509Certificate(root);
    expect(leaf?.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect([leaf?.subject, leaf?.subjectAltName]).toEqual([
      `CN=${body.deviceId}`,
      `URI:urn:sartor:device:${body.deviceId}`,
    ]);
    expect(leaf?.verify((intermediate ?? anchor).publicKey)).toBe(true);
    expect(intermediate?.verify(anchor.publicKey)).toBe(true);
    expect(createHash("sha256").update(anchor.raw).digest("base64url")).toBe(token.split(".")[1]);
  });

  it("a used token does not enrol another device", async () => {
    const token = await makeToken(controlPlane);
    await enrolWith(token);
    const { status, body } = await enrolWith(token);
    expect([status, body.error.code]).toEqual([409, "SRT_ENROLMENT_TOKEN_USED"]);
  });

  it("of ten devices that send one token at once, one is enrolled", async () => {
    const token = await makeToken(controlPlane);
    const replies = await Promise.all(Array.from({ length: 10 }, () => enrolWith(token)));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(replies.filter(({ status }) => status === 409)).toHaveLength(9);
  });

  it("an unknown token is refused", async () => {
    const { status, body } = await enrolWith(`${"x".repeat(43)}.${(await makeToken(controlPlane)).split(".")[1]}`);
    expect([status, body.error.code]).toEqual([401, "SRT_ENROLMENT_TOKEN_UNKNOWN"]);
  });

  it("a malformed request is refused with the problems named", async () => {
    const { status, body } = await enrolWith("too short");
    expect([status, body.error.code]).toEqual([400, "SRT_INVALID_REQUEST"]);
    expect(body.error.details?.problems).toEqual([expect.stringContaining("token: expected an enrolment token")]);
  });

  it("a name that no database can hold is refused before the token is spent", async () => {
    const token = await makeToken(controlPlane);
    const key = makeDeviceKey();
    const refused = await enrolWith(token, key, "gate\u0000seven");
    expect([refused.status, refused.body.error.code]).toEqual([400, "SRT_INVALID_REQUEST"]);
    expect((await enrolWith(token, key, "gate seven")).status).toBe(200);
  });

  it("only the operator makes tokens, and a device's credential is not the operator's", async () => {
    const device = await enrol(controlPlane);
    const path = "/api/v1/enrolment-tokens";
    const asDevice = await callAsDevice(controlPlane, device.credential, path, { method: "POST", json: {} });
    expect(asDevice.status).toBeGreaterThanOrEqual(400);
    for (const authorization of [null, "Bearer wrong"]) {
      const reply = await rest<ErrorReply>(controlPlane, "POST", "/api/v1/enrolment-tokens", {}, authorization);
      expect([reply.status, reply.body.error.code]).toEqual([401, "SRT_UNAUTHENTICATED"]);
    }
  });

  it("an operator enrols new devices; to put one in another's place, which ends that one's certificates, takes an admin", async () => {
    const device = await enrol(controlPlane, "gate-9");
    const bearer = async (role: string) => {
      const name = `enrols-as-${role}`;
      const { body } = await rest<{ token: string }>(controlPlane, "POST", "/api/v1/api-tokens", { name, role });
      return `Bearer ${body.token}`;
    };
    const [operator, admin] = [await bearer("operator"), await bearer("admin")];
    const { deviceId: replaces } = device;
    const ways: [string, object][] = [
      ["/api/v1/enrolment-tokens", {}],
      ["/api/v1/enrolments/keys", { fingerprint: "ab".repeat(32) }],
    ];
    for (const [path, request] of ways) {
      expect((await rest(controlPlane, "POST", path, request, operator)).status).toBe(201);
      const refused = await rest<ErrorReply>(controlPlane, "POST", path, { ...request, replaces }, operator);
      expect([refused.status, refused.body.error.code]).toEqual([403, "SRT_ROLE_TOO_LOW"]);
      expect(refused.body.error.message).toContain(`Replacing ${replaces} needs the role admin`);
      expect((await rest(controlPlane, "POST", path, { ...request, replaces }, admin)).status).toBe(201);
    }
    const session = await connectDevice(device);
    await session.endAsync();
  });

  it("the operator's token is readable by its owner only", async () => {
    const { mode } = await stat(join(controlPlane.stateDir, "operator-token"));
    expect(mode & 0o777).toBe(0o600);
  });

  it("a deleted device loses its session at once and cannot connect again", async () => {
    const device = await enrol(controlPlane);
    const session = await connectDevice(device);
    const closed = new Promise((resolve) => session.once("close", () => resolve("closed")));
    const { status } = await rest(controlPlane, "DELETE", `/api/v1/devices/${device.deviceId}`);
    expect(status).toBe(204);
    expect(await closed).toBe("closed");
    await expect(connectDevice(device)).rejects.toThrow();
    const { body } = await rest<ErrorReply>(controlPlane, "GET", `/api/v1/devices/${device.deviceId}`);
    expect(body.error.code).toBe("SRT_DEVICE_UNKNOWN");
  });
});

describe("enrolment under pressure", () => {
  it("an expired token is refused, and guessing is slowed down for its address", async () => {
    let now = Date.now();
    const controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "5" }, now: () => now });
    try {
      const token = await makeToken(controlPlane, 60);
      now += 60_000;
      const attempt = () => redeem(controlPlane, { token, name: "late" });
      const expired = await attempt();
      expect([expired.status, expired.body.error.code]).toEqual([401, "SRT_ENROLMENT_TOKEN_EXPIRED"]);
      for (let count = 0; count < 4; count++) await attempt();
      const limited = await attempt();
      expect([limited.status, limited.body.error.code]).toEqual([429, "SRT_RATE_LIMITED"]);
    } finally {
      await controlPlane.stop();
    }
  });
});
