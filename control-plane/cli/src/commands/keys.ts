import { randomBytes } from "node:crypto";
import { basename, dirname, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { SartorError } from "@sartor/shared/errors";
import { modelNameSchema } from "@sartor/shared/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { keyPassphrase } from "../config/index.js";
import {
  holdCeremony,
  type KeyChange,
  type KeyFile,
  KeyRing,
  keyNameSchema,
  listKeyFiles,
  missingKeys,
  PassphraseSource,
  planChange,
  publicOf,
  readKeyFile,
  releaseKeyName,
  releaseKeyPurpose,
  signRequest,
  TrustApi,
  whatIsMissing,
} from "../keys/index.js";
import { connect } from "./connect.js";
import { parseWhole } from "./options.js";
import { printTable } from "./table.js";

interface KeyOptions {
  readonly keys: string;
  readonly key?: string[];
  readonly passphraseFd?: number;
  readonly yes?: boolean;
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** `sartor keys ceremony | list | family | rotate | revoke | requests | sign | release`: the keys that devices believe. */
export function addKeysCommands(program: Command): void {
  const keys = program
    .command("keys")
    .description("Keys that sign what devices install; they stay with you, encrypted.");
  const api = () => new TrustApi(connect(program));
  const add = (name: string, description: string) =>
    keys
      .command(name)
      .description(description)
      .option("--keys <folder>", "folder of key files", "sartor-keys")
      .addOption(
        new Option(
          "--passphrase-fd <number>",
          "read the passphrase from this file descriptor (or SARTOR_KEY_PASSPHRASE; else you are asked)",
        ).argParser(parseWhole(0, 255)),
      );
  const addSigning = (name: string, description: string) =>
    add(name, description)
      .option("--key <file...>", "key files to sign with; all that fit of --keys by default")
      .option("--yes", "do not ask before signing");

  add("ceremony", "Makes the keys and the roots of trust, and hands the roots to the control plane.")
    .option("--family <model...>", "models that get a release key at once", [])
    .action(async (options: KeyOptions & { family: string[] }) => {
      const families = options.family.map(parseModel);
      await holdCeremony({ api: api(), ring: ringOf(options), families, now: Date.now(), say });
    });
  add("list", "Lists who may sign what, until when it holds, and what key files are here.").action(
    (options: KeyOptions) => list(api(), options),
  );
  addSigning("family <model>", "Makes a release key for a model and lets it sign the model's bundles.").action(
    async (model: string, options: KeyOptions) => {
      const family = parseModel(model);
      const { file } = await ringOf(options).ensure(releaseKeyName(family), releaseKeyPurpose(family));
      await propose(api(), { kind: "family", family, key: publicOf(file) }, options);
    },
  );
  addSigning(
    "rotate [key]",
    "Replaces a key (file or key id) by a new one; without one: a new end and today's online keys.",
  )
    .option("--as <name>", "name of the new key")
    .action(async (key: string | undefined, options: KeyOptions & { as?: string }) => {
      if (key === undefined) return propose(api(), { kind: "renew" }, options);
      const ring = ringOf(options);
      const old = await findKey(key, options.keys);
      const name =
        options.as ??
        nextName(
          old.name,
          (await listKeyFiles(options.keys)).map((file) => file.name),
        );
      const { file } = await ring.ensure(parseKeyName(name), old.purpose);
      say(`${file.name} (${file.keyId.slice(0, 12)}) takes the place of ${old.name} (${old.keyId.slice(0, 12)}).`);
      await propose(api(), { kind: "replace", keyId: old.keyId, by: publicOf(file) }, options);
    });
  addSigning("revoke <key>", "Takes from a key (file or key id) all that it may sign.").action(
    async (key: string, options: KeyOptions) => {
      const { keyId } = await findKey(key, options.keys);
      await propose(api(), { kind: "revoke", keyId }, options);
    },
  );
  keys
    .command("requests")
    .description("Lists what waits for signatures.")
    .option("--all", "also what was published or superseded")
    .action(async (options: { all?: boolean }) => {
      const requests = await api().requests(options.all === true);
      const rows = requests.map((one) => [
        one.requestId,
        `${one.repository} ${one.role}`,
        String(one.version),
        one.status === "open" ? whatIsMissing(one) : one.status,
        one.reason,
      ]);
      printTable([["REQUEST", "ROLE", "VERSION", "STATUS", "WHY"], ...rows]);
    });
  addSigning("sign <request>", "Shows what is to be signed, and signs it.").action(
    async (requestId: string, options: KeyOptions) => {
      await sign(api(), requestId, options);
    },
  );
  addSigning("release <model> <version>", "Releases a version: has its bundles signed.")
    .option("--again", "with a higher release counter, so that devices go back to it from newer versions")
    .action(async (model: string, version: string, options: KeyOptions & { again?: boolean }) => {
      const { releaseCounter, requestId } = await api().release(parseModel(model), version, options.again === true);
      say(`${model} ${version} is release ${releaseCounter}.`);
      if (requestId === null) say("Everything of it is signed and published.");
      else await sign(api(), requestId, options);
    });
}

async function list(api: TrustApi, { keys }: KeyOptions): Promise<void> {
  const files = await listKeyFiles(keys);
  const nameOf = new Map(files.map((file) => [file.keyId, file.name]));
  const { roles, problems } = await api.status();
  const rows = roles.map((role) => [
    `${role.repository} ${role.role}`,
    String(role.version),
    role.state,
    new Date(role.expiresAt).toISOString().slice(0, 16),
    `${role.threshold} of ${role.keys.map(({ keyId }) => nameOf.get(keyId) ?? keyId.slice(0, 12)).join(", ")}`,
  ]);
  printTable([["ROLE", "VERSION", "STATE", "ENDS", "SIGNED BY"], ...rows]);
  const used = new Set(roles.flatMap((role) => role.keys.map(({ keyId }) => keyId)));
  const idle = files.filter(({ keyId }) => !used.has(keyId));
  for (const { name, keyId } of idle) say(`${name} (${keyId.slice(0, 12)}) may sign nothing.`);
  for (const problem of problems) say(problem);
}

async function propose(api: TrustApi, change: KeyChange, options: KeyOptions): Promise<void> {
  const proposals = await planChange(api, change, Date.now());
  if (proposals.length === 0) say("Nothing changes.");
  for (const proposal of proposals) {
    const { requestId } = await api.propose(proposal);
    say(`Signing request ${requestId}`);
    await sign(api, requestId, options);
  }
  const open = (await api.requests(false)).filter((request) => missingKeys(request).size > 0);
  for (const { requestId, repository, role, reason } of open) {
    say(`To be signed: sartor keys sign ${requestId} (${repository} ${role}: ${reason})`);
  }
}

async function sign(api: TrustApi, requestId: string, options: KeyOptions): Promise<void> {
  const all = options.key === undefined;
  const files = all ? await listKeyFiles(options.keys) : await Promise.all((options.key ?? []).map(readKeyFile));
  const confirm = async () => options.yes === true || askYes();
  try {
    await signRequest({ api, ring: ringOf(options), requestId, files, say, confirm });
  } catch (error) {
    // Whoever proposes a change need not hold a key that signs it.
    if (!all || !(error instanceof SartorError) || error.code !== "SRT_KEY_UNKNOWN") throw error;
    say(error.message);
  }
}

async function askYes(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new SartorError("SRT_CONFIG_INVALID", "No terminal to ask: give --yes to sign what was shown.");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question("Sign this? [y/N] ")).trim());
  } finally {
    lines.close();
  }
}

function ringOf({ keys, passphraseFd }: KeyOptions): KeyRing {
  const passphrases = new PassphraseSource({ given: keyPassphrase(), descriptor: passphraseFd });
  return new KeyRing({ folder: resolve(keys), passphrases, random: randomBytes });
}

/** A key by its file, its name, or (the start of) its id; one that has no file here is known by its whole id only. */
async function findKey(text: string, folder: string): Promise<Pick<KeyFile, "keyId" | "name" | "purpose">> {
  if (/^[0-9a-f]{64}$/.test(text)) {
    const file = (await listKeyFiles(folder)).find(({ keyId }) => keyId === text);
    return (
      file ?? { keyId: text, name: `key-${text.slice(0, 12)}`, purpose: `takes the place of ${text.slice(0, 12)}` }
    );
  }
  if (text.endsWith(".json")) return readKeyFile(resolve(dirname(text), basename(text)));
  const found = (await listKeyFiles(folder)).filter(({ name, keyId }) => name === text || keyId.startsWith(text));
  if (found[0] !== undefined && found.length === 1) return found[0];
  throw new SartorError("SRT_KEY_UNKNOWN", `${found.length === 0 ? "No key" : "More than one key"} is called ${text}.`);
}

/** The next free number: `image-root-3` gives way to `image-root-4`. */
function nextName(name: string, taken: readonly string[]): string {
  const [, stem = name, number = "1"] = /^(.*)-(\d+)$/.exec(name) ?? [];
  let next = Number(number) + 1;
  while (taken.includes(`${stem}-${next}`)) next++;
  return `${stem}-${next}`;
}

function parseModel(text: string): string {
  if (modelNameSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError("expected the name of a model");
}

function parseKeyName(text: string): string {
  if (keyNameSchema.safeParse(text).success) return text;
  throw new InvalidArgumentError("expected a name of a-z, 0-9 and -");
}
