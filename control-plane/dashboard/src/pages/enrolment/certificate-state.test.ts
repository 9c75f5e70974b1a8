import type { DeviceCertificatesReply } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { certificateWord, groupFingerprint, identityState } from "./certificate-state.js";

const DAY = 86_400_000;
type Certificate = DeviceCertificatesReply["certificates"][number];

function certificate(serial: string, changes: Partial<Certificate> = {}): Certificate {
  return {
    serial,
    fingerprint: "a".repeat(64),
    keyFingerprint: "b".repeat(64),
    notBefore: 0,
    notAfter: 30 * DAY,
    firstUsedAt: 1,
    revokedAt: null,
    reason: null,
    ...changes,
  };
}

const reply = (certificates: Certificate[], revokedAt: number | null = null): DeviceCertificatesReply => ({
  deviceId: "pi",
  generation: 1,
  revokedAt,
  certificates,
});

describe("a device's identity on its page", () => {
  it("is the certificate in use, also while a renewed one waits for its first use", () => {
    const certificates = [certificate("2", { firstUsedAt: null }), certificate("1")];
    expect(identityState(reply(certificates), DAY)).toMatchObject({ word: "in use", current: { serial: "1" } });
    const renewed = [certificate("2"), certificate("1", { revokedAt: 9, reason: "superseded" })];
    expect(identityState(reply(renewed), DAY)).toMatchObject({ word: "in use", current: { serial: "2" } });
    expect(renewed.map((each) => certificateWord(each, DAY))).toEqual(["in use", "superseded"]);
  });

  it("says when it is about to end, has ended, or was revoked", () => {
    const held = reply([certificate("1")]);
    expect(identityState(held, 26 * DAY)).toMatchObject({ word: "ends soon", tone: "warn" });
    expect(identityState(held, 30 * DAY)).toMatchObject({ word: "certificate ended", tone: "bad" });
    const revoked = reply([certificate("1", { revokedAt: 5, reason: "revoked" })], 5);
    expect(identityState(revoked, DAY)).toEqual({ word: "access revoked", tone: "bad", current: null });
    expect(identityState(reply([]), DAY)).toMatchObject({ word: "no certificate", current: null });
  });

  it("shows a fingerprint in groups that hold all of it", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{64}$/), (fingerprint) => {
        const groups = groupFingerprint(fingerprint).split(" ");
        expect(groups).toHaveLength(16);
        expect(groups.join("")).toBe(fingerprint);
      }),
    );
  });
});
