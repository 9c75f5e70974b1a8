import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { labelledSamples, prepare } from "../control-plane-builds/samples.js";
import type { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import { inventoryOf, join, toldToTune, tuningReport } from "../control-plane-tailoring/tailored-fleet.js";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { redeem } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { OperatorPage } from "./operator-page.js";

const VERSION = "/models/tiny/1.0.0";

describe.skipIf(CHROMIUM === undefined)("tailoring on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let operator: OperatorPage;
  const devices: ScriptedDevice[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane();
    await prepare(controlPlane);
  });
  afterAll(async () => {
    await browser?.close();
    await controlPlane?.stop();
  });
  beforeEach(async () => {
    operator = await OperatorPage.open(browser, controlPlane);
  });
  afterEach(async () => {
    await operator.close();
    for (const device of devices.splice(0)) await device.disconnect();
    expect(operator.problems).toEqual([]);
  });

  const enrol = async (name: string, inventory: Parameters<typeof join>[1]) => {
    const device = await join(controlPlane, inventory, name);
    devices.push(device);
    return device;
  };

  it("builds what was ticked, tells how far it is, and ends with variants whose cards open", async () => {
    const { page } = operator;
    await operator.goTo(`${VERSION}/builds`);
    // Every value of the bar is kept, however short it shows.
    await page.evaluate(
      "window.shown = new Set(); new MutationObserver(() => document.querySelectorAll('progress').forEach((bar) => window.shown.add(bar.value))).observe(document.body, { subtree: true, childList: true, attributes: true })",
    );
    await page.getByLabel("All that suit this network").uncheck();
    await page.getByRole("checkbox", { name: /^int8-u8s8 · 8-bit whole numbers for x86/ }).check();
    await page.getByRole("checkbox", { name: /^fp16 · / }).check();
    // The model is so small that rounding shows: what is promised here is the page, not its accuracy.
    await page.getByLabel("Most accuracy to lose").fill("50");
    await page.getByRole("button", { name: "Build 2 variants" }).click();
    const build = page.getByRole("list", { name: "Builds, newest first" }).getByRole("listitem").first();
    const variants = page.getByRole("list", { name: "Variants of this build" }).first();
    const row = (name: string) => variants.getByRole("listitem").filter({ hasText: name });
    await build.getByText("succeeded").first().waitFor();
    await row("fp16").getByText("succeeded").waitFor();
    await row("int8-u8s8").getByText("succeeded").waitFor();
    expect(await page.evaluate("window.shown.size")).toBeGreaterThan(1);

    await row("int8-u8s8").getByRole("link").click();
    await page.getByRole("heading", { name: "int8-u8s8" }).waitFor();
    await page.getByText("of 120 samples right").waitFor();
    await page.getByRole("list", { name: "Signal to noise of each layer" }).getByText("dB").first().waitFor();
    await page.getByRole("region", { name: "Calibration" }).getByText("48 of field").waitFor();

    await page.getByRole("link", { name: "tiny 1.0.0" }).click();
    const table = page.getByRole("table", { name: "Variants" });
    await table.getByRole("row").filter({ hasText: "int8-u8s8" }).getByText("points").waitFor();
    await table.getByRole("row").filter({ hasText: "fp32" }).getByText("the reference").waitFor();
  });

  it("says why a variant was refused", async () => {
    const { page } = operator;
    await operator.goTo(`${VERSION}/builds`);
    await page.getByLabel("All that suit this network").uncheck();
    await page.getByRole("checkbox", { name: /^int8-u8s8 · / }).check();
    await page.getByLabel("Calibration samples").selectOption("none");
    await page.getByRole("button", { name: "Build 1 variant" }).click();
    const first = page.getByRole("list", { name: "Variants of this build" }).first();
    await first
      .getByRole("listitem")
      .filter({ hasText: "int8-u8s8" })
      .getByText(/SRT_[A-Z_]+/)
      .waitFor();
  });

  it("takes samples that a person uploads, refuses what does not fit with the reason, and deletes after asking", async () => {
    const { page } = operator;
    await operator.goTo(`${VERSION}/datasets`);
    const upload = async (name: string, content: Uint8Array) => {
      const buffer = Buffer.from(content);
      await page.getByLabel("File").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
      await page.getByRole("button", { name: "Upload samples" }).click();
    };
    await page.getByRole("combobox", { name: "For" }).selectOption("evaluation");
    await upload("broken.safetensors", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
    await page
      .getByRole("alert")
      .getByText(/SRT_[A-Z_]+/)
      .waitFor();
    await page.getByLabel("Name").fill("by-hand");
    await upload("samples.safetensors", labelledSamples(24, 400));
    await page.getByText("by-hand was added with 24 samples.").waitFor();
    const row = page.getByRole("row").filter({ hasText: "by-hand" });
    await row.getByText("evaluation").waitFor();
    await row.getByRole("button", { name: "Delete by-hand" }).click();
    await page.getByRole("button", { name: "Keep them" }).click();
    expect(await row.count()).toBe(1);
    await row.getByRole("button", { name: "Delete by-hand" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete samples" }).click();
    await row.waitFor({ state: "detached" });
  });

  it("shows which device gets what, and explains a plan: the choice, the alternatives and what was ruled out", async () => {
    const { page } = operator;
    await enrol("gate-pi", inventoryOf("raspberry-pi-5"));
    await operator.goTo(`${VERSION}/devices`);
    const known = page.getByRole("table", { name: "Known kinds of hardware" });
    await known.getByRole("row").filter({ hasText: "jetson-nano-4gb" }).getByText(/ms/).waitFor();
    const mine = page.getByRole("table", { name: "Your devices" }).getByRole("row").filter({ hasText: "gate-pi" });
    await mine.getByText(/ms/).waitFor();
    await mine.getByRole("link", { name: /^Why/ }).click();
    await page.getByRole("heading", { name: "Chosen" }).waitFor();
    await page.getByRole("heading", { name: "Alternatives, best first" }).waitFor();
    await page.getByText("First choice:").waitFor();
    await page.getByText("Fit to run, but others come first").waitFor();
    // Plain words: no code of a reason reaches the reader.
    const text = await page.locator("main").innerText();
    expect(text).not.toMatch(/outranked|never_on_this_device|provider_not_installed/);
    // The address of a plan can be sent to a colleague.
    await page.reload();
    await page.getByRole("heading", { name: "Chosen" }).waitFor();
  });

  it("says on the page of unknown hardware that the plan is only the safe one, and not on that of known hardware", async () => {
    const { page } = operator;
    const strange = inventoryOf("raspberry-pi-4", {
      board: { model: "Board of nobody" },
      cpu: { architecture: "other", logicalCores: 2, features: {} },
    });
    const unknown = await enrol("stranger", strange);
    const known = await enrol("gate-pi-4", inventoryOf("raspberry-pi-4"));
    await operator.goTo(`/devices/${unknown.id}`);
    await page.getByText("No profile knows this hardware.").waitFor();
    await operator.goTo(`/devices/${known.id}`);
    await page.getByRole("heading", { name: "Chosen" }).waitFor();
    expect(await page.getByText("No profile knows this hardware.").count()).toBe(0);
  });

  it("starts a rollout to chosen devices after it told who would get what", async () => {
    const { page } = operator;
    await enrol("lorry-1", inventoryOf("raspberry-pi-5"));
    await enrol("lorry-2", inventoryOf("raspberry-pi-5"));
    await enrol("lorry-3", inventoryOf("jetson-nano-4gb"));
    await operator.goTo("/rollouts");
    await page.getByRole("link", { name: "New rollout" }).click();
    await page.getByLabel("Name").fill("by hand");
    await page.getByRole("button", { name: "Selected devices" }).click();
    await page.getByRole("checkbox", { name: /^lorry-1/ }).check();
    await page.getByRole("checkbox", { name: /^lorry-3/ }).check();
    await page.getByLabel("Slowest answer").fill("5000");
    await page.getByLabel("Measuring on the devices").selectOption("never");
    await page.getByRole("button", { name: "Roll out to 2 devices…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("2 devices, each gets what its own plan says").waitFor();
    await dialog
      .getByRole("list", { name: "What devices would get" })
      .getByText(/for \d devices?$/)
      .first()
      .waitFor();
    await dialog.getByRole("button", { name: "Not now" }).click();
    expect(page.url()).toContain("/new-rollout");
    await page.getByRole("button", { name: "Roll out to 2 devices…" }).click();
    await dialog.getByRole("button", { name: "Start rollout" }).click();
    await page.getByRole("heading", { name: "by hand" }).waitFor();
    const row = (name: string) => page.getByRole("row").filter({ hasText: name });
    await row("lorry-1")
      .getByText(/CPU, \d+ threads?/)
      .waitFor();
    await row("lorry-3").waitFor();
    expect(await row("lorry-2").count()).toBe(0);
  });

  it("shows why nothing was sent to a device that no variant fits", async () => {
    const { page } = operator;
    await enrol("slow-1", inventoryOf("raspberry-pi-3"));
    await operator.goTo("/new-rollout?model=tiny&version=1.0.0");
    await page.getByRole("button", { name: "Selected devices" }).click();
    await page.getByRole("checkbox", { name: /^slow-1/ }).check();
    await page.getByLabel("Most memory").fill("1");
    await page.getByRole("button", { name: "Roll out to 1 device…" }).click();
    await page.getByRole("dialog").getByText("nothing for 1 device").waitFor();
    await page.getByRole("button", { name: "Start rollout" }).click();
    const row = page.getByRole("row").filter({ hasText: "slow-1" });
    await row.getByText("rejected").waitFor();
    await page.getByText("Why 1 device did not succeed").click();
    await page
      .getByRole("listitem")
      .filter({ hasText: "slow-1" })
      .getByText(/SRT_[A-Z_]+/)
      .waitFor();
    await row.getByText("nothing fits").waitFor();
    await row.getByText(/SRT_[A-Z_]+/).waitFor();
  });

  it("has a device measure, shows what it found, and links the rollout that follows", async () => {
    const { page } = operator;
    const device = await enrol("meter-1", inventoryOf("raspberry-pi-4"));
    await operator.goTo(`/devices/${device.id}`);
    await page.getByRole("button", { name: "Measure on this device" }).click();
    await page.getByRole("progressbar", { name: "Progress of the measurement" }).waitFor();
    const order = await toldToTune(device);
    const winner = order.candidates.at(-1)?.candidateId ?? "";
    await device.publish("tuning", tuningReport(device, order, { times: { [winner]: 0.5 }, switchTo: winner }));
    await page.getByText(`Switch: ${winner} takes 50 % less time (between 30 % and 60 %).`).waitFor();
    const results = page.getByRole("table", { name: "What was measured" });
    await results.getByText("0.500 ms").waitFor();
    await results.getByText("not reached in time").first().waitFor();
    await page.getByRole("link", { name: "rollout to this device" }).click();
    await page.getByText("tuning", { exact: true }).waitFor();
    await page.getByRole("row").filter({ hasText: "meter-1" }).waitFor();
  });

  it("makes a token for a new device and shows the command once", async () => {
    const { page } = operator;
    await operator.goTo("/");
    await page.getByRole("button", { name: "Add a device" }).click();
    const command = await page.getByRole("dialog").locator("pre").innerText();
    const token = /SARTOR_ENROLMENT_TOKEN=(\S+)/.exec(command)?.[1];
    expect(command).toContain(`SARTOR_CONTROL_PLANE_URL=${controlPlane.deviceUrl}`);
    const answer = await redeem(controlPlane, { token: token ?? "", name: "from-the-page" });
    expect(answer.status).toBe(200);
    await page.getByRole("button", { name: "Done" }).click();
    await waitFor("the device in the list", async () => (await page.getByText("from-the-page").count()) > 0);
    expect(await page.getByText(token ?? "").count()).toBe(0);
  });
});
