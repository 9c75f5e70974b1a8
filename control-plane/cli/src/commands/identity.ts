import {
  type DeviceCertificatesReply,
  deviceCertificatesReplySchema,
  deviceRevocationReplySchema,
  enrolmentKeyReplySchema,
  enrolmentTokenReplySchema,
  pendingEnrolmentsReplySchema,
} from "@sartor/shared/protocol";
import type { Command } from "commander";
import { connect } from "./connect.js";
import { printTable } from "./table.js";

/** What an enrolment is allowed for. */
interface ScopeOptions {
  readonly lifetime: string;
  readonly note?: string;
  readonly hardware?: string[];
  readonly replaces?: string;
  readonly group?: string;
  readonly offlineSite?: boolean;
}

/** `sartor device enrol-token | pending | claim | certificates | revoke`: who gets in, and who does not any more. */
export function addIdentityCommands(program: Command, device: Command): void {
  addScope(device.command("enrol-token").description("Makes a token that enrols one device."), "3600").action(
    async (options: ScopeOptions) => {
      const { token, expiresAt, deviceUrl } = await connect(program).post(
        "/api/v1/enrolment-tokens",
        scopeOf(options),
        enrolmentTokenReplySchema,
      );
      process.stdout.write(
        `${token}\nvalid until ${new Date(expiresAt).toISOString()}, for devices that reach ${deviceUrl}\n`,
      );
    },
  );
  device
    .command("pending")
    .description("Lists devices that asked without a token and wait to be claimed.")
    .action(async () => {
      const { items } = await connect(program).get("/api/v1/enrolments/pending", pendingEnrolmentsReplySchema);
      const rows = items.map((item) => [item.fingerprint, item.name, item.hardware.join(" "), item.address]);
      printTable([["KEY FINGERPRINT", "CALLS ITSELF", "HARDWARE", "FROM"], ...rows]);
    });
  addScope(
    device
      .command("claim <fingerprint>")
      .description("Lets the device with this key enrol, before it asks or when it waits. Compare with what it shows."),
    "86400",
  ).action(async (fingerprint: string, options: ScopeOptions) => {
    const request = { fingerprint: fingerprint.toLowerCase().replaceAll(":", ""), ...scopeOf(options) };
    const reply = await connect(program).post("/api/v1/enrolments/keys", request, enrolmentKeyReplySchema);
    process.stdout.write(`allowed until ${new Date(reply.expiresAt).toISOString()}\n`);
  });
  device
    .command("certificates <deviceId>")
    .description("Lists a device's certificates, the newest first.")
    .action(async (deviceId: string) => {
      const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/certificates`;
      const { certificates } = await connect(program).get(path, deviceCertificatesReplySchema);
      printTable([["SERIAL", "FROM", "UNTIL", "STATE"], ...certificates.map(describe)]);
    });
  device
    .command("revoke <deviceId>")
    .description("Ends a device's access at once. A token with --replaces lets it in again.")
    .action(async (deviceId: string) => {
      const path = `/api/v1/devices/${encodeURIComponent(deviceId)}/revoke`;
      const { revokedCertificates } = await connect(program).post(path, {}, deviceRevocationReplySchema);
      process.stdout.write(`${deviceId} has no access any more; certificates that ended: ${revokedCertificates}\n`);
    });
}

function addScope(command: Command, lifetime: string): Command {
  return command
    .option("--lifetime <seconds>", "how long it can be used", lifetime)
    .option("--note <text>", "what it is for")
    .option("--hardware <id...>", "only for devices of one of these kinds")
    .option("--replaces <deviceId>", "give this device a new key; it keeps name and history, its old certificates end")
    .option("--group <group>", "where the device belongs; default, or the only group that one is for")
    .option("--offline-site", "the site is offline for long: certificates live longer");
}

function scopeOf({ lifetime, note, hardware, replaces, group, offlineSite }: ScopeOptions): object {
  return { lifetimeSeconds: Number(lifetime), note, hardware, replaces, group, offlineSite };
}

function describe(certificate: DeviceCertificatesReply["certificates"][number]): string[] {
  const { serial, notBefore, notAfter, firstUsedAt, reason } = certificate;
  const state = reason ?? (firstUsedAt === null ? "not used yet" : "in use");
  return [serial, new Date(notBefore).toISOString(), new Date(notAfter).toISOString(), state];
}
