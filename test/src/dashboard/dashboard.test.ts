import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceDetail, RolloutSummary } from "@sartor/shared/protocol";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { freePort } from "../support/control-plane-process.js";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { ScriptedDevice } from "./scripted-device.js";

if (CHROMIUM === undefined) {
  console.warn(
    "LEFT OUT: the dashboard's browser tests. No Chromium was found; install one (apt-get install chromium) or name it in SARTOR_TEST_CHROMIUM.",
  );
}

describe.skipIf(CHROMIUM === undefined)("the dashboard in a browser", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let context: BrowserContext;
  let page: Page;
  let problems: string[];
  const devices: ScriptedDevice[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane();
  });
  afterAll(async () => {
    await browser?.close();
    await controlPlane?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext({ locale: "en-GB" });
    page = await context.newPage();
    page.setDefaultTimeout(40_000);
    problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (/content security policy/i.test(message.text())) problems.push(message.text());
    });
  });
  afterEach(async () => {
    await context.close();
    for (const device of devices.splice(0)) await device.disconnect();
    expect(problems).toEqual([]);
  });

  const open = (path: string) => page.goto(`${controlPlane.httpUrl}${path}#token=${controlPlane.operatorToken}`);
  const live = () =>
    page
      .getByRole("status")
      .filter({ hasText: /^live$/ })
      .waitFor();
  const rowOf = (name: string) => page.getByRole("row").filter({ hasText: name });
  const enrol = async (name: string, emulated = false) => {
    const device = await ScriptedDevice.enrol(controlPlane, name, emulated);
    devices.push(device);
    return device;
  };

  it("asks for the operator token, says where it lies, and refuses a wrong one with its code", async () => {
    await page.goto(`${controlPlane.httpUrl}/rollouts`);
    const token = page.getByLabel("Operator token");
    await token.waitFor();
    expect(await page.getByText("operator-token").count()).toBe(1);
    await token.fill("not the token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").getByText("SRT_UNAUTHENTICATED").waitFor();
    await token.fill(controlPlane.operatorToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Rollouts" }).waitFor();
  });

  it("signs in by the printed address and takes the token out of the address bar", async () => {
    await open("/");
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
    expect(page.url()).toBe(`${controlPlane.httpUrl}/`);
    await page.reload();
    await page.getByRole("heading", { name: "Fleet" }).waitFor();
  });

  it("tells an operator of an empty fleet what to do", async () => {
    await open("/");
    await page.getByText("No device is enrolled yet").waitFor();
    expect(await page.getByText("npm start -- --devices 5").count()).toBe(1);
  });

  it("shows a device the moment it enrols, without a reload, and marks an emulated one everywhere", async () => {
    await open("/");
    await live();
    await page.evaluate("window.notReloaded = true");
    await enrol("gate-north");
    const emulated = await enrol("gate-south", true);
    await emulated.sendInventory({
      boardModel: "Raspberry Pi 5 Model B",
      emulated: true,
      emulatedProfile: "raspberry-pi-5",
    });
    await rowOf("gate-north").getByText("online").waitFor();
    await rowOf("gate-south").getByText("Raspberry Pi 5 Model B").waitFor();
    expect(await rowOf("gate-south").getByText("emulated", { exact: true }).count()).toBe(1);
    expect(await rowOf("gate-north").getByText("emulated", { exact: true }).count()).toBe(0);
    await page.locator("[data-count=online]", { hasText: /^2$/ }).waitFor();
    expect(await page.evaluate("window.notReloaded")).toBe(true);

    await page.getByRole("link", { name: "gate-south" }).click();
    await page.getByRole("heading", { name: "gate-south" }).waitFor();
    await page.getByText("from the firmware profile raspberry-pi-5").waitFor();
    expect(await page.getByText("emulated", { exact: true }).count()).toBe(1);
  });

  it("shows a device that goes away as offline", async () => {
    await open("/");
    const device = await enrol("gate-east");
    await rowOf("gate-east").getByText("online").waitFor();
    await device.disconnect();
    await rowOf("gate-east").getByText("offline").waitFor();
  });

  it("finds a device and keeps the filter in the address, so that it can be sent on", async () => {
    await enrol("crossing-1");
    await enrol("crossing-2");
    await open("/");
    await rowOf("crossing-1").waitFor();
    await page.getByRole("searchbox").fill("crossing-2");
    await rowOf("crossing-1").waitFor({ state: "detached" });
    expect(page.url()).toContain("search=crossing-2");
    await page.reload();
    await rowOf("crossing-2").waitFor();
    expect(await rowOf("crossing-1").count()).toBe(0);
  });

  it("shows telemetry on the device's page as it comes, with latency and classes", async () => {
    const device = await enrol("meter");
    await device.sendInventory({ boardModel: "Test board" });
    await open(`/devices/${device.deviceId}`);
    await live();
    await page.getByText("No request was answered in this range").waitFor();
    await device.sendWindow({ requests: 50, latencyMs: 4, classCounts: { "3": 50 } });
    await page.getByText("class 3").waitFor();
    await device.sendWindow({ requests: 70, latencyMs: 4, classCounts: { "3": 70 } });
    await page.getByText("120 answers in this range").waitFor();
    await page.getByText(/windows in this range: 2 received, 0 missing/).waitFor();
    // The sketch gives 4 ms within its 1 %.
    await page.getByRole("img", { name: /^Latency over time; newest: p50 (3\.9[6-9]|4\.0[0-4]) ms/ }).waitFor();
    await page.getByRole("img", { name: /^Temperature over time; newest: hottest zone 51\.5 °C/ }).waitFor();
    await page.getByText("7.00/s", { exact: true }).first().waitFor();
    // A reader who comes later sees the same, out of the database.
    await page.reload();
    await page.getByText("120 answers in this range").waitFor();
  });

  it("shows what a device told, newest first, as it comes and after a reload, as text only", async () => {
    const device = await enrol("teller");
    await device.tell(1, "error", "the probe failed", "SRT_PROBE_FAILED");
    await open(`/devices/${device.deviceId}`);
    await live();
    const events = page.getByRole("list", { name: "Events, newest first" }).getByRole("listitem");
    await events.filter({ hasText: "the probe failed" }).getByText("SRT_PROBE_FAILED").waitFor();
    await device.tell(2, "warning", "<b>hot</b>");
    await events.filter({ hasText: "<b>hot</b>" }).waitFor();
    for (const round of ["live", "read again"]) {
      await waitFor(`two events (${round})`, async () => (await events.count()) === 2);
      expect(await events.first().textContent()).toContain("warning");
      await page.reload();
    }
  });

  it("shows a rollout's progress live, and why a device failed, with the code and what to do", async () => {
    const device = await enrol("lorry-7");
    const rolloutId = await rollOutTinyModel(controlPlane, device.deviceId);
    await open("/rollouts");
    await page.getByRole("link", { name: "tiny to lorry-7" }).click();
    await rowOf("lorry-7").getByText("waiting").waitFor();
    expect(page.url()).toBe(`${controlPlane.httpUrl}/rollouts/${rolloutId}`);

    await waitFor(
      "the desired state to arrive",
      () => device.desired?.deployment !== null && device.desired !== undefined,
    );
    const progress = { doneBytes: 512 * 1024, totalBytes: 2 * 1024 * 1024 };
    await device.reportDeployment({ status: "in_progress", step: "downloading", progress });
    await rowOf("lorry-7").getByText("downloading").waitFor();
    await rowOf("lorry-7").getByText("512 KiB of 2.0 MiB").waitFor();

    const error = { code: "SRT_PROBE_FAILED", message: "golden vector 2 of 8 differs by 0.25" };
    await device.reportDeployment({ status: "failed", step: "rolling_back", error });
    await rowOf("lorry-7").getByText("SRT_PROBE_FAILED").waitFor();
    await rowOf("lorry-7").getByText("golden vector 2 of 8 differs by 0.25").waitFor();
    await page.getByRole("heading", { name: "tiny to lorry-7" }).waitFor();
    await page.getByRole("button", { name: "Cancel rollout" }).waitFor({ state: "detached" });

    await page.getByRole("link", { name: "lorry-7", exact: true }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("SRT_PROBE_FAILED").waitFor();
    await alert.getByText("it names the check that failed").waitFor();
  });

  it("cancels a rollout only after asking", async () => {
    const device = await enrol("lorry-8");
    const rolloutId = await rollOutTinyModel(controlPlane, device.deviceId);
    await open(`/rollouts/${rolloutId}`);
    await page.getByRole("button", { name: "Cancel rollout" }).click();
    await page.getByRole("button", { name: "Keep it running" }).click();
    const status = async () =>
      (await rest<RolloutSummary>(controlPlane, "GET", `/api/v1/rollouts/${rolloutId}`)).body.status;
    expect(await status()).toBe("running");
    await page.getByRole("button", { name: "Cancel rollout" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel rollout" }).click();
    await waitFor("the rollout to be canceled", async () => (await status()) === "canceled");
    await rowOf("lorry-8").getByText("canceled", { exact: true }).waitFor();
  });

  it("lists the models with their versions", async () => {
    await registerTinyModel(controlPlane);
    await open("/models");
    await rowOf("tiny").getByText("1.0.0").waitFor();
    await rowOf("tiny").getByText("10 classes").waitFor();
  });

  it("says with a code that a device in an address does not exist", async () => {
    await open("/devices/no-such-device");
    await page.getByRole("alert").getByText("SRT_DEVICE_UNKNOWN").waitFor();
  });
});

describe.skipIf(CHROMIUM === undefined)("the dashboard while the control plane is away", () => {
  it("says that it reconnects, and shows what changed once it is back", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "sartor-dashboard-"));
    const env = { SARTOR_HTTP_PORT: String(await freePort()), SARTOR_MQTT_PORT: String(await freePort()) };
    const browser = await startBrowser();
    let controlPlane = await startControlPlane({ stateDir, env });
    try {
      const page = await browser.newPage();
      const liveState = (text: RegExp) => page.getByRole("status").filter({ hasText: text }).waitFor();
      await page.goto(`${controlPlane.httpUrl}/#token=${controlPlane.operatorToken}`);
      await liveState(/^live$/);
      await controlPlane.stop();
      await liveState(/^reconnecting/);
      controlPlane = await startControlPlane({ stateDir, env });
      const device = await ScriptedDevice.enrol(controlPlane, "came-back", false);
      await page.getByRole("row").filter({ hasText: "came-back" }).waitFor();
      await liveState(/^live$/);
      await device.disconnect();
    } finally {
      await browser.close();
      await controlPlane.stop();
      await rm(stateDir, { recursive: true, force: true });
    }
  });
});

async function registerTinyModel(controlPlane: RunningControlPlane): Promise<void> {
  const { status, body } = await register(controlPlane, buildTinyClassifier());
  if (status !== 201 && status !== 200) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
}

async function rollOutTinyModel(controlPlane: RunningControlPlane, deviceId: string): Promise<string> {
  await registerTinyModel(controlPlane);
  const { body: device } = await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${deviceId}`);
  const order = { name: `tiny to ${device.name}`, model: "tiny", version: "1.0.0", devices: [deviceId] };
  const { status, body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", order);
  if (status !== 201) throw new Error(`the rollout answered ${status}: ${JSON.stringify(body)}`);
  return body.rolloutId;
}
