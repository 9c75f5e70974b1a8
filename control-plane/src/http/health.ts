import { Injectable } from "@nestjs/common";

/** Longest time that one check may take, ms. */
const CHECK_TIMEOUT_MS = 2_000;

/** What must work before traffic is welcome. Modules add their own checks at the start. */
@Injectable()
export class Health {
  readonly #checks = new Map<string, () => Promise<void>>();

  /** Adds a check; it throws while its part is not ready. */
  add(name: string, check: () => Promise<void>): void {
    this.#checks.set(name, check);
  }

  /** Runs all checks: `ok`, or what is wrong, by name. */
  async run(): Promise<{ ready: boolean; checks: Record<string, string> }> {
    const outcomes = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await runOne(check)] as const),
    );
    return { ready: outcomes.every(([, outcome]) => outcome === "ok"), checks: Object.fromEntries(outcomes) };
  }
}

async function runOne(check: () => Promise<void>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${CHECK_TIMEOUT_MS} ms`), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check().then(() => "ok"), timeout]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}
