import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adviseOnNpm, forgetInstallation, reasonToInstall, wantedStamp } from "./install.mjs";

describe("whether packages must be installed", () => {
  let root;
  const lock = (version) => ({
    packages: {
      "": {},
      "node_modules/a": { version },
      "node_modules/for-another-machine": { version: "1.0.0", optional: true },
    },
  });
  const write = (path, content) => writeFileSync(join(root, path), JSON.stringify(content));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sartor-install-"));
    mkdirSync(join(root, "node_modules/a"), { recursive: true });
    write("package-lock.json", lock("1.0.0"));
    write("node_modules/.package-lock.json", { packages: { "node_modules/a": { version: "1.0.0" } } });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("is no when what was installed by hand is what the lock file says, and stays no", () => {
    expect(reasonToInstall(root)).toBeUndefined();
    expect(reasonToInstall(root)).toBeUndefined();
  });

  it("is yes in a fresh checkout", () => {
    rmSync(join(root, "node_modules"), { recursive: true });
    expect(reasonToInstall(root)).toMatch(/first time/);
  });

  it("is yes after an installation that broke off", () => {
    rmSync(join(root, "node_modules/.package-lock.json"));
    expect(reasonToInstall(root)).toMatch(/broke off/);
  });

  it("is yes when the lock file has changed since", () => {
    expect(reasonToInstall(root)).toBeUndefined();
    write("package-lock.json", lock("1.0.1"));
    expect(reasonToInstall(root)).toMatch(/node_modules\/a is not what package-lock.json says/);
  });

  it("is no when somebody changed the lock file and installed by hand", () => {
    expect(reasonToInstall(root)).toBeUndefined();
    write("package-lock.json", lock("1.0.1"));
    write("node_modules/.package-lock.json", { packages: { "node_modules/a": { version: "1.0.1" } } });
    expect(reasonToInstall(root)).toBeUndefined();
  });

  it("is yes when node_modules was copied from another kind of machine", () => {
    writeFileSync(join(root, "node_modules/.sartor-stamp"), wantedStamp(root).replace(process.arch, "sparc"));
    expect(reasonToInstall(root)).toBe("made on another machine");
  });

  it("is yes when a package was deleted", () => {
    rmSync(join(root, "node_modules/a"), { recursive: true });
    expect(reasonToInstall(root)).toMatch(/node_modules\/a is missing/);
  });

  it("is yes once the installation was found unusable", () => {
    expect(reasonToInstall(root)).toBeUndefined();
    forgetInstallation(root);
    expect(reasonToInstall(root)).toBeDefined();
  });
});

it("tells a person what to do about the usual failures of npm", () => {
  expect(adviseOnNpm("npm error code ENOTFOUND")).toMatch(/registry could not be reached/);
  expect(adviseOnNpm("npm error nospc ENOSPC: no space left on device")).toMatch(/disk space/);
  expect(adviseOnNpm("npm error code EUSAGE")).toMatch(/do not belong together/);
  expect(adviseOnNpm("npm error code EACCES")).toMatch(/writable/);
  expect(adviseOnNpm("something new")).toMatch(/read the lines above/);
});
