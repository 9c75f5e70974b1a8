import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { enrol, rest } from "../support/enrolled-device.js";
import { register } from "../support/registering.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { OperatorPage } from "./operator-page.js";

const PASSWORD = "correct horse battery staple";

describe.skipIf(CHROMIUM === undefined)("groups of devices on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let operator: OperatorPage;
  let page: Page;
  let north: string;
  let south: string;

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane({ env: { SARTOR_LOGINS_PER_MINUTE: "1000" } });
    await register(controlPlane, buildTinyClassifier({ goldenVectors: 2 }));
    north = (await enrol(controlPlane, "Gate north")).deviceId;
    south = (await enrol(controlPlane, "Gate south")).deviceId;
    await move(north, "north");
    await move(south, "south");
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
    expect(operator.problems).toEqual([]);
  });

  const move = (deviceId: string, group: string) =>
    rest(controlPlane, "PATCH", `/api/v1/devices/${deviceId}`, { group });
  const deviceRow = (on: Page, name: string) => on.getByRole("row").filter({ hasText: name });

  /** Another browser, in which somebody who is for some groups logs in. */
  async function logIn(userName: string, role: string, groups: string[]): Promise<Page> {
    await rest(controlPlane, "POST", "/api/v1/users", { userName, role, password: PASSWORD, groups });
    const context = await browser.newContext({ locale: "en-GB" });
    const own = await context.newPage();
    own.setDefaultTimeout(40_000);
    await own.goto(controlPlane.httpUrl);
    await own.getByLabel("Name").fill(userName);
    await own.getByLabel("Password").fill(PASSWORD);
    await own.getByRole("button", { name: "Sign in" }).click();
    await own.getByRole("heading", { name: "Fleet" }).waitFor();
    return own;
  }

  it("filter the fleet, and the address keeps the choice", async () => {
    await operator.goTo("/");
    await deviceRow(page, "Gate south").waitFor();
    await page.getByRole("combobox", { name: "Group" }).selectOption("north");
    await deviceRow(page, "Gate south").waitFor({ state: "detached" });
    await deviceRow(page, "Gate north").waitFor();
    expect(new URL(page.url()).searchParams.get("group")).toBe("north");
  });

  it("take a device in by a dialog, which says why where it may not be", async () => {
    await operator.goTo(`/devices/${south}`);
    await page.getByRole("button", { name: "Move Gate south" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Group").fill("No Such Name");
    await dialog.getByRole("button", { name: "Move", exact: true }).click();
    await dialog.getByRole("alert").getByText("SRT_INVALID_REQUEST").waitFor();
    await dialog.getByLabel("Group").fill("harbour");
    await dialog.getByRole("button", { name: "Move", exact: true }).click();
    await page.getByRole("link", { name: "harbour" }).waitFor();
    await move(south, "south");
    await page.getByRole("link", { name: "south", exact: true }).waitFor();
  });

  it("bound what a scoped operator sees, also when a device comes or goes while they look", async () => {
    const own = await logIn("ann", "operator", ["north"]);
    await deviceRow(own, "Gate north").waitFor();
    expect(await own.getByText("Gate south").count()).toBe(0);
    // What concerns all groups is not offered.
    expect(await own.getByRole("link", { name: "People" }).count()).toBe(0);
    await move(south, "north");
    await deviceRow(own, "Gate south").waitFor();
    await move(south, "south");
    await deviceRow(own, "Gate south").waitFor({ state: "detached" });
    // Their groups change while the page is open.
    await rest(controlPlane, "PATCH", "/api/v1/users/ann", { groups: ["south"] });
    await deviceRow(own, "Gate south").waitFor();
    await deviceRow(own, "Gate north").waitFor({ state: "detached" });
    await own.getByRole("link", { name: "ann · operator · south" }).waitFor();
    await own.context().close();
  });

  it("let a scoped operator roll out to all of theirs, and an admin to chosen ones", async () => {
    const own = await logIn("bea", "operator", ["north"]);
    await own.goto(`${controlPlane.httpUrl}/new-rollout`);
    await own.getByRole("button", { name: "All 1 devices of north" }).waitFor();
    await own.getByRole("button", { name: "Roll out to 1 device…" }).click();
    await own.getByRole("dialog").getByRole("button", { name: "Start rollout" }).click();
    await own.getByText("Gate north").first().waitFor();
    expect(await own.getByText("Gate south").count()).toBe(0);
    await own.context().close();

    await operator.goTo("/new-rollout");
    await page.getByRole("button", { name: "Groups" }).click();
    await page.getByLabel("south").check();
    await page.getByRole("button", { name: "Roll out to 1 device…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Start rollout" }).click();
    await page.getByText("Gate south").first().waitFor();
    expect(await page.getByText("Gate north").count()).toBe(0);
  });

  it("are said of users and API tokens, and can be changed", async () => {
    await operator.goTo("/people");
    await page.getByRole("button", { name: "Add a user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("carl");
    await dialog.getByLabel("Groups of devices").fill("north, south");
    await dialog.getByLabel("First password").fill(PASSWORD);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    const row = page.getByRole("row").filter({ hasText: "carl" });
    await row.getByText("north, south").waitFor();
    await row.getByRole("button", { name: "Change the groups of carl" }).click();
    await page.getByRole("dialog").getByLabel("Groups of devices").fill("");
    await page.getByRole("dialog").getByRole("button", { name: "Change", exact: true }).click();
    await row.getByText("all groups").waitFor();

    await operator.goTo("/people/api-tokens");
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("script");
    await page.getByRole("dialog").getByLabel("Groups of devices").fill("south");
    await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
    await page.getByRole("dialog").getByText("srt_api_").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("row").filter({ hasText: "script" }).getByText("everywhere, south").waitFor();
  });

  it("are where a new device comes into", async () => {
    await operator.goTo("/enrolment");
    await page.getByLabel("Group").first().fill("north");
    await page.getByRole("button", { name: "Make a token" }).click();
    await page.getByRole("dialog").waitFor();
    const { body } = await rest<{ items: { entry: { action: string; target: Record<string, string> } }[] }>(
      controlPlane,
      "GET",
      "/api/v1/audit?limit=5",
    );
    const made = body.items.find(({ entry }) => entry.action === "POST /api/v1/enrolment-tokens");
    expect(made?.entry.target).toMatchObject({ group: "north" });
  });
});
