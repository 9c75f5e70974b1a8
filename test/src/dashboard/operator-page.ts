import type { Browser, BrowserContext, Page } from "playwright-core";
import type { RunningControlPlane } from "../support/control-plane.js";

/** A signed-in tab of an operator. It takes down what goes wrong in the page. */
export class OperatorPage {
  private constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
    private readonly controlPlane: RunningControlPlane,
    /** Errors of the page, and what its content security policy held back. */
    readonly problems: readonly string[],
  ) {}

  static async open(browser: Browser, controlPlane: RunningControlPlane): Promise<OperatorPage> {
    const context = await browser.newContext({ locale: "en-GB" });
    const page = await context.newPage();
    page.setDefaultTimeout(40_000);
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (/content security policy/i.test(message.text())) problems.push(message.text());
    });
    return new OperatorPage(context, page, controlPlane, problems);
  }

  /** Goes to an address of the dashboard; the token signs in. */
  async goTo(path: string): Promise<void> {
    await this.page.goto(`${this.controlPlane.httpUrl}${path}#token=${this.controlPlane.operatorToken}`);
    await this.page
      .getByRole("status")
      .filter({ hasText: /^live$/ })
      .waitFor();
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
