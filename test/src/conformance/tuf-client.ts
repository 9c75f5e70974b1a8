import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import {
  downloadBounded,
  MetadataStore,
  type MetadataTransport,
  RETRIEVAL_LIMITS,
  TrustedTime,
} from "@sartor/agent/ota";
import { systemClock } from "@sartor/agent/platform";
import { writeFileDurably } from "@sartor/agent/storage";

/*
 * The command line of the public TUF conformance suite (github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md), over the agent's own
 * metadata code. The suite reads plain files from the metadata folder: the agent's generations and floors are kept beside it, and the current
 * generation is copied there after each command.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "metadata-dir": { type: "string" },
    "metadata-url": { type: "string" },
    "target-name": { type: "string" },
    "target-base-url": { type: "string" },
    "target-dir": { type: "string" },
  },
});

function option(name: keyof typeof values): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

const metadataFolder = option("metadata-dir").replace(/\/$/, "");
const folder = join(dirname(metadataFolder), `${basename(metadataFolder)}-sartor`);
const { signal } = new AbortController();

/** The agent's own transport speaks TLS only; the suite's server does not. */
const plainHttp: MetadataTransport = async (url, options) => {
  const answer = await fetch(url, { redirect: "error", signal: options.signal });
  return { status: answer.status, body: answer.body ?? Readable.from([]) };
};

function openStore(): MetadataStore {
  const time = new TrustedTime({ path: join(folder, "time.json"), buildTime: 0, clock: systemClock });
  return new MetadataStore({
    repository: "conformance",
    folder,
    metadataUrl: option("metadata-url"),
    transport: plainHttp,
    time,
  });
}

/** Copies the current generation to where the suite looks. */
function show(store: MetadataStore): void {
  const current = store.currentFolder();
  if (current === undefined) return;
  const files = readdirSync(current);
  for (const file of readdirSync(metadataFolder)) if (!files.includes(file)) rmSync(join(metadataFolder, file));
  for (const file of files) writeFileDurably(join(metadataFolder, file), readFileSync(join(current, file)));
}

function init(rootFile: string): void {
  const root = readFileSync(rootFile);
  MetadataStore.provision(folder, root);
  mkdirSync(metadataFolder, { recursive: true });
  writeFileDurably(join(metadataFolder, "root.json"), root);
}

async function refresh(): Promise<void> {
  const store = openStore();
  try {
    await store.update(signal, async () => undefined);
  } finally {
    show(store);
  }
}

async function download(): Promise<void> {
  const store = openStore();
  const name = option("target-name");
  try {
    await store.update(signal, async ({ root, targetInfo }) => {
      const info = await targetInfo(name);
      if (info === undefined) throw new Error(`The repository has no target ${name}.`);
      const file = join(option("target-dir"), encodeURIComponent(name));
      if (existsSync(file) && (await matches(info, createReadStream(file)))) return;

      const slash = name.lastIndexOf("/") + 1;
      const [hash] = Object.values(info.hashes);
      const served = root.consistent_snapshot ? `${name.slice(0, slash)}${hash}.${name.slice(slash)}` : name;
      const bytes = await downloadBounded(
        {
          url: new URL(`${option("target-base-url").replace(/\/$/, "")}/${served}`),
          what: `target ${name}`,
          maximumBytes: info.length,
          signal,
        },
        { transport: plainHttp, limits: RETRIEVAL_LIMITS, clock: systemClock },
      );
      if (typeof bytes === "number") throw new Error(`The server answered ${bytes} for target ${name}.`);
      await info.verify(Readable.from([bytes], { objectMode: true }));
      writeFileDurably(file, bytes);
    });
  } finally {
    show(store);
  }
}

async function matches(info: { verify(stream: Readable): Promise<void> }, stream: Readable): Promise<boolean> {
  return info.verify(stream).then(
    () => true,
    () => false,
  );
}

try {
  const [command, argument] = positionals;
  if (command === "init" && argument !== undefined) init(argument);
  else if (command === "refresh") await refresh();
  else if (command === "download") await download();
  else throw new Error(`Unknown command ${positionals.join(" ")}: expected init ROOT, refresh or download.`);
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  process.stderr.write(`${code === undefined ? "" : `${code}: `}${message}\n`);
  process.exitCode = 1;
}
