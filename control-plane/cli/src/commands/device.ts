import {
  type DeviceSummary,
  deviceDetailSchema,
  deviceSummarySchema,
  groupsReplySchema,
} from "@sartor/shared/protocol";
import type { Command } from "commander";
import { connect } from "./connect.js";
import { addIdentityCommands } from "./identity.js";
import { printTable } from "./table.js";
import { addTuningCommands } from "./tuning.js";

/** `sartor device list | show | groups | move | enrol-token | pending | claim | certificates | revoke | tune ...`. */
export function addDeviceCommands(program: Command): void {
  const device = program.command("device").description("Devices of the fleet.");
  device
    .command("list")
    .description("Lists all devices.")
    .option("--group <group>", "only devices of this group")
    .action(async ({ group }: { group?: string }) => {
      const query = group === undefined ? "" : `?group=${encodeURIComponent(group)}`;
      const devices = await connect(program).getAll(`/api/v1/devices${query}`, deviceSummarySchema);
      printTable([["DEVICE", "NAME", "GROUP", "PRESENCE", "BOARD", "SERVES", "P95 MS"], ...devices.map(describe)]);
    });
  device
    .command("show <deviceId>")
    .description("Prints all that is known of a device, as JSON.")
    .action(async (deviceId: string) => {
      const detail = await connect(program).get(`/api/v1/devices/${encodeURIComponent(deviceId)}`, deviceDetailSchema);
      process.stdout.write(`${JSON.stringify(detail, null, 2)}\n`);
    });
  device
    .command("groups")
    .description("Lists the groups that have devices.")
    .action(async () => {
      const { items } = await connect(program).get("/api/v1/groups", groupsReplySchema);
      printTable([["GROUP", "DEVICES"], ...items.map(({ group, devices }) => [group, String(devices)])]);
    });
  device
    .command("move <deviceId> <group>")
    .description("Moves a device into a group, which exists by being named. What it runs stays.")
    .action(async (deviceId: string, group: string) => {
      const path = `/api/v1/devices/${encodeURIComponent(deviceId)}`;
      const moved = await connect(program).patch(path, { group }, deviceDetailSchema);
      process.stdout.write(`${moved.deviceId} is in ${moved.group}\n`);
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
    device.group,
    device.presence.status,
    device.board ?? "-",
    serves,
    p95,
  ];
}
