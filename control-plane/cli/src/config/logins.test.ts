import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { storedLogin, storeLogin } from "./logins.js";
import { resolveConnection } from "./settings.js";

describe("logins of the command line", () => {
  let folder: string;
  let environment: NodeJS.ProcessEnv;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sartor-logins-"));
    environment = { XDG_CONFIG_HOME: folder };
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const later = () => Date.now() + 60_000;

  it("are kept by address, in a file that only their owner reads, and used before the state folder's token", () => {
    storeLogin("http://one:7300/", { token: "a", expiresAt: later() }, environment);
    storeLogin("http://two:7300", { token: "b", expiresAt: null }, environment);
    expect(statSync(join(folder, "sartor", "logins.json")).mode & 0o777).toBe(0o600);
    expect(storedLogin("http://one:7300", environment)).toBe("a");
    expect(resolveConnection({ url: "http://two:7300" }, environment)).toEqual({ url: "http://two:7300", token: "b" });
    expect(resolveConnection({ url: "http://two:7300", token: "c" }, environment).token).toBe("c");
    storeLogin("http://one:7300", undefined, environment);
    expect(storedLogin("http://one:7300", environment)).toBeUndefined();
    expect(storedLogin("http://two:7300", environment)).toBe("b");
  });

  it("that have ended, or whose file is damaged, are none", () => {
    storeLogin("http://one:7300", { token: "a", expiresAt: Date.now() - 1 }, environment);
    expect(storedLogin("http://one:7300", environment)).toBeUndefined();
    writeFileSync(join(folder, "sartor", "logins.json"), "{");
    expect(storedLogin("http://one:7300", environment)).toBeUndefined();
    storeLogin("http://one:7300", { token: "new", expiresAt: later() }, environment);
    expect(storedLogin("http://one:7300", environment)).toBe("new");
  });
});
