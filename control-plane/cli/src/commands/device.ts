import { type DeviceSummary, deviceDetailSchema, deviceSummarySchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { connect } from "./connect.js";
import { addIdentityCommands } from "./identity.js";
import { printTable } from "./table.js";
import { addTuningCommands } from "./tuning.js";

/** `sartor device list | show | enrol-token | pending | claim | certificates | revoke | tune ...`. */
export function addDeviceCommands(program: Command): void {
  const device = program.command("device").description("Devices of the fleet.");
  device
    .command("list")
    .description("Lists all devices.")
    .action(async () => {
      const devices = await connect(program).getAll("/api/v1/devices", deviceSummarySchema);
      printTable([["DEVICE", "NAME", "PRESENCE", "BOARD", "SERVES", "P95 MS"], ...devices.map(describe)]);
    });
  device
    .command("show <deviceId>")
    .description("Prints all that is known of a device, as JSON.")
    .action(async (deviceId: string) => {
      const detail = await connect(program).get(`/api/v1/devices/${encodeURIComponent(deviceId)}`, deviceDetailSchema);
      process.stdout.write(`${JSON.stringify(detail, null, 2)}\n`);
    });
  addIdentityCommands(program, device);
  addTuningCommands(program, device);
}

function describe(device: DeviceSummary): string[] {
  const { serving, latest } = device;
  const serves = serving?.model ? `${serving.model} ${serving.version} ${serving.variant}` : "-";
  const p95 = latest?.latencyP95Ms === null || latest === null ? "-" : latest.latencyP95Ms.toFixed(2);
  return [
    device.deviceId,
    `${device.name}${device.emulated ? " (emulated)" : ""}`,
    device.presence.status,
    device.board ?? "-",
    serves,
    p95,
  ];
}
