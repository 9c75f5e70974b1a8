import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogger, systemClock } from "../platform/index.js";
import { type DeviceIdentity, loadOrEnrol } from "./device-identity.js";

const TOKEN = "a-token-of-enough-length";
const clock = { ...systemClock, sleep: async () => undefined };

describe("enrolment", () => {
  let folder: string;
  let server: Server;
  let requests: { token: string; secret: string; name: string }[];
  let answer: (response: ServerResponse, count: number) => void;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "sartor-identity-"));
    requests = [];
    answer = (response) => {
      const { port } = server.address() as AddressInfo;
      response.writeHead(201, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ deviceId: "device-1", mqttUrl: "mqtt://127.0.0.1:1883", httpUrl: `http://127.0.0.1:${port}` }),
      );
    };
    server = createServer(async (request: IncomingMessage, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      requests.push(JSON.parse(Buffer.concat(pieces).toString("utf8")));
      answer(response, requests.length);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  const enrol = (token: string | undefined = TOKEN): Promise<DeviceIdentity> =>
    loadOrEnrol({
      stateFolder: folder,
      controlPlaneUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      token,
      deviceName: "gate 7",
      emulated: false,
      clock,
      logger: createLogger("error", () => undefined),
      signal: new AbortController().signal,
    });

  it("happens once: a second start finds the identity and asks nobody", async () => {
    const first = await enrol();
    expect(await enrol(undefined)).toEqual(first);
    expect(requests).toHaveLength(1);
  });

  it("keeps the secret readable for the agent only", async () => {
    await enrol();
    expect(statSync(join(folder, "identity.json")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "enrolment.json")).mode & 0o777).toBe(0o600);
  });

  it("costs nothing when the reply is lost: the same token and secret are sent again", async () => {
    const reply = answer;
    answer = (response, count) => (count < 3 ? void response.destroy() : reply(response, count));
    const identity = await enrol();
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map((request) => request.secret))).toEqual(new Set([identity.secret]));
  });

  it("waits while the control plane is starting, and stops at a refusal with its code", async () => {
    answer = (response, count) => {
      response.writeHead(count < 3 ? 503 : 409, { "content-type": "application/json" });
      const error = { code: "SRT_ENROLMENT_TOKEN_USED", message: "The token was redeemed by another device." };
      response.end(JSON.stringify({ error: count < 3 ? { code: "SRT_INTERNAL", message: "starting" } : error }));
    };
    await expect(enrol()).rejects.toMatchObject({ code: "SRT_ENROLMENT_TOKEN_USED" });
    expect(requests).toHaveLength(3);
  });

  it("says what is missing when there is neither identity nor token", async () => {
    await expect(
      loadOrEnrol({
        stateFolder: folder,
        controlPlaneUrl: undefined,
        token: undefined,
        deviceName: "x",
        emulated: false,
        clock,
        logger: createLogger("error", () => undefined),
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ code: "SRT_CONFIG_INVALID", message: expect.stringContaining("SARTOR_ENROLMENT_TOKEN") });
  });

  it("treats a damaged identity as none, and enrols again with the same secret", async () => {
    const first = await enrol();
    writeFileSync(join(folder, "identity.json"), '{"deviceId": "dev');
    const second = await enrol();
    expect(second).toEqual(first);
    expect(JSON.parse(readFileSync(join(folder, "identity.json"), "utf8"))).toEqual(first);
  });
});
