import { execFile } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IdentityStore } from "@sartor/agent/identity";
import type { DeviceSummary, PendingEnrolmentsReply } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMiddleman } from "../attacks/middleman.js";
import { freePort } from "../support/control-plane-process.js";
import { makeToken, rest, rootOf } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { type MovedFleet, startMovedFleet } from "./moved-fleet.js";

const SARTOR = fileURLToPath(new URL("../../../control-plane/cli/dist/main.js", import.meta.url));

let fleet: MovedFleet;
beforeAll(async () => {
  fleet = await startMovedFleet();
});
afterAll(() => fleet?.stop());

/** Runs the command as an operator would. */
function sartor(...parameters: string[]): Promise<string> {
  const { httpUrl, operatorToken } = fleet.controlPlane;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SARTOR, "--url", httpUrl, "--token", operatorToken, ...parameters], (error, output) =>
      error === null ? resolve(output) : reject(error),
    );
  });
}
const devices = async () =>
  (await rest<{ items: DeviceSummary[] }>(fleet.controlPlane, "GET", "/api/v1/devices")).body.items;
const waiting = async () =>
  (await rest<PendingEnrolmentsReply>(fleet.controlPlane, "GET", "/api/v1/enrolments/pending")).body.items;
const pin = async () => {
  const output = await sartor("ca");
  return /SARTOR_CA_FINGERPRINT=([A-Za-z0-9_-]{43})/.exec(output)?.[1] ?? output;
};

describe("a token", () => {
  it("whose replies are lost gives the same device the same certificate in the end, and no second one", async () => {
    const root = await rootOf(fleet.controlPlane);
    const { httpUrl, operatorToken, deviceUrl } = fleet.controlPlane;
    const upstream = { httpUrl, operatorToken, devicePort: Number(new URL(deviceUrl).port) };
    const middleman = await startMiddleman(upstream, await freePort(), () => ({ ca: root }));
    try {
      const issued: string[] = [];
      middleman.tamper = (path, answer, response) => {
        if (path !== "/api/v1/enrolments") return false;
        issued.push((JSON.parse(answer.body.toString()) as { certificate: string }).certificate);
        if (issued.length > 2) return false;
        response.destroy();
        return true;
      };
      const before = (await devices()).length;
      const device = fleet.device("gate 1", { SARTOR_CONTROL_PLANE_URL: middleman.url });
      await device.start({ SARTOR_ENROLMENT_TOKEN: await makeToken(fleet.controlPlane) });
      expect(issued).toHaveLength(3);
      expect(new Set(issued).size).toBe(1);
      expect(device.credential.client?.certificate).toBe(issued[0]);
      await device.online();
      expect((await device.certificates()).certificates).toHaveLength(1);
      expect(await devices()).toHaveLength(before + 1);
    } finally {
      await middleman.stop();
    }
  });
});

describe("a device without a token", () => {
  it("waits, shows its key's fingerprint, and is enrolled once an operator claims it", async () => {
    const device = fleet.device("gate 2", { SARTOR_CA_FINGERPRINT: await pin() });
    const started = device.start();
    const line = await device.says("sartor device claim ");
    const shown = /sartor device claim ([0-9a-f]{64})/.exec(line)?.[1] ?? line;
    await waitFor("it to be listed", async () => (await waiting()).some(({ fingerprint }) => fingerprint === shown));
    expect(await sartor("device", "pending")).toContain(shown);
    const asked = (await waiting())[0]?.lastSeenAt ?? 0;
    await waitFor("it to ask again", async () => ((await waiting())[0]?.lastSeenAt ?? 0) > asked);
    expect(new IdentityStore(join(device.folder, "identity")).read("current")).toBeUndefined();

    await sartor("device", "claim", shown.replace(/(..)(?!$)/g, "$1:").toUpperCase());
    await started;
    expect(await device.online()).toMatchObject({ name: "gate 2" });
    expect(await waiting()).toEqual([]);
    const [certificate] = (await device.certificates()).certificates;
    expect(certificate?.keyFingerprint).toBe(shown);
    const key = new X509Certificate(device.credential.client?.certificate ?? "").publicKey;
    const digest = createHash("sha256")
      .update(key.export({ type: "spki", format: "der" }))
      .digest("hex");
    expect(digest).toBe(shown);
  });

  it("keeps its key over a restart: claimed in the meantime, it does not wait", async () => {
    const device = fleet.device("gate 3", { SARTOR_CA_FINGERPRINT: await pin() });
    const first = device.start().catch(() => undefined);
    const shown = /claim ([0-9a-f]{64})/.exec(await device.says("sartor device claim "))?.[1] ?? "";
    await device.stop();
    await first;
    await sartor("device", "claim", shown);
    await device.start();
    await device.online();
    expect((await device.certificates()).certificates[0]?.keyFingerprint).toBe(shown);
  });

  it("is not let in when another key was claimed, and tells nothing to a control plane that is not the pinned one", async () => {
    const device = fleet.device("gate 4", { SARTOR_CA_FINGERPRINT: await pin() });
    const first = device.start().catch(() => undefined);
    const shown = /claim ([0-9a-f]{64})/.exec(await device.says("sartor device claim "))?.[1] ?? "";
    await sartor("device", "claim", "ab".repeat(32));
    const asked = (await waiting()).find(({ fingerprint }) => fingerprint === shown)?.lastSeenAt ?? 0;
    await waitFor("it to ask again", async () =>
      (await waiting()).some(({ fingerprint, lastSeenAt }) => fingerprint === shown && lastSeenAt > asked),
    );
    expect(new IdentityStore(join(device.folder, "identity")).read("current")).toBeUndefined();
    await device.stop();
    await first;

    const before = (await waiting()).length;
    const lost = fleet.device("gate 5", { SARTOR_CA_FINGERPRINT: "ab".repeat(32) });
    await expect(lost.start()).rejects.toMatchObject({ code: "SRT_AUTHORITY_MISMATCH" });
    expect(await waiting()).toHaveLength(before);
  });
});

describe("the authority", () => {
  it("says when it ends and where the root's key is; the root is saved as it is", async () => {
    const output = await sartor("ca");
    expect(output).toMatch(/root +CN=Sartor root/);
    expect(output).toMatch(/intermediate +CN=Sartor intermediate/);
    expect(output).toContain("root-key.pem");
    const keyFile = join(fleet.controlPlane.stateDir, "ca", "root-key.pem");
    rmSync(keyFile);
    expect(await sartor("ca")).not.toContain("root-key.pem");
    const folder = mkdtempSync(join(tmpdir(), "sartor-ca-"));
    try {
      const out = join(folder, "root.pem");
      await sartor("ca", "root", "--out", out);
      expect(readFileSync(out, "utf8")).toBe(await rootOf(fleet.controlPlane));
      expect(await sartor("ca", "root")).toBe(readFileSync(out, "utf8"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
