import { rename, writeFile } from "node:fs/promises";
import { type AuthorityStatus, authorityStatusSchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { connect } from "./connect.js";
import { printTable } from "./table.js";

const DAY_MS = 86_400_000;
/** So long before its end an authority is told of: devices that are offline for long have to be reached too. */
const SOON_MS = 400 * DAY_MS;

/** `sartor ca | ca root`: what all certificates hang on. */
export function addCaCommands(program: Command): void {
  const ca = program
    .command("ca")
    .description("Says which root and intermediate the certificates of devices hang on, and until when.")
    .action(async () => {
      const status = await load(program);
      const rows = [status.root, status.intermediate].map(({ subject, notAfter, fingerprint }, index) => [
        index === 0 ? "root" : "intermediate",
        subject,
        new Date(notAfter).toISOString().slice(0, 10),
        fingerprint,
      ]);
      printTable([["AUTHORITY", "SUBJECT", "ENDS", "SHA-256"], ...rows]);
      process.stdout.write(`\nFor devices without a token: SARTOR_CA_FINGERPRINT=${status.root.pin}\n`);
      for (const remark of remarksOn(status, Date.now())) process.stdout.write(`${remark}\n`);
    });
  ca.command("root")
    .description("Prints the root certificate, PEM, or saves it.")
    .option("--out <file>", "where to")
    .action(async ({ out }: { out?: string }) => {
      const { root } = await load(program);
      if (out === undefined) return void process.stdout.write(root.certificate);
      await writeFile(`${out}.new`, root.certificate, { mode: 0o644 });
      await rename(`${out}.new`, out);
      process.stdout.write(`${out}: ${root.subject}, SHA-256 ${root.fingerprint}\n`);
    });
}

const load = (program: Command) => connect(program).get("/api/v1/certificates/authority/status", authorityStatusSchema);

/** What a person should do about the authority. @param now ms since 1970 */
export function remarksOn({ root, intermediate }: AuthorityStatus, now: number): string[] {
  const remarks: string[] = [];
  if (root.keyIsHere)
    remarks.push(
      "The root's key (ca/root-key.pem) lies in the state folder: move it to a safe place, it is not needed.",
    );
  for (const [name, { notAfter }] of Object.entries({ root, intermediate })) {
    const days = Math.floor((notAfter - now) / DAY_MS);
    if (notAfter - now < SOON_MS)
      remarks.push(`The ${name} ends in ${days} days: prepare another authority, docs/identity.md says how.`);
  }
  return remarks;
}
