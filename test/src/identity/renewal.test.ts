import { createHash, sign, X509Certificate } from "node:crypto";
import { makeCertificateRequest, makeDeviceKey } from "@sartor/agent/identity/testing";
import type { ErrorReply, RolloutSummary } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { callAsDevice, rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { DAY_MS, type MovedDevice, type MovedFleet, startMovedFleet } from "./moved-fleet.js";

const LATE = "/api/v1/certificates/late-renewals";

let fleet: MovedFleet;
let device: MovedDevice;
/** Life of the certificates of those who are to outlive them, days. */
const SHORT_DAYS = 5;
async function begin(beganAgoMs: number, environment: Record<string, string> = {}): Promise<void> {
  fleet = await startMovedFleet(environment, beganAgoMs);
  device = fleet.device("gate 7");
  await device.start();
  await device.online();
}
/** A device whose certificate ends that soon, ms, also by the clock of this machine. */
const beginBeforeEnd = (endsInMs: number, environment: Record<string, string> = {}) =>
  begin(SHORT_DAYS * DAY_MS - endsInMs, { SARTOR_CERTIFICATE_DAYS: String(SHORT_DAYS), ...environment });
afterEach(() => fleet?.stop());

/** Waits until the certificate that counts is another one, and the former one ended because of it. */
async function renewed(times = 1) {
  const { certificates } = await waitFor("the new certificate to take over", async () => {
    const now = await device.certificates();
    const [newest] = now.certificates;
    return now.certificates.length === times + 1 && newest?.firstUsedAt != null && now;
  });
  const [newest, former] = certificates;
  expect(newest).toMatchObject({ revokedAt: null, reason: null });
  expect(former).toMatchObject({ reason: "superseded" });
  expect(newest?.keyFingerprint).not.toBe(former?.keyFingerprint);
  return certificates;
}
async function refusalOf(credential: MovedDevice["credential"], path = "/api/v1/trust/roots") {
  const reply = await callAsDevice(fleet.controlPlane, credential, path);
  return [reply.status, ((await reply.json()) as ErrorReply).error?.code];
}

describe("a certificate", () => {
  it("is renewed between two thirds and three quarters of its life, for a new key, and the old one ends with the first use", async () => {
    await begin(23 * DAY_MS);
    const { credential: former } = device;
    const [first] = (await device.certificates()).certificates;
    const lifeMs = (first?.notAfter ?? 0) - (first?.notBefore ?? 0);
    expect(lifeMs).toBeGreaterThan(30 * DAY_MS);
    const HOUR_MS = DAY_MS / 24;
    // It begins an hour before it was issued.
    fleet.pass(lifeMs * (2 / 3) - 2 * HOUR_MS);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await device.certificates()).certificates).toHaveLength(1);
    fleet.pass(lifeMs / 12 + 2 * HOUR_MS);
    await renewed();
    const said = await device.says("the certificate was renewed");
    const [, serial] = /serial=([0-9A-F]+)/i.exec(said) ?? [];
    // Over the old certificate, and no other way.
    const anonymous = { ca: former.ca };
    const request = { method: "POST", json: { csr: await makeCertificateRequest(makeDeviceKey()) } };
    const stranger = await callAsDevice(fleet.controlPlane, anonymous, "/api/v1/certificates/renewals", request);
    expect(stranger.status).toBe(401);
    // The old one is worth nothing any more, though its time is not over; the session went over to the new one.
    expect(await refusalOf(former)).toEqual([403, "SRT_CERTIFICATE_REVOKED"]);
    expect((await device.online()).deviceId).toBe(device.deviceId);
    expect((await device.certificates()).certificates[0]?.serial).toBe(serial?.toLowerCase());
  });

  it("that ended while the device was away is renewed by a nonce that the old key signs, and by nothing less", async () => {
    const endsInMs = 15_000;
    await beginBeforeEnd(endsInMs);
    const { credential: old } = device;
    await device.stop();
    const { validToDate } = new X509Certificate(old.client?.certificate ?? "");
    await waitFor("it to end by this machine's clock", () => validToDate.getTime() < Date.now());
    fleet.pass(SHORT_DAYS * DAY_MS);
    expect(await refusalOf(old)).toEqual([401, "SRT_CERTIFICATE_EXPIRED"]);
    const ask = async (key: string, nonce: string, sent = nonce) => {
      const csr = await makeCertificateRequest(makeDeviceKey());
      const text = `sartor-late-renewal\n${nonce}\n${createHash("sha256").update(csr).digest("hex")}`;
      const signature = sign("sha256", Buffer.from(text), key).toString("base64url");
      const json = { certificate: old.client?.certificate, nonce: sent, signature, csr };
      return callAsDevice(fleet.controlPlane, { ca: old.ca }, LATE, { method: "POST", json });
    };
    const nonce = async () => {
      const reply = await callAsDevice(fleet.controlPlane, { ca: old.ca }, "/api/v1/certificates/nonces/new");
      return ((await reply.json()) as { nonce: string }).nonce;
    };
    const own = old.client?.key ?? "";
    expect((await ask(makeDeviceKey(), await nonce())).status).toBe(401);
    expect((await ask(own, await nonce(), await nonce())).status).toBe(401);
    expect((await ask(own, "x".repeat(43))).status).toBe(401);
    expect((await device.certificates()).certificates).toHaveLength(1);

    await device.start();
    const [newest] = await renewed();
    await device.online();
    expect(newest?.notAfter).toBeGreaterThan(Date.now() + (SHORT_DAYS - 1) * DAY_MS);
    // The old key proves nothing any more.
    const again = await ask(own, await nonce());
    expect([again.status, ((await again.json()) as ErrorReply).error.code]).toEqual([403, "SRT_CERTIFICATE_REVOKED"]);
  });

  it("that ended longer ago than the grace is not renewed; the device says so once and goes on", async () => {
    await beginBeforeEnd(DAY_MS / 24, { SARTOR_CERTIFICATE_GRACE_DAYS: "1" });
    await device.stop();
    fleet.pass((SHORT_DAYS + 1) * DAY_MS);
    await device.start();
    await device.says(/cannot be renewed.*SRT_CERTIFICATE_EXPIRED/);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const said = device.log.filter((line) => line.includes(" error ") && line.includes("SRT_CERTIFICATE_EXPIRED"));
    expect(said).toHaveLength(1);
    expect((await device.certificates()).certificates).toHaveLength(1);
    expect((await device.view()).presence?.status).not.toBe("online");
  });
});

describe("a certificate that ends in the middle of a rollout", () => {
  it("is renewed late, and the download goes on where it was", async () => {
    await beginBeforeEnd(DAY_MS / 36);
    const { controlPlane, line } = fleet;
    const model = buildTinyClassifier({ name: "tiny", version: "1.0.0", width: 64, height: 64, seed: 1 });
    expect((await register(controlPlane, model)).status).toBe(201);
    line.setRate(40_000);
    const wanted = {
      name: "tiny 1.0.0",
      model: "tiny",
      version: "1.0.0",
      devices: [device.deviceId],
      deadlineSeconds: 30 * 86_400,
      probe: { soakSeconds: 0 },
    };
    const { body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", wanted);
    const { doneBytes, totalBytes } = await waitFor("the download to be under way", async () => {
      const progress = (await device.view()).reported?.deployment?.progress;
      return progress != null && progress.doneBytes > 0 && progress;
    });
    expect(doneBytes).toBeLessThan(totalBytes);
    fleet.pass(SHORT_DAYS * DAY_MS);
    await renewed();
    line.setRate(undefined);
    const rollout = await waitFor("the rollout to end", async () => {
      const now = await fleet.rollout(body.rolloutId);
      return now.status !== "running" && now;
    });
    expect(rollout).toMatchObject({ status: "succeeded", counts: { succeeded: 1 } });
    expect((await device.view()).reported?.serving).toMatchObject({ state: "ready", version: "1.0.0" });
    expect((await device.certificates()).certificates).toHaveLength(2);
  });
});
