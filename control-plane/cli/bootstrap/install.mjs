import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runStep } from "./command.mjs";
import { npmCommand } from "./versions.mjs";

const LIMIT_MS = 10 * 60_000;

/**
 * Makes node_modules what package-lock.json says, and does nothing when it is that already.
 *
 * @returns {Promise<boolean>} whether anything was installed
 * @throws {BootstrapError} when npm fails
 */
export async function ensureInstalled(root) {
  const reason = reasonToInstall(root);
  if (reason === undefined) return false;
  const { program, before } = npmCommand();
  await runStep({
    title: `installing packages (${reason})`,
    program,
    parameters: [...before, "ci", "--include=dev", "--include=optional", "--loglevel=warn", "--no-audit", "--no-fund"],
    cwd: root,
    env: installEnvironment(),
    limitMs: LIMIT_MS,
    advise: adviseOnNpm,
  });
  writeFileSync(stampPath(root), wantedStamp(root));
  return true;
}

/** The environment for npm: no install script of ONNX Runtime, which would fetch CUDA libraries from elsewhere. */
export function installEnvironment() {
  return { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip", npm_config_update_notifier: "false" };
}

/**
 * Why node_modules is not what the lock file says; undefined when it is.
 *
 * npm writes node_modules/.package-lock.json last, so an installation that broke off has none, or an old one. The stamp
 * of our own spares comparing the two, and an installation made by hand that matches is taken over.
 */
export function reasonToInstall(root) {
  if (!existsSync(join(root, "node_modules"))) return "first time, about half a minute";
  const installedPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return "the last installation broke off";
  const stamp = existsSync(stampPath(root)) ? readFileSync(stampPath(root), "utf8") : undefined;
  if (stamp !== undefined && stamp.split(" ")[1] !== wantedStamp(root).split(" ")[1]) return "made on another machine";
  const installed = readPackages(installedPath);
  const gone = Object.keys(installed).find((path) => !existsSync(join(root, path)));
  if (gone !== undefined) return `${gone} is missing`;
  if (stamp !== wantedStamp(root)) {
    const different = firstDifference(readPackages(join(root, "package-lock.json")), installed);
    if (different !== undefined) return `${different} is not what package-lock.json says`;
    writeFileSync(stampPath(root), wantedStamp(root));
  }
  return undefined;
}

/** Forgets the stamp, so that the next call installs again. */
export function forgetInstallation(root) {
  rmSync(stampPath(root), { force: true });
  rmSync(join(root, "node_modules", ".package-lock.json"), { force: true });
}

/** What identifies an installation: the lock file, and the kind of machine that its native parts are for. */
export function wantedStamp(root) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${process.platform}-${process.arch}\n`;
}

function stampPath(root) {
  return join(root, "node_modules", ".sartor-stamp");
}

function readPackages(lockPath) {
  try {
    return JSON.parse(readFileSync(lockPath, "utf8")).packages ?? {};
  } catch {
    return {};
  }
}

/** The first package whose installed version is another; optional ones may be absent, being for other machines. */
function firstDifference(wanted, installed) {
  return Object.keys(wanted).find((path) => {
    if (!path.includes("node_modules/")) return false;
    const { version, resolved, optional, devOptional } = wanted[path];
    const found = installed[path];
    if (found === undefined) return !(optional || devOptional);
    return version !== found.version || (version === undefined && resolved !== found.resolved);
  });
}

/** What a person can do about a failure of npm. */
export function adviseOnNpm(output) {
  if (/ENOSPC|no space left/i.test(output))
    return "free some disk space (about 1 GB), then run the same command again.";
  if (/EACCES|EPERM/.test(output)) {
    return "make this folder and npm's cache writable for you (npm config get cache), then run the same command again.";
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EIDLETIMEOUT|ENETUNREACH|socket hang up/.test(output)) {
    return "the package registry could not be reached: check the network, a proxy, and `npm config get registry`; then run the same command again.";
  }
  if (/CERT|self.signed|unable to verify/i.test(output)) {
    return "npm does not trust the registry's certificate: set npm's `cafile` to your organisation's, then run the same command again.";
  }
  if (/EUSAGE|in sync/.test(output)) {
    return "package.json and package-lock.json do not belong together: restore both from git, or run `npm install` if you changed one.";
  }
  if (/E404|ETARGET/.test(output))
    return "the registry lacks a package or a version: use one that mirrors the public registry.";
  if (/EINTEGRITY/.test(output))
    return "a package is not the one that was locked: run `npm cache verify`, then the same command again.";
  return "read the lines above; the same command begins anew and repairs what is half done.";
}
