import type { Inventory } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { defined, shortText } from "./text.js";

type OperatingSystem = Inventory["operatingSystem"];

/** /etc/os-release (os-release(5)): shell assignments, quoted or not. */
function parseOsRelease(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/gm)].map((match) => [
      match[1],
      match[2] ?? match[3] ?? match[4] ?? "",
    ]),
  );
}

/** Whether this process sees a container's file system: Docker's and Podman's marker files, or the first process's cgroup. */
async function insideContainer(files: SystemFiles): Promise<boolean> {
  if ((await files.readBytes("/.dockerenv")) !== undefined) return true;
  if ((await files.readBytes("/run/.containerenv")) !== undefined) return true;
  return /docker|kubepods|containerd|\blxc\b/.test((await files.readText("/proc/1/cgroup")) ?? "");
}

/** Name and version of the distribution, the kernel, and the C library that this process runs on. */
export async function readOperatingSystem(files: SystemFiles, glibc: string | undefined): Promise<OperatingSystem> {
  const release = parseOsRelease(
    (await files.readText("/etc/os-release")) ?? (await files.readText("/usr/lib/os-release")) ?? "",
  );
  return defined({
    name: shortText(release.NAME) ?? "Linux",
    version: shortText(release.VERSION_ID),
    kernel: shortText(await files.readText("/proc/sys/kernel/osrelease")) ?? "unknown",
    glibc: shortText(glibc),
    container: await insideContainer(files),
  }) as OperatingSystem;
}

let glibcVersion: { readonly version: string | undefined } | undefined;

/**
 * Version of the C library of this process; undefined on musl. Native parts of the agent need a least version of it.
 *
 * It is looked up once: only a diagnostic report tells it, and a report waits for every thread of the process. With one thread for V8's own work
 * (`--v8-pool-size=1`) three may wait for each other for ever: the report for a thread that ends, that one for what V8 compiles, and that for a
 * garbage collection of the thread that makes the report. So call this first before there is any other thread.
 */
export function ownGlibcVersion(): string | undefined {
  glibcVersion ??= { version: reportedGlibcVersion() };
  return glibcVersion.version;
}

function reportedGlibcVersion(): string | undefined {
  // Without excludeNetwork the report looks up the name of every open connection; the typings do not know it yet.
  const diagnostics: typeof process.report & { excludeNetwork?: boolean } = process.report;
  const before = diagnostics.excludeNetwork ?? false;
  diagnostics.excludeNetwork = true;
  try {
    const report = diagnostics.getReport() as unknown as { header?: { glibcVersionRuntime?: string } };
    return report.header?.glibcVersionRuntime;
  } finally {
    diagnostics.excludeNetwork = before;
  }
}
