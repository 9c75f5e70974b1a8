import { rmSync } from "node:fs";
import { Agent } from "node:https";
import { join } from "node:path";
import type { ErrorReply } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  callAsDevice,
  connectDevice,
  type EnrolledDevice,
  enrol,
  makeToken,
  redeem,
  rest,
} from "../support/enrolled-device.js";
import { waitFor } from "../support/wait-for.js";
import { type MovedFleet, startMovedFleet } from "./moved-fleet.js";

let fleet: MovedFleet;
beforeAll(async () => {
  fleet = await startMovedFleet();
});
afterAll(() => fleet?.stop());

const ROOTS = "/api/v1/trust/roots";
/** The certificates that the revocation list names, as DER; whoever has it finds serials in it. */
async function revocationList(): Promise<Buffer> {
  const reply = await fetch(`${fleet.controlPlane.httpUrl}/api/v1/certificates/crl`);
  return Buffer.from(await reply.arrayBuffer());
}
const names = (list: Buffer, serial = "none") => list.includes(Buffer.from(serial, "hex"));

/** A session over MQTT and a connection over HTTPS that is kept, and when each was closed. */
async function openBoth(device: EnrolledDevice) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const closed: string[] = [];
  const session = await connectDevice(device);
  session.on("close", () => closed.push("mqtt"));
  const ask = () => callAsDevice(fleet.controlPlane, device.credential, ROOTS, { agent });
  expect((await ask()).status).toBeLessThan(300);
  const [socket] = Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? []);
  expect(socket).toBeDefined();
  socket?.on("close", () => closed.push("https"));
  return { closed, agent, session };
}
async function refusalOf(credential: EnrolledDevice["credential"]) {
  const reply = await callAsDevice(fleet.controlPlane, credential, ROOTS);
  return [reply.status, ((await reply.json()) as ErrorReply).error?.code];
}

describe("a revocation", () => {
  it("closes the device's sessions over MQTT and HTTPS at once, lets it begin no other, and the CRL names its certificate", async () => {
    const [device, other] = [await enrol(fleet.controlPlane, "gate 1"), await enrol(fleet.controlPlane, "gate 2")];
    const [mine, others] = [await openBoth(device), await openBoth(other)];
    const path = `/api/v1/devices/${device.deviceId}/certificates`;
    const serialOf = async () =>
      (await rest<{ certificates: { serial: string }[] }>(fleet.controlPlane, "GET", path)).body.certificates[0]
        ?.serial;
    expect(names(await revocationList(), await serialOf())).toBe(false);
    const { status } = await rest(fleet.controlPlane, "POST", `/api/v1/devices/${device.deviceId}/revoke`, {});
    expect(status).toBe(200);
    await waitFor("both sessions to be closed", () => mine.closed.length === 2, 5_000);
    expect(mine.closed.sort()).toEqual(["https", "mqtt"]);
    expect(await refusalOf(device.credential)).toEqual([403, "SRT_CERTIFICATE_REVOKED"]);
    await expect(connectDevice(device)).rejects.toThrow();
    expect(names(await revocationList(), await serialOf())).toBe(true);
    expect(others.closed).toEqual([]);
    await others.session.endAsync();
    for (const { agent } of [mine, others]) agent.destroy();
  });

  it("is told by the device's own agent, which goes on serving and does not ask without end", async () => {
    const device = fleet.device("gate 3");
    await device.start();
    await device.online();
    await rest(fleet.controlPlane, "POST", `/api/v1/devices/${device.deviceId}/revoke`, {});
    await device.says(/ error .*cannot be renewed.*SRT_CERTIFICATE_REVOKED/);
    await waitFor("it to be offline", async () => (await device.view()).presence?.status === "offline");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const said = device.log.filter((line) => line.includes(" error ") && line.includes("SRT_CERTIFICATE_REVOKED"));
    expect(said).toHaveLength(1);
  });
});

describe("a replacement", () => {
  it("keeps name and history; the old board works until the token is redeemed, and not a moment longer", async () => {
    const old = fleet.device("gate 4");
    await old.start();
    const before = await old.online();
    const { deviceId, credential } = old;
    const token = await makeToken(fleet.controlPlane, 600, { replaces: deviceId });
    expect((await callAsDevice(fleet.controlPlane, credential, ROOTS)).status).toBe(200);

    const board = fleet.device("a new board calls itself so");
    await board.start({ SARTOR_ENROLMENT_TOKEN: token });
    expect(board.deviceId).toBe(deviceId);
    expect(await refusalOf(credential)).toEqual([403, "SRT_CERTIFICATE_REVOKED"]);
    await old.says(/cannot be renewed.*SRT_CERTIFICATE_REVOKED/);
    await old.stop();
    const after = await board.online();
    expect(after).toMatchObject({ deviceId, name: "gate 4", enrolledAt: before.enrolledAt });
    const { generation, certificates } = await board.certificates();
    expect(generation).toBe(1);
    expect(certificates.map(({ reason }) => reason)).toEqual([null, "replaced"]);
    expect(names(await revocationList(), certificates[1]?.serial)).toBe(true);
    expect(names(await revocationList(), certificates[0]?.serial)).toBe(false);
    // The token is spent: the old board does not come back with it.
    const again = await redeem(fleet.controlPlane, { token });
    expect([again.status, again.body.error.code]).toEqual([409, "SRT_ENROLMENT_TOKEN_USED"]);
  });

  it("lets a device in again that was revoked, from the same folder, under its name", async () => {
    const device = fleet.device("gate 5");
    await device.start();
    const { deviceId } = device;
    await device.online();
    await rest(fleet.controlPlane, "POST", `/api/v1/devices/${deviceId}/revoke`, {});
    await device.stop();
    rmSync(join(device.folder, "identity"), { recursive: true });
    await device.start({ SARTOR_ENROLMENT_TOKEN: await makeToken(fleet.controlPlane, 600, { replaces: deviceId }) });
    expect(device.deviceId).toBe(deviceId);
    await device.online();
    expect((await device.certificates()).certificates.map(({ reason }) => reason)).toEqual([null, "revoked"]);
  });
});
