import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { enrol, rest } from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { CHROMIUM, startBrowser } from "./browser.js";
import { OperatorPage } from "./operator-page.js";

const PASSWORD = "correct horse battery staple";
const NEW_PASSWORD = "wandering albatross of june";

describe.skipIf(CHROMIUM === undefined)("people on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let operator: OperatorPage;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    const env = { SARTOR_LOGINS_PER_MINUTE: "1000" };
    controlPlane = await startControlPlane({ signing: false, env });
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

  const addUser = (userName: string, role: string) =>
    rest(controlPlane, "POST", "/api/v1/users", { userName, role, password: PASSWORD });
  const live = (on: Page) =>
    on
      .getByRole("status")
      .filter({ hasText: /^live$/ })
      .waitFor();
  /** Another browser, in which somebody logs in by name. */
  const logIn = async (userName: string, password = PASSWORD) => {
    const context = await browser.newContext({ locale: "en-GB" });
    const own = await context.newPage();
    own.setDefaultTimeout(40_000);
    await own.goto(controlPlane.httpUrl);
    await own.getByLabel("Name").fill(userName);
    await own.getByLabel("Password").fill(password);
    await own.getByRole("button", { name: "Sign in" }).click();
    return own;
  };
  const rowOf = (name: string) => page.getByRole("row").filter({ hasText: name });

  it("adds users, refuses a password that is too easy with the reason, and changes roles; all by the keyboard", async () => {
    await operator.goTo("/people");
    await page.getByText("There are no users yet").waitFor();
    const add = page.getByRole("button", { name: "Add a user" });
    await add.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Add a user" });
    await dialog.getByLabel("Name").focus();
    await page.keyboard.type("grace");
    await dialog.getByLabel("Role").selectOption("operator");
    await dialog.getByLabel("First password").focus();
    await page.keyboard.type("password1234");
    await page.keyboard.press("Enter");
    await dialog.getByRole("alert").getByText("SRT_PASSWORD_WEAK").waitFor();
    await dialog.getByLabel("First password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("grace was added as operator.").waitFor();
    await dialog.waitFor({ state: "detached" });
    // Who works by keyboard goes on where they were.
    await add.and(page.locator(":focus")).waitFor();

    await rowOf("grace").getByRole("button", { name: "Change the role of grace" }).click();
    await page.getByRole("dialog").getByLabel("Role").selectOption("viewer");
    await page.getByRole("button", { name: "Change", exact: true }).click();
    await rowOf("grace").getByText("viewer").waitFor();
    await page.getByRole("button", { name: "Remove grace" }).click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await rowOf("grace").count()).toBe(1);
    await page.getByRole("button", { name: "Remove grace" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("There are no users yet").waitFor();
  });

  it("shows those who may not what the page is, and why something is not offered", async () => {
    await addUser("vera", "viewer");
    const device = await enrol(controlPlane, "gate-5");
    const own = await logIn("vera");
    await live(own);
    expect(await own.getByRole("link", { name: "People" }).count()).toBe(0);
    expect(await own.getByRole("link", { name: "Audit" }).count()).toBe(0);
    await own.goto(`${controlPlane.httpUrl}/audit`);
    await own.getByText("The audit log is for the role admin").waitFor();
    await own.goto(`${controlPlane.httpUrl}/people`);
    await own.getByText("This page is for the role admin").waitFor();
    await own.goto(`${controlPlane.httpUrl}/devices/${device.deviceId}`);
    await own.getByText("Revoking a device needs the role admin; yours is viewer.").waitFor();
    expect(await own.getByRole("button", { name: "Revoke access" }).count()).toBe(0);
    await own.goto(`${controlPlane.httpUrl}/enrolment`);
    await own.getByText("Making a token needs the role operator; yours is viewer.").waitFor();
    expect(await own.getByRole("button", { name: "Make a token" }).count()).toBe(0);
    await own.context().close();
  });

  it("changes the own password: a wrong present one signs nobody out, a new one ends the other sessions", async () => {
    await addUser("ada", "admin");
    const own = await logIn("ada");
    const elsewhere = await logIn("ada");
    await live(own);
    await live(elsewhere);
    await own.getByRole("link", { name: "ada · admin" }).click();
    const fill = async (current: string, next: string, again = next) => {
      await own.getByLabel("Present password").fill(current);
      await own.getByLabel("New password", { exact: true }).fill(next);
      await own.getByLabel("New password again").fill(again);
    };
    await fill(PASSWORD, NEW_PASSWORD, "something else entirely");
    await own.getByText("The two new passwords differ.").waitFor();
    expect(await own.getByRole("button", { name: "Change password" }).isDisabled()).toBe(true);
    await fill("not the present one", NEW_PASSWORD);
    await own.getByRole("button", { name: "Change password" }).click();
    await own.getByRole("alert").getByText("SRT_LOGIN_FAILED").waitFor();
    await fill(PASSWORD, NEW_PASSWORD);
    await own.getByRole("button", { name: "Change password" }).click();
    await own.getByText("The password was changed").waitFor();
    await elsewhere.getByRole("alert").getByText("SRT_SESSION_EXPIRED").waitFor();
    await live(own);

    await own.getByRole("button", { name: "End all my sessions" }).click();
    await own.getByRole("button", { name: "End them all" }).click();
    await own.getByRole("button", { name: "Sign in" }).waitFor();
    await own.context().close();
    await elsewhere.context().close();
  });

  it("disables a user, whose page ends at once", async () => {
    await addUser("bob", "operator");
    const own = await logIn("bob");
    await live(own);
    await operator.goTo("/people/users");
    await rowOf("bob").getByText("1", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Disable bob" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await rowOf("bob").getByText("disabled").waitFor();
    await own.getByRole("alert").getByText("SRT_SESSION_EXPIRED").waitFor();
    await own.context().close();
  });

  it("makes an API token for parts of the interface, shows it once, and revokes it", async () => {
    await operator.goTo("/people/api-tokens");
    await page.getByText("No program has a token yet").waitFor();
    await page.getByRole("button", { name: "Make a token" }).click();
    const dialog = page.getByRole("dialog", { name: "Make an API token" });
    await dialog.getByLabel("Name").fill("fleet report");
    await dialog.getByRole("checkbox", { name: "devices" }).check();
    await dialog.getByRole("button", { name: "Make it" }).click();
    const token = (await page.getByRole("dialog", { name: "The new API token" }).locator("pre").innerText()).trim();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByText(token).waitFor({ state: "detached" });
    const status = async (path: string) => (await rest(controlPlane, "GET", path, undefined, `Bearer ${token}`)).status;
    expect(await status("/api/v1/devices")).toBe(200);
    expect(await status("/api/v1/rollouts")).toBe(403);
    await rowOf("fleet report").getByText("works").waitFor();
    await page.getByRole("button", { name: "Revoke fleet report" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke token" }).click();
    await rowOf("fleet report").getByText("revoked").waitFor();
    expect(await status("/api/v1/devices")).toBe(401);
  });

  it("lets only an admin with a name disable the operator token, which ends whoever is signed in by it", async () => {
    await operator.goTo("/people");
    await page.getByText("Log in as an admin with a name to disable it.").waitFor();
    expect(await page.getByRole("button", { name: "Disable the operator token" }).isDisabled()).toBe(true);
    await addUser("root", "admin");
    const own = await logIn("root");
    await live(own);
    await own.goto(`${controlPlane.httpUrl}/people`);
    await own.getByRole("button", { name: "Disable the operator token" }).click();
    await own.getByRole("dialog").getByRole("button", { name: "Disable it" }).click();
    await own.getByRole("button", { name: "Enable the operator token" }).waitFor();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await own.getByRole("button", { name: "Enable the operator token" }).click();
    await own.getByRole("button", { name: "Disable the operator token" }).waitFor();
    await own.context().close();
  });
});

describe.skipIf(CHROMIUM === undefined)("the audit log on the dashboard", () => {
  let browser: Browser;
  let controlPlane: RunningControlPlane;
  let operator: OperatorPage;
  let page: Page;

  beforeAll(async () => {
    browser = await startBrowser();
    controlPlane = await startControlPlane({ signing: false });
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

  const entries = () => page.getByRole("table", { name: "Audit log, newest first" }).locator("tbody tr");

  it("shows who did what, on what, when and with what outcome, the newest first and as it comes", async () => {
    await operator.goTo("/audit");
    await page.getByText("Nothing was written down yet").waitFor();
    const device = await enrol(controlPlane, "gate-6");
    const refused = await rest(controlPlane, "POST", `/api/v1/devices/no-such-device/revoke`, {});
    expect(refused.status).toBe(404);
    const newest = entries().first();
    await newest.getByText("revoke a device").waitFor();
    await newest.getByText("no-such-device").waitFor();
    await newest.getByText("SRT_DEVICE_UNKNOWN").waitFor();
    await newest.getByText("failed").waitFor();
    await newest.getByText("operator token", { exact: true }).waitFor();
    const enrolled = entries().filter({ hasText: "a device enrolled" });
    await enrolled.getByRole("link", { name: device.deviceId }).waitFor();

    await page.getByLabel("Outcome").selectOption("failed");
    await enrolled.waitFor({ state: "detached" });
    expect(await entries().count()).toBe(1);
    await page.getByLabel("Outcome").selectOption("all");
    await page.getByRole("combobox", { name: /^By/ }).selectOption("devices");
    await waitFor("one entry", async () => (await entries().count()) === 1);
    await page.getByRole("searchbox", { name: "Filter entries" }).fill("nobody of this name");
    await page.getByText("No entry that was read fits the filter").waitFor();
    await page.reload();
    await page.getByText("No entry that was read fits the filter").waitFor();
  });

  it("reads older entries when asked to, and says how far the filter has looked", async () => {
    for (let index = 0; index < 210; index += 1) {
      await rest(controlPlane, "PUT", "/api/v1/operator-token", { enabled: true });
    }
    await operator.goTo("/audit?by=devices");
    await page.getByText("0 entries fit, of the newest 200; older ones are not looked at").waitFor();
    await page.getByRole("button", { name: "Read older entries" }).click();
    await entries().filter({ hasText: "a device enrolled" }).waitFor();
    await page.getByRole("button", { name: "Read older entries" }).waitFor({ state: "detached" });
    await page.getByText("which are all").waitFor();
  });

  it("checks the chain, and names the first entry that somebody changed", async () => {
    await operator.goTo("/audit");
    await page.getByText("not checked since this page opened").waitFor();
    await page.getByRole("button", { name: "Check the chain" }).click();
    await page
      .getByRole("status")
      .filter({ hasText: /^\d+ entries fit$/ })
      .waitFor();
    await page.getByText(/^sartor audit verify --head \d+:[0-9a-f]{64}$/).waitFor();
    const database = new DatabaseSync(join(controlPlane.stateDir, "control-plane.sqlite"));
    database.exec("UPDATE audit_entry SET text = replace(text, 'true', 'false') WHERE sequence = 7");
    database.close();
    await page.getByRole("button", { name: "Check the chain" }).click();
    await page.getByRole("alert").getByText("SRT_AUDIT_BROKEN").waitFor();
    await page
      .getByRole("alert")
      .getByText(/broken at entry 7/)
      .waitFor();
    expect(await page.getByText("entries fit").count()).toBe(0);
  });
});
