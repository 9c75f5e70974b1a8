import { planChange, publicOf, releaseKeyName, releaseKeyPurpose, signRequest } from "@sartor/cli/keys";
import type { RolloutSummary } from "@sartor/shared/protocol";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { Signer } from "../support/signing.js";
import { testKeys } from "../support/test-keys.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { OperatorPage } from "./operator-page.js";
import { ScriptedDevice } from "./scripted-device.js";

const keys = testKeys();

/** One story: what a test leaves is what the next one begins with. */
describe.skipIf(CHROMIUM === undefined)("trust on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let people: Signer;
  let operator: OperatorPage;
  const devices: ScriptedDevice[] = [];

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane({ signing: false });
    people = new Signer(() => controlPlane);
    const { status } = await register(controlPlane, buildTinyClassifier());
    expect(status).toBe(201);
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

  /** Signs a request with one key, as its holder would elsewhere. */
  const signWith = async (requestId: string, name: string) => {
    const file = keys.files.find((each) => each.name === name);
    if (file === undefined) throw new Error(`there is no key ${name}`);
    const options = { api: people.trust, ring: keys, requestId, files: [file], say: () => undefined };
    return signRequest({ ...options, confirm: async () => true });
  };
  const familyKey = async (name = releaseKeyName("tiny")) =>
    publicOf((await keys.ensure(name, releaseKeyPurpose("tiny"))).file);
  const proposeOne = async (change: Parameters<typeof planChange>[1]) => {
    const [proposal] = await planChange(people.trust, change, Date.now());
    if (proposal === undefined) throw new Error("nothing changes");
    return (await people.trust.propose(proposal)).requestId;
  };

  it("says before the key ceremony that nothing can be rolled out, and which command holds it; signing is not offered", async () => {
    const { page } = operator;
    await ScriptedDevice.enrol(controlPlane, "lorry-1", false).then((device) => devices.push(device));
    await operator.goTo("/trust");
    await page.getByText("no key ceremony yet").waitFor();
    await page
      .getByRole("region", { name: "Hold the key ceremony" })
      .getByText(/^sartor keys ceremony/)
      .waitFor();
    await page.getByText("nothing can be signed in the browser").waitFor();
    expect(await page.locator("main").getByRole("button", { name: /sign/i }).count()).toBe(0);

    await page.goto(`${controlPlane.httpUrl}/new-rollout?model=tiny&version=1.0.0`);
    await page.getByText("Nothing of this version is signed").waitFor();
    await page.getByRole("button", { name: "Roll out to 1 device…" }).click();
    await page.getByRole("button", { name: "Start rollout" }).click();
    const refusal = page.getByRole("alert").filter({ hasText: "The rollout was not started" });
    await refusal.getByText("SRT_TRUST_NO_ROOT").waitFor();
    await refusal.getByText("No key ceremony was held").waitFor();
    expect(page.url()).toContain("/new-rollout");
  });

  it("becomes ready without a reload, and shows every role with its state and end", async () => {
    const { page } = operator;
    await operator.goTo("/trust");
    await page.evaluate("window.notReloaded = true");
    await people.ceremony();
    await page
      .getByRole("status")
      .filter({ hasText: /^ready$/ })
      .waitFor();
    const roles = page.getByRole("table", { name: "Roles" });
    const root = roles.getByRole("row").filter({ hasText: "image root" });
    await root.getByText("valid").waitFor();
    await root.getByText("2 of 3").waitFor();
    await root.getByText(/^in 36[0-5] d$/).waitFor();
    await roles.getByRole("row").filter({ hasText: "image timestamp" }).getByText("1 of 1").waitFor();
    await roles.getByRole("row").filter({ hasText: "director root" }).waitFor();
    const problem = page.getByRole("list", { name: "Problems" }).getByRole("listitem");
    await problem
      .filter({ hasText: "Nobody may sign tiny" })
      .getByText("sartor keys family tiny", { exact: true })
      .waitFor();
    expect(await page.evaluate("window.notReloaded")).toBe(true);
  });

  it("names whose signatures a request has and waits for, and the command that signs it, until it is published", async () => {
    const { page } = operator;
    await operator.goTo("/trust");
    await page.getByText("Nothing waits for a signature").waitFor();
    const requestId = await proposeOne({ kind: "family", family: "tiny", key: await familyKey() });
    const request = page.getByRole("list", { name: "Signing requests" }).locator("> li").filter({ hasText: requestId });
    await request.getByText(`sartor keys sign ${requestId}`, { exact: true }).waitFor();
    await request.getByText("0 of 2").waitFor();
    await request.getByText("2 signatures are missing").waitFor();

    await signWith(requestId, "image-targets-2");
    await request.getByText("1 of 2").waitFor();
    await request.getByText("1 signature is missing").waitFor();
    const signer = keys.files.find(({ name }) => name === "image-targets-2")?.keyId.slice(0, 12) ?? "";
    await request.getByText(new RegExp(`have signed: ${signer}`)).waitFor();

    await signWith(requestId, "image-targets-3");
    await request.waitFor({ state: "detached" });
    // The family's key may sign now: its bundles ask for it.
    await page.getByRole("list", { name: "Signing requests" }).getByText("image tiny").waitFor();
  });

  it("marks a version's variants as awaiting a signature, with the command, and as signed once they are", async () => {
    const { page } = operator;
    await operator.goTo("/models/tiny/1.0.0/variants");
    const row = page.getByRole("table", { name: "Variants" }).getByRole("row").filter({ hasText: "fp32" });
    await row.getByText("awaiting signature").waitFor();
    await page.getByText("sartor keys release tiny 1.0.0", { exact: true }).waitFor();
    await people.signed("tiny", "1.0.0");
    await row.getByText("signed (release 1)").waitFor();
    await row.getByText("for linux-x64, linux-arm64").waitFor();
    await page.getByText("sartor keys release tiny 1.0.0").waitFor({ state: "detached" });
  });

  it("shows which queued device was not told and what for, and no more once that was signed", async () => {
    const device = await ScriptedDevice.enrol(controlPlane, "lorry-2", false);
    const order = { name: "to lorry-2", model: "tiny", version: "1.0.0", devices: [device.deviceId] };
    const { body } = await rest<RolloutSummary>(controlPlane, "POST", "/api/v1/rollouts", order);
    await device.disconnect();
    const { page } = operator;
    await operator.goTo(`/rollouts/${body.rolloutId}`);
    const row = page.getByRole("row").filter({ hasText: "lorry-2" });
    await row.getByText("queued").waitFor();
    expect(await row.getByText("awaiting signature").count()).toBe(0);

    // A new release key: what the old one signed does not count any more.
    const old = (await familyKey()).keyId;
    const requestId = await proposeOne({ kind: "replace", keyId: old, by: await familyKey("release-tiny-2") });
    await signWith(requestId, "image-targets-1");
    await signWith(requestId, "image-targets-2");
    await row.getByText(/^awaiting signature: The bundle /).waitFor();
    await page.getByText("1 device was not told yet").waitFor();
    await row.getByRole("link", { name: "lorry-2" }).click();
    await page.getByRole("region", { name: "Deployment" }).getByText("The device was not told yet").waitFor();
    await page.goBack();

    await people.signed("tiny", "1.0.0");
    await page.getByText("1 device was not told yet").waitFor({ state: "detached" });
    await row.getByText("queued").waitFor();
  });
});
