import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, httpGet, systemClock } from "../platform/index.js";
import { CertificateRenewal } from "./certificate-renewal.js";
import { type DeviceIdentity, loadOrEnrol } from "./device-identity.js";
import { IdentityStore } from "./identity-store.js";
import { TestAuthority, TestControlPlane } from "./testing/index.js";

const DAY_MS = 86_400_000;
const RENEWALS = "/api/v1/certificates/renewals";
const LATE = "/api/v1/certificates/late-renewals";
const signal = new AbortController().signal;

/** The process ends here. */
class Killed extends Error {}

describe("the certificate's renewal", () => {
  let folder: string;
  let controlPlane: TestControlPlane;
  let now: number;
  let log: string[];
  let refused: SartorError[];
  const clock = { ...systemClock, now: () => now, sleep: async () => undefined };
  const logger = createLogger("debug", (line) => void log.push(line));

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sartor-renewal-"));
    controlPlane = await TestControlPlane.start();
    now = Date.now();
    log = [];
    refused = [];
  });
  afterEach(async () => {
    await controlPlane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (): Promise<DeviceIdentity> =>
    loadOrEnrol({
      stateFolder: folder,
      controlPlaneUrl: controlPlane.url,
      token: controlPlane.token,
      deviceName: "gate 7",
      emulated: false,
      hardware: ["linux-x64"],
      earliest: 0,
      clock,
      logger,
      random: () => 0.5,
      authorityFingerprint: undefined,
      signal,
    });
  const renewalOf = (identity: DeviceIdentity, earliest = 0) =>
    new CertificateRenewal({ identity, earliest, clock, logger, random: () => 0.5, onRefused: (e) => refused.push(e) });
  const serialOf = (identity: DeviceIdentity) =>
    new X509Certificate(identity.tls.credential.client?.certificate ?? "").serialNumber;
  const keyOf = (identity: DeviceIdentity) => identity.tls.credential.client?.key;
  const generations = () => readdirSync(join(folder, "identity")).filter((name) => name.startsWith("generation-"));
  /** Looks so long as there is something to do. */
  const runToRest = async (renewal: CertificateRenewal, looks = 10): Promise<number> => {
    for (let look = 0; look < looks; look++) {
      const wait = await renewal.step(signal);
      if (wait > 0) return wait;
    }
    throw new Error("the renewal comes to no rest");
  };
  const refuse = (response: ServerResponse, status: number, code: string) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { code, message: `${code}, it says` } }));
    return true;
  };

  it("leaves a young certificate alone", async () => {
    const renewal = renewalOf(await open());
    expect(await runToRest(renewal)).toBeGreaterThan(0);
    now += 19 * DAY_MS;
    await runToRest(renewal);
    expect(controlPlane.of(RENEWALS)).toHaveLength(0);
  });

  it("comes in time, over mTLS, with a new key; the new one is used before the old one goes", async () => {
    const identity = await open();
    const [serial, key] = [serialOf(identity), keyOf(identity)];
    now += 23 * DAY_MS;
    controlPlane.validity = { notBefore: now - 24 * DAY_MS, notAfter: now + 29 * DAY_MS };
    await runToRest(renewalOf(identity));
    expect(controlPlane.of(RENEWALS).map((request) => request.serial)).toEqual([serial]);
    expect(serialOf(identity)).not.toBe(serial);
    expect(keyOf(identity)).not.toBe(key);
    const proof = controlPlane.requests.at(-1);
    expect(proof).toMatchObject({ path: expect.stringContaining("timestamp.json"), serial: serialOf(identity) });
    expect(generations()).toEqual(["generation-2"]);
    expect(readdirSync(join(folder, "identity"))).not.toContain("renewal-key.pem");
    // After a restart it is the new one still.
    expect(serialOf(await open())).toBe(serialOf(identity));
    expect((await open()).enrolmentId).toBe(identity.enrolmentId);
    expect(log.join("")).not.toContain("PRIVATE KEY");
  });

  it("lets the next request of the lines use the new certificate, without a restart", async () => {
    const identity = await open();
    let swaps = 0;
    identity.tls.onSwap(() => void swaps++);
    const get = async () => {
      const options = { tls: identity.tls, maximumBytes: 1e4, idleTimeoutMs: 5_000, signal };
      (await httpGet(new URL(`${controlPlane.url}/x`), options)).discard();
      return controlPlane.requests.at(-1)?.serial;
    };
    const before = await get();
    now += 23 * DAY_MS;
    controlPlane.validity = { notBefore: now - 24 * DAY_MS, notAfter: now + 29 * DAY_MS };
    await runToRest(renewalOf(identity));
    expect(swaps).toBe(1);
    expect(await get()).toBe(serialOf(identity));
    expect(serialOf(identity)).not.toBe(before);
  });

  it("keeps the old certificate in use while the new one is not accepted, and asks for another", async () => {
    const identity = await open();
    const serial = serialOf(identity);
    now += 23 * DAY_MS;
    controlPlane.validity = { notBefore: now - 24 * DAY_MS, notAfter: now + 29 * DAY_MS };
    let proofs = 0;
    controlPlane.intercept = (path, response) =>
      path.includes("timestamp") && ++proofs === 1 && refuse(response, 401, "SRT_CERTIFICATE_UNKNOWN");
    const renewal = renewalOf(identity);
    await runToRest(renewal);
    expect(serialOf(identity)).toBe(serial);
    expect(serialOf(await open())).toBe(serial);
    await runToRest(renewal);
    expect(serialOf(identity)).not.toBe(serial);
    expect(controlPlane.of(RENEWALS)).toHaveLength(2);
  });

  it("proves the new certificate again when nobody answered, and does not ask for another", async () => {
    const identity = await open();
    now += 23 * DAY_MS;
    controlPlane.validity = { notBefore: now - 24 * DAY_MS, notAfter: now + 29 * DAY_MS };
    let proofs = 0;
    controlPlane.intercept = (path, response) => {
      if (!path.includes("timestamp") || ++proofs > 2) return false;
      if (proofs === 1) response.destroy();
      else refuse(response, 503, "SRT_INTERNAL");
      return true;
    };
    const renewal = renewalOf(identity);
    await runToRest(renewal);
    await runToRest(renewal);
    await runToRest(renewal);
    expect(proofs).toBe(3);
    expect(controlPlane.of(RENEWALS)).toHaveLength(1);
  });

  it("by signing a nonce with the old key when the certificate has ended: anonymous in TLS, which is checked as ever", async () => {
    const identity = await open();
    const serial = serialOf(identity);
    now += 31 * DAY_MS;
    controlPlane.validity = { notBefore: now - 32 * DAY_MS, notAfter: now + 29 * DAY_MS };
    await runToRest(renewalOf(identity));
    expect(controlPlane.of(RENEWALS)).toHaveLength(0);
    expect(controlPlane.of(LATE).map((request) => request.serial)).toEqual([undefined]);
    expect(serialOf(identity)).not.toBe(serial);
  });

  it("by a signed nonce, too, when only the control plane's clock says that it has ended", async () => {
    controlPlane.validity = { notBefore: now - 30 * DAY_MS, notAfter: now + DAY_MS };
    const identity = await open();
    let asked = 0;
    controlPlane.intercept = (path, response) =>
      path === RENEWALS && ++asked > 0 && refuse(response, 401, "SRT_CERTIFICATE_EXPIRED");
    controlPlane.validity = {};
    await runToRest(renewalOf(identity));
    expect(asked).toBe(1);
    expect(controlPlane.of(LATE)).toHaveLength(1);
  });

  it("on a device whose clock says 1970 goes by the time that its certificate vouches for", async () => {
    const identity = await open();
    now = 0;
    await runToRest(renewalOf(identity));
    expect(controlPlane.of(RENEWALS)).toHaveLength(0);
    // Software that was built after the certificate's end knows better.
    controlPlane.validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + 60 * DAY_MS };
    await runToRest(renewalOf(identity, Date.now() + 31 * DAY_MS));
    expect(controlPlane.of(LATE)).toHaveLength(1);
  });

  it.each(["SRT_CERTIFICATE_EXPIRED", "SRT_CERTIFICATE_REVOKED"])(
    "tells operators once when it is refused with %s, and goes on asking, seldom",
    async (code) => {
      const identity = await open();
      const serial = serialOf(identity);
      now += 40 * DAY_MS;
      controlPlane.intercept = (path, response) => path === LATE && refuse(response, 401, code);
      const renewal = renewalOf(identity);
      const waits = [await runToRest(renewal), await runToRest(renewal), await runToRest(renewal)];
      expect(waits).toEqual([1_800_000, 1_800_000, 1_800_000]);
      expect(refused.map((error) => error.code)).toEqual([code]);
      expect(log.filter((line) => line.includes(" error "))).toHaveLength(1);
      expect(serialOf(identity)).toBe(serial);
    },
  );

  it("takes no other root, no certificate of another authority and none for another device", async () => {
    const identity = await open();
    const serial = serialOf(identity);
    now += 23 * DAY_MS;
    const other = await TestAuthority.create();
    const issue = (authority: TestAuthority, deviceId: string) =>
      authority.issueDevice(deviceId, String(controlPlane.of(RENEWALS).at(-1)?.body.csr));
    const renewal = renewalOf(identity);
    for (const change of [
      async () => ({ certificate: await issue(controlPlane.authority, "device-1"), authorities: other.root }),
      async () => ({ certificate: await issue(other, "device-1"), authorities: controlPlane.authority.root }),
      async () => ({
        certificate: await issue(controlPlane.authority, "device-2"),
        authorities: controlPlane.authority.root,
      }),
    ]) {
      controlPlane.intercept = (path, response) => {
        if (path !== RENEWALS) return false;
        void change().then((reply) => response.end(JSON.stringify(reply)));
        return true;
      };
      await runToRest(renewal);
      expect(serialOf(await open())).toBe(serial);
      expect(generations()).toEqual(["generation-1"]);
    }
    expect(controlPlane.of(RENEWALS)).toHaveLength(3);
  });

  it.each(
    (["pendingKey", "write", "forgetPendingKey", "promote"] as const).flatMap((method) => [
      ["before", method] as const,
      ["after", method] as const,
    ]),
  )(
    "survives a kill %s %s: the device is never without an identity, and ends with the new one",
    async (moment, method) => {
      const first = serialOf(await open());
      now += 23 * DAY_MS;
      controlPlane.validity = { notBefore: now - 24 * DAY_MS, notAfter: now + 29 * DAY_MS };
      const started = await open();
      const dying = new IdentityStore(join(folder, "identity"));
      const original = dying[method].bind(dying) as (...given: unknown[]) => unknown;
      let killed = false;
      (dying as unknown as Record<string, unknown>)[method] = (...given: unknown[]) => {
        // Nothing happens after a kill.
        if (!killed && moment === "after") original(...given);
        killed = true;
        throw new Killed();
      };
      await renewalOf({ ...started, store: dying }).step(signal);
      if (!killed) await renewalOf({ ...started, store: dying }).step(signal);
      expect(killed).toBe(true);
      const restarted = await open();
      await runToRest(renewalOf(restarted));
      expect(serialOf(restarted)).not.toBe(first);
      expect(serialOf(await open())).toBe(serialOf(restarted));
      expect(keyOf(restarted)).not.toBe(keyOf(started));
      expect(generations()).toHaveLength(1);
      // The next one gets a key of its own, whatever the kill left behind.
      now += 20 * DAY_MS + 28 * DAY_MS;
      controlPlane.validity = { notBefore: Date.now() - DAY_MS, notAfter: now + 90 * DAY_MS };
      const renewedKey = keyOf(restarted);
      await runToRest(renewalOf(restarted));
      expect(keyOf(restarted)).not.toBe(renewedKey);
    },
  );

  it("looks at the certificate at once when the broker refuses it, and finds out why", async () => {
    const identity = await open();
    const renewal = renewalOf(identity);
    let code = "";
    controlPlane.intercept = (path, response) =>
      path.includes("timestamp") && code !== "" && refuse(response, 401, code);
    renewal.noteRefused();
    await runToRest(renewal);
    expect(controlPlane.of(LATE)).toHaveLength(0);
    code = "SRT_CERTIFICATE_REVOKED";
    renewal.noteRefused();
    await runToRest(renewal);
    expect(refused.map((error) => error.code)).toEqual([code]);
    expect(controlPlane.of(LATE)).toHaveLength(0);
    code = "SRT_CERTIFICATE_EXPIRED";
    renewal.noteRefused();
    await renewal.step(signal);
    await renewal.step(signal);
    expect(controlPlane.of(LATE)).toHaveLength(1);
  });
});
