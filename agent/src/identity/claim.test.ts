import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { type EnrolmentOptions, loadOrEnrol } from "./device-identity.js";
import { publicKeyOf } from "./device-key.js";
import { TestControlPlane } from "./testing/index.js";

const PENDING = "/api/v1/enrolments/pending";

describe("a device without a token", () => {
  let folder: string;
  let controlPlane: TestControlPlane;
  let waits: number[];
  let log: string[];
  /** What happens while the device waits for the n-th time. */
  let during: (wait: number) => void;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sartor-claim-"));
    controlPlane = await TestControlPlane.start();
    waits = [];
    log = [];
    during = () => undefined;
  });
  afterEach(async () => {
    await controlPlane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const enrol = (options: Partial<EnrolmentOptions> = {}) => {
    let passed = 0;
    const clock = {
      ...systemClock,
      monotonic: () => passed,
      sleep: async (milliseconds: number, signal?: AbortSignal) => {
        passed += milliseconds;
        waits.push(milliseconds);
        during(waits.length);
        signal?.throwIfAborted();
      },
    };
    return loadOrEnrol({
      stateFolder: folder,
      controlPlaneUrl: controlPlane.url,
      token: undefined,
      authorityFingerprint: controlPlane.authority.fingerprint,
      deviceName: "gate 7",
      emulated: false,
      hardware: ["linux-x64"],
      earliest: 0,
      clock,
      logger: createLogger("info", (line) => void log.push(line)),
      random: () => 0.5,
      signal: new AbortController().signal,
      ...options,
    });
  };

  it("asks with pauses that grow to two minutes, shows its own key's fingerprint, and is enrolled once it is claimed", async () => {
    during = (wait) => {
      controlPlane.isClaimed = wait === 5;
    };
    const { deviceId } = await enrol();
    expect(deviceId).toBe("device-1");
    expect(waits).toEqual([33_000, 66_000, 132_000, 132_000, 132_000]);
    const key = readFileSync(join(folder, "identity", "current", "key.pem"), "utf8");
    const fingerprint = createHash("sha256").update(publicKeyOf(key)).digest("hex");
    // What the control plane says of it is nobody's proof: here it says zeros.
    const shown = log.filter((line) => line.includes(`sartor device claim ${fingerprint}`));
    expect(shown).toHaveLength(1);
    const certificate = new X509Certificate(readFileSync(join(folder, "identity", "current", "certificate.pem")));
    expect(certificate.publicKey.export({ type: "spki", format: "der" })).toEqual(publicKeyOf(key));
  });

  it("shows it again each hour: whoever comes late finds it in the log", async () => {
    during = (wait) => {
      controlPlane.isClaimed = wait === 60;
    };
    await enrol();
    expect(waits.reduce((sum, wait) => sum + wait)).toBeGreaterThan(2 * 3_600_000);
    expect(log.filter((line) => line.includes("sartor device claim"))).toHaveLength(3);
  });

  it("keeps its key over a restart, so that a claim stays good", async () => {
    const stop = new AbortController();
    during = () => stop.abort();
    await expect(enrol({ signal: stop.signal })).rejects.toBeDefined();
    during = () => {
      controlPlane.isClaimed = true;
    };
    await enrol();
    const keys = controlPlane.of(PENDING).map(({ body }) => String(body.csr));
    expect(keys.length).toBeGreaterThan(1);
    const lines = log.flatMap((line) => /sartor device claim ([0-9a-f]{64})/.exec(line)?.[1] ?? []);
    expect(new Set(lines).size).toBe(1);
  });

  it("asks nobody whose root is not the one of the setting", async () => {
    const stranger = await TestControlPlane.start();
    stranger.isClaimed = true;
    await expect(enrol({ controlPlaneUrl: stranger.url })).rejects.toMatchObject({ code: "SRT_AUTHORITY_MISMATCH" });
    expect(stranger.of(PENDING)).toHaveLength(0);
    await stranger.stop();
  });

  it("waits out a control plane that is full or away, and stops at a refusal", async () => {
    const answers: [number, string][] = [
      [429, "SRT_RATE_LIMITED"],
      [503, "SRT_INTERNAL"],
      [403, "SRT_ENROLMENT_SCOPE"],
    ];
    controlPlane.intercept = (path, response) => {
      if (path !== PENDING) return false;
      const [status, code] = answers.shift() ?? [500, "SRT_INTERNAL"];
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code, message: "no" } }));
      return true;
    };
    await expect(enrol()).rejects.toMatchObject({ code: "SRT_ENROLMENT_SCOPE" });
    expect(waits).toHaveLength(2);
  });

  it("is not started with a token that names another root than the setting", async () => {
    const token = `${"x".repeat(43)}.${"y".repeat(43)}`;
    await expect(enrol({ token })).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID" });
    expect(controlPlane.requests).toHaveLength(0);
  });

  it("and without a root that it may believe is told both ways in", async () => {
    await expect(enrol({ authorityFingerprint: undefined })).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
      message: expect.stringMatching(/SARTOR_ENROLMENT_TOKEN.*SARTOR_CA_FINGERPRINT/s),
    });
  });
});
