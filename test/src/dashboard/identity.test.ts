import { makeCertificateRequest, makeDeviceKey } from "@sartor/agent/identity/testing";
import type { DeviceCertificatesReply, PendingEnrolmentsReply } from "@sartor/shared/protocol";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { callAsDevice, connectDevice, enrol, redeem, rest, rootOf } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { OperatorPage } from "./operator-page.js";
import { ScriptedDevice } from "./scripted-device.js";

describe.skipIf(CHROMIUM === undefined)("who a device is, on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let operator: OperatorPage;
  let page: Page;
  const devices: ScriptedDevice[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane({ signing: false, env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
  });
  afterAll(async () => {
    await browser?.close();
    await controlPlane?.stop();
  });
  beforeEach(async () => {
    operator = await OperatorPage.open(browser, controlPlane);
    page = operator.page;
  });
  afterEach(async () => {
    await operator.close();
    for (const device of devices.splice(0)) await device.disconnect();
    expect(operator.problems).toEqual([]);
  });

  const certificatesOf = async (deviceId: string) => {
    const path = `/api/v1/devices/${deviceId}/certificates`;
    return (await rest<DeviceCertificatesReply>(controlPlane, "GET", path)).body;
  };
  const identity = () => page.getByRole("region", { name: "Identity" });
  const tokenShown = async () => {
    const text = await page.getByRole("dialog").locator("pre").innerText();
    return /SARTOR_ENROLMENT_TOKEN=(\S+)/.exec(text)?.[1] ?? "";
  };

  it("lets a device in that waits, once a person has compared the fingerprint", async () => {
    const key = makeDeviceKey();
    const csr = await makeCertificateRequest(key);
    const root = await rootOf(controlPlane);
    const ask = (csrOf: string, name: string) => {
      const json = { schemaVersion: 1, csr: csrOf, name, emulated: false, hardware: ["linux-arm64"] };
      return callAsDevice(controlPlane, { ca: root }, "/api/v1/enrolments/pending", { method: "POST", json });
    };
    await operator.goTo("/");
    await page.getByRole("link", { name: "Enrolment" }).waitFor();
    const answer = await ask(csr, "gate-9");
    expect(answer.status).toBe(202);
    const { fingerprint } = (await answer.json()) as { fingerprint: string };
    await page.getByRole("link", { name: "1 device waits" }).click();
    const row = page.getByRole("row").filter({ hasText: "gate-9" });
    const shown = await row.locator("code").innerText();
    expect(shown.replaceAll(" ", "")).toBe(fingerprint);

    // One that comes later appears by itself.
    await ask(await makeCertificateRequest(makeDeviceKey()), "stranger");
    await page.getByRole("row").filter({ hasText: "stranger" }).waitFor();

    await row.getByRole("button", { name: "Claim gate-9" }).click();
    const dialog = page.getByRole("dialog", { name: "Claim gate-9?" });
    expect((await dialog.locator("p.fingerprint").innerText()).replaceAll(" ", "")).toBe(fingerprint);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    expect((await ask(csr, "gate-9")).status).toBe(202);
    await row.getByRole("button", { name: "Claim gate-9" }).click();
    await dialog.getByRole("button", { name: "It is the same: claim it" }).click();
    await page.getByText("may enrol").waitFor();
    expect((await ask(csr, "gate-9")).status).toBe(200);
    await row.waitFor({ state: "detached" });
    const { body } = await rest<PendingEnrolmentsReply>(controlPlane, "GET", "/api/v1/enrolments/pending");
    expect(body.items.map(({ name }) => name)).toEqual(["stranger"]);
  });

  it("makes a token for one kind of hardware only, shows it once, and says why one could not be made", async () => {
    await operator.goTo("/enrolment");
    const form = page.getByRole("region", { name: "Enrolment token" });
    await form.getByLabel("Lifetime").selectOption({ label: "10 minutes" });
    await form.getByRole("checkbox", { name: "linux-arm64" }).check();
    await form.getByLabel("Note").fill("north gate");
    await form.getByLabel("Replaces device").fill("no-such-device");
    await form.getByRole("button", { name: "Make a token" }).click();
    await form.getByRole("alert").getByText("SRT_DEVICE_UNKNOWN").waitFor();
    await form.getByLabel("Replaces device").fill("");
    await form.getByRole("button", { name: "Make a token" }).click();
    const token = await tokenShown();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByText(token).waitFor({ state: "detached" });
    const wrong = await redeem(controlPlane, { token, hardware: ["linux-x64"] });
    expect(wrong.body.error.code).toBe("SRT_ENROLMENT_SCOPE");
    expect((await redeem(controlPlane, { token, hardware: ["linux-arm64"] })).status).toBe(200);
  });

  it("shows the certificate, ends it only after asking, and lets the device in again with a replacement token", async () => {
    const device = await enrol(controlPlane, "gate-3");
    const session = await connectDevice(device);
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
    const [certificate] = (await certificatesOf(device.deviceId)).certificates;
    await operator.goTo(`/devices/${device.deviceId}`);
    await identity().getByText("in use").waitFor();
    await identity()
      .getByText(certificate?.serial ?? "none", { exact: true })
      .waitFor();
    await identity()
      .getByText(/in (29|30) d/)
      .waitFor();

    await identity().getByRole("button", { name: "Revoke access" }).click();
    await page.getByRole("button", { name: "Keep it" }).click();
    expect((await certificatesOf(device.deviceId)).revokedAt).toBeNull();
    await identity().getByRole("button", { name: "Revoke access" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke access" }).click();
    await identity().getByText("access revoked").waitFor();
    await closed;
    await session.endAsync(true);
    expect(await identity().getByRole("button", { name: "Revoke access" }).count()).toBe(0);

    await identity().getByRole("button", { name: "Replacement token" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make a token" }).click();
    const replaced = await redeem(controlPlane, { token: await tokenShown() });
    expect(replaced.body.deviceId).toBe(device.deviceId);
    await page.getByRole("button", { name: "Done" }).click();
    await page.reload();
    await identity().getByText("not used yet").waitFor();
    await identity().getByText("replaced 1 time").waitFor();
    await identity().getByText("1 other certificate").click();
    await identity().getByText(`${certificate?.serial}: revoked`).waitFor();
  });

  it("says that a device refuses its newest orders, why and since when, until it follows them again", async () => {
    const device = await ScriptedDevice.enrol(controlPlane, "gate-4", false);
    devices.push(device);
    await operator.goTo(`/devices/${device.deviceId}`);
    await page.getByRole("heading", { name: "gate-4" }).waitFor();
    const notice = page.getByRole("region", { name: "Orders refused" });
    const message = "root version 3 is signed by 1 of 2 keys";
    await device.report({ ordersRefusal: { code: "SRT_TRUST_SIGNATURE", message, since: Date.now() - 3 * 60_000 } });
    await notice.getByText("SRT_TRUST_SIGNATURE").waitFor();
    await notice.getByText(message).waitFor();
    await notice.getByText("3 min", { exact: true }).waitFor();
    await device.report({ ordersRefusal: null });
    await notice.waitFor({ state: "detached" });
    await waitFor("nothing else to be wrong", async () => (await page.getByRole("alert").count()) === 0);
  });
});
